import { hexToBytes } from './hex.ts'
import { proofUnbuildable } from './proof-error.ts'

/** An object of a JSON-RPC answer as the node wrote it: quantities and data are still hexadecimal text. */
export type RawObject = Readonly<Record<string, unknown>>

/** Answer of `eth_getBlockByHash` or `eth_getBlockByNumber`, with full transactions or only their hashes. */
export type RawBlock = RawObject
/** Answer of `eth_getTransactionReceipt`, or an element of `eth_getBlockReceipts`. */
export type RawReceipt = RawObject

/** The data at `object[name]`, of `length` bytes if given. @throws PROOF_UNBUILDABLE */
export const rawData = (object: RawObject, name: string, what: string, length?: number): Uint8Array =>
  toData(object[name], `${what}: ${name}`, length)

/** Bytes of a data value, of `length` if given. @throws PROOF_UNBUILDABLE */
export function toData(value: unknown, what: string, length?: number): Uint8Array {
  if (typeof value !== 'string') throw proofUnbuildable(`${what} is missing`)
  try {
    return hexToBytes(value, length)
  } catch (error) {
    throw proofUnbuildable(`${what}: ${(error as Error).message}`, error)
  }
}

/** The quantity at `object[name]` as big-endian bytes without leading zeros: its RLP form. @throws PROOF_UNBUILDABLE */
export function rawQuantity(object: RawObject, name: string, what: string): Uint8Array {
  const value = object[name]
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    throw proofUnbuildable(`${what}: ${name} is not a quantity`)
  const digits = value.slice(2).replace(/^0+/, '')
  return hexToBytes(`0x${digits.length % 2 === 0 ? '' : '0'}${digits}`)
}

/** The same as a number, 2^53 - 1 at most. @throws PROOF_UNBUILDABLE */
export function rawNumber(object: RawObject, name: string, what: string): number {
  rawQuantity(object, name, what)
  const value = Number(object[name])
  if (!Number.isSafeInteger(value)) throw proofUnbuildable(`${what}: ${name} is past 2^53 - 1`)
  return value
}

/** The array at `object[name]`. @throws PROOF_UNBUILDABLE */
export function rawArray(object: RawObject, name: string, what: string): readonly unknown[] {
  const value = object[name]
  if (!Array.isArray(value)) throw proofUnbuildable(`${what}: ${name} is not an array`)
  return value
}

/** @throws PROOF_UNBUILDABLE unless `value` is an object */
export function rawObject(value: unknown, what: string): RawObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw proofUnbuildable(`${what}: not an object`)
  return value as RawObject
}
