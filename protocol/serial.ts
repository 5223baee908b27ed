import { decodeTime, isValid, monotonicFactory } from 'ulid'
import { CountersignError } from './errors.ts'
import { type Bytes32, bytesToHex, hexToBytes, utf8ToBytes } from './hex.ts'

/** A ULID: 26 characters of Crockford base32, upper case, ordered by time. Names one query for all its providers. */
export type Serial = string

const nextUlid = monotonicFactory()

/** @param now unix milliseconds; serials made in the same millisecond by one process still ascend. */
export const newSerial = (now: number = Date.now()): Serial => nextUlid(now)

/** @throws SERIAL_MALFORMED unless `text` is a ULID in upper case. */
export function parseSerial(text: string): Serial {
  if (!isValid(text) || text !== text.toUpperCase())
    throw new CountersignError('SERIAL_MALFORMED', `not a serial: ${JSON.stringify(text.slice(0, 40))}`)
  return text
}

/** When the serial was made, in unix milliseconds. */
export const serialTime = (serial: Serial): number => decodeTime(serial)

/** The serial's ASCII bytes, right-padded with zeros to 32: it reads as text in any block explorer. */
export function serialToKey(serial: Serial): Bytes32 {
  const key = new Uint8Array(32)
  key.set(utf8ToBytes(parseSerial(serial)))
  return bytesToHex(key)
}

/** @throws SERIAL_MALFORMED when the key is not a padded serial: anyone may write any key under their own address. */
export function keyToSerial(key: Bytes32): Serial {
  const bytes = hexToBytes(key, 32)
  if (bytes.subarray(26).some((byte) => byte !== 0))
    throw new CountersignError('SERIAL_MALFORMED', `key ${key} is not a padded serial`)
  return parseSerial(String.fromCharCode(...bytes.subarray(0, 26)))
}
