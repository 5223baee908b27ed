import { existsSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AddressBook } from '../protocol/address-book.ts'
import { readAddressBook } from '../services/party/address-book-file.ts'

/** Undefined when there is no such file yet. @throws ADDRESS_BOOK_INVALID naming file and member */
export const findAddressBook = (file: string): AddressBook | undefined =>
  existsSync(file) ? readAddressBook(file) : undefined

/** Whoever reads meanwhile sees the old book or the new one, never half of it. */
export async function writeAddressBook(file: string, book: AddressBook): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const draft = `${file}.${process.pid}.tmp`
  await writeFile(draft, `${JSON.stringify(book, null, 2)}\n`)
  await rename(draft, file)
}
