import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { CountersignError } from '../../protocol/errors.ts'
import { type PaymentMapping, parseMapping } from '../../services/tax-office/import/parse-mapping.ts'
import { type ImportedRow, readPayments } from '../../services/tax-office/import/read-payments.ts'

/** A file of payments and how its columns are read. */
export interface PaymentFile {
  file: string
  bytes: number
  mapping: PaymentMapping
}

/** Files in the order named; each `--mapping` is that of the files named before it. */
export interface NamedFiles {
  files: string[]
  mapping: string
}

/** Checks that all files are there and all mappings valid, before anything is sent. @throws FILE_UNREADABLE, PAYMENT_MAPPING_INVALID */
export async function openPaymentFiles(named: readonly NamedFiles[]): Promise<PaymentFile[]> {
  const opened: PaymentFile[] = []
  for (const { files, mapping: mappingFile } of named) {
    const mapping = parseMapping(await readMapping(mappingFile))
    for (const file of files)
      opened.push({ file, mapping, bytes: await stat(file).then(({ size }) => size, unreadable(file)) })
  }
  return opened
}

/** The rows of a file. @param onBytes told of every piece read @throws PAYMENT_FILE_INVALID, FILE_UNREADABLE */
export async function* rowsOf(
  { file, mapping }: PaymentFile,
  onBytes: (count: number) => void = () => {},
): AsyncGenerator<ImportedRow> {
  yield* readPayments(counted(file, onBytes), mapping)
}

async function* counted(file: string, onBytes: (count: number) => void): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of createReadStream(file)) {
      onBytes(piece.length)
      yield piece
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    unreadable(file)(error)
  }
}

async function readMapping(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch(unreadable(file))
  try {
    return JSON.parse(text)
  } catch {
    throw new CountersignError('PAYMENT_MAPPING_INVALID', `${file} is not JSON`)
  }
}

const unreadable =
  (file: string) =>
  (cause: unknown): never => {
    throw new CountersignError('FILE_UNREADABLE', `${file} cannot be read`, { cause })
  }
