import { type Address, type Bytes32, type Hex, keccak256, utf8ToBytes } from '../../../protocol/hex.ts'
import type { Entry } from '../../../protocol/record-book.ts'

const WORD = 32
const selector = (signature: string): Buffer => Buffer.from(keccak256(utf8ToBytes(signature)).subarray(0, 4))
const RECORD = selector('record(bytes32,bytes32)')
const RECORD_BATCH = selector('recordBatch((bytes32,bytes32)[])')
const DIGESTS_OF = selector('digestsOf(address,bytes32[])')

/**
 * Call data that records `entries`: `record` for one, `recordBatch` for more. Encoded by hand (Solidity ABI, static tuples
 * lie packed behind offset and length), since a general encoder takes many times as long on a batch of hundreds.
 */
export function encodeRecording(entries: readonly Entry[]): Uint8Array {
  const isSingle = entries.length === 1
  const start = isSingle ? 4 : 4 + 2 * WORD
  const data = Buffer.alloc(start + entries.length * 2 * WORD)
  data.set(isSingle ? RECORD : RECORD_BATCH)
  if (!isSingle) {
    data.writeUInt32BE(WORD, 4 + WORD - 4)
    data.writeUInt32BE(entries.length, 4 + 2 * WORD - 4)
  }
  entries.forEach(({ key, digest }, i) => {
    data.write(key.slice(2), start + i * 2 * WORD, 'hex')
    data.write(digest.slice(2), start + i * 2 * WORD + WORD, 'hex')
  })
  return data
}

/** Call data of `digestsOf(author, keys)`. */
export function encodeDigestsOf(author: Address, keys: readonly Bytes32[]): Hex {
  const data = Buffer.alloc(4 + (3 + keys.length) * WORD)
  data.set(DIGESTS_OF)
  data.write(author.slice(2), 4 + 12, 'hex')
  data.writeUInt32BE(2 * WORD, 4 + 2 * WORD - 4)
  data.writeUInt32BE(keys.length, 4 + 3 * WORD - 4)
  keys.forEach((key, i) => {
    data.write(key.slice(2), 4 + (3 + i) * WORD, 'hex')
  })
  return `0x${data.toString('hex')}`
}

/** Decodes the `bytes32[]` that `digestsOf` returns. */
export function decodeDigests(returned: string, count: number): Bytes32[] {
  const words = returned.slice(2).match(/.{64}/g) ?? []
  if (words.length !== count + 2 || Number(`0x${words[1]}`) !== count)
    throw new Error(`digestsOf returned ${words.length} words for ${count} keys`)
  return words.slice(2).map((word): Bytes32 => `0x${word}`)
}
