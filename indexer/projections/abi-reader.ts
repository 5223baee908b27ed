import { RpcError } from '../chain/rpc-error.ts'

/**
 * Reads the ABI-encoded data of an event by hand: no library call a log. Offsets are in words of 32 bytes.
 * Contracts encode well; what does not fit here was altered on the way, so the endpoint is blamed.
 */
export interface AbiReader {
  bytes32(word: number): Buffer
  /** @throws RpcError when past 2^53 - 1 */
  number(word: number): number
  bigint(word: number): bigint
  /** Checks that the upper 12 bytes are zero. */
  address(word: number): Buffer
  /** The bytes whose offset lies at `word`. */
  bytes(word: number): Buffer
  /** The string whose offset lies at `word`. Not valid UTF-8 is shown with replacement characters. */
  string(word: number): string
  /** Word index and length of the array whose offset lies at `word`, elements of `width` words. */
  array(word: number, width: number): { first: number; length: number }
}

const WORD = 32

export function readAbi(data: string, endpoint: string): AbiReader {
  const bytes = Buffer.from(data.slice(2), 'hex')
  if (!data.startsWith('0x') || bytes.length * 2 + 2 !== data.length) fail('not hexadecimal')

  function fail(what: string): never {
    throw new RpcError('malformed', endpoint, `${endpoint}: event data: ${what}`)
  }
  function at(offset: number, length: number): Buffer {
    if (!Number.isSafeInteger(offset) || offset + length > bytes.length) fail('too short')
    return bytes.subarray(offset, offset + length)
  }
  function bigint(word: number): bigint {
    return BigInt(`0x${at(word * WORD, WORD).toString('hex')}`)
  }
  function number(word: number): number {
    const value = bigint(word)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) fail('a number is too large')
    return Number(value)
  }

  function dynamic(word: number): Buffer {
    const offset = number(word)
    return at(offset + WORD, Number(BigInt(`0x${at(offset, WORD).toString('hex')}`)))
  }

  return {
    bytes32: (word) => at(word * WORD, WORD),
    number,
    bigint,
    address(word) {
      const padded = at(word * WORD, WORD)
      if (padded.subarray(0, 12).some((byte) => byte !== 0)) fail('not an address')
      return padded.subarray(12)
    },
    bytes: dynamic,
    string: (word) => dynamic(word).toString('utf8'),
    array(word, width) {
      const offset = number(word)
      if (offset % WORD !== 0) fail('an array is not aligned')
      const length = number(offset / WORD)
      const first = offset / WORD + 1
      at(first * WORD, length * width * WORD)
      return { first, length }
    },
  }
}
