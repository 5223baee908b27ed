import { createReadStream, existsSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import type { Store, StoreReader } from '../store/store.ts'
import type { TableRows } from '../store/tables.ts'
import {
  type BackupHeader,
  type BackupSummary,
  decodeBackup,
  encodeBackup,
  invalid,
} from './backup-format.ts'

/** Hashes hardly shrink: more effort would cost time and save nothing. */
const GZIP_LEVEL = 1

/**
 * Writes all of a store into a file that only its owner can read: webhook secrets are in it. The store may be in use. The
 * file gets its name when it is whole and on disk; until then it is `<file>.part`.
 * @throws BACKUP_EXISTS, and what the store throws
 */
export async function backUp(store: StoreReader, file: string): Promise<BackupSummary & { bytes: number }> {
  if (existsSync(file)) throw new CountersignError('BACKUP_EXISTS', `there is a file ${file}`)
  const part = `${file}.part`
  const handle = await open(part, 'w', 0o600)
  try {
    await handle.chmod(0o600)
    const summary = await writeLines(handle, store)
    await handle.sync()
    const { size } = await handle.stat()
    await handle.close()
    await rename(part, file)
    await syncFolder(dirname(file))
    return { ...summary, bytes: size }
  } catch (error) {
    await handle.close().catch(() => {})
    await rm(part, { force: true })
    throw error
  }
}

async function writeLines(handle: FileHandle, store: StoreReader): Promise<BackupSummary> {
  let summary: BackupSummary | undefined
  const { first, rest, close } = await firstRows(store)
  const lines = encodeBackup(headerOf(first), rest)
  async function* text() {
    for (;;) {
      const { done, value } = await lines.next()
      if (done) {
        summary = value
        return
      }
      yield value
    }
  }
  try {
    await pipeline(
      Readable.from(text(), { objectMode: false, highWaterMark: 1 << 20 }),
      createGzip({ level: GZIP_LEVEL }),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) await handle.appendFile(chunk)
      },
    )
  } finally {
    // An open snapshot keeps a connection, and with it the process.
    await close()
  }
  return summary!
}

/** The chains come first of what is exported, and all of it is of one moment: the header says where they stand in just this backup. */
async function firstRows(
  store: StoreReader,
): Promise<{ first: TableRows[]; rest: AsyncIterable<TableRows>; close: () => Promise<unknown> }> {
  const parts = store.exportRows()[Symbol.asyncIterator]()
  const first: TableRows[] = []
  for (;;) {
    const { done, value } = await parts.next()
    if (done) break
    first.push(value)
    if (value.table !== 'store_version' && value.table !== 'chains') break
  }
  async function* rest() {
    yield* first
    for (let next = await parts.next(); !next.done; next = await parts.next()) yield next.value
  }
  return { first, rest: rest(), close: async () => parts.return?.() }
}

function headerOf(parts: readonly TableRows[]): BackupHeader {
  const chains = parts
    .filter(({ table }) => table === 'chains')
    .flatMap(({ columns, rows }) =>
      rows.map((row) => {
        const of = (name: string) => row[columns.indexOf(name)]!
        return {
          chainId: Number(of('chain_id')),
          genesisHash: bytesToHex(of('genesis_hash') as Uint8Array),
          block: Number(of('checkpoint_number')),
          blockHash: bytesToHex(of('checkpoint_hash') as Uint8Array),
        }
      }),
    )
  return { format: 'countersign-index-backup', version: 1, createdAt: new Date().toISOString(), chains }
}

/** A renamed file is only safe once its folder is on disk too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}

/**
 * Fills an empty store from a file, after the whole of it was found to be as it was written.
 * @throws BACKUP_INVALID, STORE_NOT_EMPTY; nothing is changed then
 */
export async function restore(file: string, store: Store): Promise<BackupSummary> {
  const summary = await verifyBackup(file)
  await store.importRows(withoutChainStates(readParts(file)))
  return summary
}

/** Reads a backup to its end. @throws BACKUP_INVALID */
export async function verifyBackup(file: string): Promise<BackupSummary> {
  const parts = readParts(file)
  for (;;) {
    const { done, value } = await parts.next()
    if (done) return value
  }
}

async function* readParts(file: string): AsyncGenerator<TableRows, BackupSummary> {
  const compressed = createReadStream(file, { highWaterMark: 1 << 18 })
  const chunks = compressed.pipe(createGunzip())
  compressed.once('error', (error) => chunks.destroy(error))
  try {
    return yield* decodeBackup(chunks)
  } catch (error) {
    throw explain(error, file)
  } finally {
    compressed.destroy()
  }
}

function explain(error: unknown, file: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return invalid(`there is no file ${file}`, error)
  if (code === 'Z_BUF_ERROR') return invalid(`${file}: it was cut short`, error)
  if (code?.startsWith('Z_')) return invalid(`${file}: it is damaged, or not compressed by gzip`, error)
  if (error instanceof CountersignError && error.code === 'BACKUP_INVALID')
    return invalid(`${file}: ${error.message}`, error)
  return error
}

/** What a writer last said of its chains is no news any more: the next one says its own. */
async function* withoutChainStates(parts: AsyncIterable<TableRows>): AsyncGenerator<TableRows> {
  for await (const part of parts) if (part.table !== 'chain_states') yield part
}
