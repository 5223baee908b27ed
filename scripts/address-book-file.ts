import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type AddressBook, parseAddressBook } from '../protocol/address-book.ts'
import { CountersignError } from '../protocol/errors.ts'

/** Where the address book lies unless COUNTERSIGN_ADDRESS_BOOK or an option says otherwise. */
export const DEFAULT_ADDRESS_BOOK = '.countersign/address-book.json'

/** Undefined when there is no such file yet. @throws ADDRESS_BOOK_INVALID naming file and member */
export async function findAddressBook(file: string): Promise<AddressBook | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CountersignError('FILE_UNREADABLE', `${file}: ${(cause as Error).message}`, { cause })
  }
  try {
    return parseAddressBook(JSON.parse(text))
  } catch (cause) {
    throw new CountersignError('ADDRESS_BOOK_INVALID', `${file}: ${(cause as Error).message}`, { cause })
  }
}

/** Whoever reads meanwhile sees the old book or the new one, never half of it. */
export async function writeAddressBook(file: string, book: AddressBook): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const draft = `${file}.${process.pid}.tmp`
  await writeFile(draft, `${JSON.stringify(book, null, 2)}\n`)
  await rename(draft, file)
}
