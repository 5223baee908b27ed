import { decodeTime, monotonicFactory, ulid } from 'ulid'
import { CountersignError } from './errors.ts'
import { type Bytes32, hexToBytes } from './hex.ts'
import { takeRandomBytes } from './random.ts'

/** A ULID: 26 characters of Crockford base32, upper case, ordered by time. Names one query for all its providers. */
export type Serial = string

/** A ULID, as a regular expression for schemas. The first character carries three bits: 8 and above would be a time past 48 bits. */
export const SERIAL_PATTERN = '^[0-7][0-9A-HJKMNP-TV-Z]{25}$'
const ULID = new RegExp(SERIAL_PATTERN)
const KEY_BYTES = 32
// The generator's own source asks the platform 16 times a serial.
const nextUlid = monotonicFactory(() => takeRandomBytes(1)[0]! / 256)

/** Serials of one process ascend, also within a millisecond and when the clock is set back. @param time unix milliseconds, instead of now */
export const newSerial = (time?: number): Serial => (time === undefined ? nextUlid() : ulid(time))

/** @throws SERIAL_MALFORMED unless `text` is a ULID in upper case. */
export function parseSerial(text: string): Serial {
  if (!ULID.test(text))
    throw new CountersignError('SERIAL_MALFORMED', `not a serial: ${JSON.stringify(text.slice(0, 40))}`)
  return text
}

/** When the serial was made, in unix milliseconds. */
export const serialTime = (serial: Serial): number => decodeTime(serial)

/** The serial's ASCII bytes, right-padded with zeros to 32: it reads as text in any block explorer. */
export function serialToKey(serial: Serial): Bytes32 {
  let key = '0x'
  parseSerial(serial)
  for (let i = 0; i < serial.length; i++) key += serial.charCodeAt(i).toString(16)
  return key.padEnd(2 + 2 * KEY_BYTES, '0') as Bytes32
}

/** @throws SERIAL_MALFORMED when the key is not a padded serial: anyone may write any key under their own address. */
export function keyToSerial(key: Bytes32): Serial {
  const bytes = hexToBytes(key, KEY_BYTES)
  if (bytes.subarray(26).some((byte) => byte !== 0))
    throw new CountersignError('SERIAL_MALFORMED', `key ${key} is not a padded serial`)
  return parseSerial(String.fromCharCode(...bytes.subarray(0, 26)))
}
