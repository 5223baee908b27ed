import type { Value } from '../tables.ts'
import { escapeText } from './text-escape.ts'

/** Type oids of the columns that our tables have. */
export const OIDS = { int8: 20, int2: 21, int4: 23, text: 25, bytea: 17 } as const

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER_LENGTH = 2

/**
 * Rows in the binary form of COPY: the server takes bytes as they are, and parses nothing.
 * @param oids types of the columns
 * @param values of whole rows, one after the other
 */
export function encodeCopy(oids: readonly number[], values: readonly Value[]): Buffer {
  const width = oids.length
  const texts: Buffer[] = []
  const length = lengthOf(oids, values, texts)
  const buffer = Buffer.allocUnsafe(length)
  let at = SIGNATURE.copy(buffer)
  let text = 0
  for (let i = 0; i < values.length; i++) {
    if (i % width === 0) at = buffer.writeInt16BE(width, at)
    const value = values[i]!
    if (value === null) at = buffer.writeInt32BE(-1, at)
    else if (typeof value === 'number') at = writeInteger(buffer, at, oids[i % width]!, value)
    else {
      const bytes = typeof value === 'string' ? texts[text++]! : value
      at = buffer.writeInt32BE(bytes.length, at)
      buffer.set(bytes, at)
      at += bytes.length
    }
  }
  buffer.writeInt16BE(-1, at)
  return buffer
}

function lengthOf(oids: readonly number[], values: readonly Value[], texts: Buffer[]): number {
  const width = oids.length
  let length = SIGNATURE.length + TRAILER_LENGTH + 2 * (values.length / width) + 4 * values.length
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value === null) continue
    if (typeof value === 'number') length += INTEGER_BYTES[oids[i % width]!]!
    else if (typeof value === 'string') {
      const bytes = Buffer.from(escapeText(value))
      texts.push(bytes)
      length += bytes.length
    } else length += value.length
  }
  return length
}

const INTEGER_BYTES: Readonly<Record<number, number>> = { [OIDS.int8]: 8, [OIDS.int4]: 4, [OIDS.int2]: 2 }

function writeInteger(buffer: Buffer, at: number, oid: number, value: number): number {
  const bytes = INTEGER_BYTES[oid]!
  const next = buffer.writeInt32BE(bytes, at)
  if (bytes === 2) return buffer.writeInt16BE(value, next)
  if (bytes === 4) return buffer.writeInt32BE(value, next)
  // Two halves cost a tenth of a BigInt.
  const high = Math.floor(value / 2 ** 32)
  return buffer.writeUInt32BE(value - high * 2 ** 32, buffer.writeInt32BE(high, next))
}
