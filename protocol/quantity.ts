import type { Hex } from './hex.ts'

/** A non-negative whole number as JSON-RPC writes quantities: hexadecimal without leading zeros, 0 as `0x0`. */
export const toQuantity = (value: number | bigint): Hex => `0x${value.toString(16)}`
