import { type Address, type Bytes32, concatBytes, hexToBytes, keccak256, keccak256Hex } from './hex.ts'

/** Where a book's `digest[author][key]` lies (Solidity: nested mapping). `mappingSlot` is documented with the contract. */
export const digestSlot = (author: Address, key: Bytes32, mappingSlot: number): Bytes32 =>
  mappingValueSlot(hexToBytes(key, 32), keccak256(concatBytes(addressWord(author), uintWord(mappingSlot))))

/** Where a book's `head[author]` lies. */
export const headSlot = (author: Address, mappingSlot: number): Bytes32 =>
  mappingValueSlot(addressWord(author), uintWord(mappingSlot))

const mappingValueSlot = (key: Uint8Array, slot: Uint8Array): Bytes32 => keccak256Hex(concatBytes(key, slot))

/** A number as Solidity lays it into a word. */
export const uintWord = (value: number | bigint): Uint8Array =>
  hexToBytes(`0x${BigInt(value).toString(16).padStart(64, '0')}`)

const addressWord = (address: Address): Uint8Array => {
  const word = new Uint8Array(32)
  word.set(hexToBytes(address, 20), 12)
  return word
}
