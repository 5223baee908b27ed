import { readFileSync } from 'node:fs'
import { type AddressBook, parseAddressBook } from '../../protocol/address-book.ts'
import { CountersignError } from '../../protocol/errors.ts'

/** Where the address book lies unless COUNTERSIGN_ADDRESS_BOOK or an option says otherwise. */
export const DEFAULT_ADDRESS_BOOK = '.countersign/address-book.json'

/** @throws ADDRESS_BOOK_INVALID naming the file, and the member at fault if it can be read */
export function readAddressBook(file: string): AddressBook {
  try {
    return parseAddressBook(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new CountersignError('ADDRESS_BOOK_INVALID', `there is no address book at ${file}`, {
        action: 'Run npm run deploy to write one, or set COUNTERSIGN_ADDRESS_BOOK to the file that it wrote.',
      })
    throw new CountersignError('ADDRESS_BOOK_INVALID', `${file}: ${(cause as Error).message}`, { cause })
  }
}
