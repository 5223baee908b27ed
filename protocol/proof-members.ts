import { hexToBytes } from './hex.ts'
import { proofInvalid } from './proof-error.ts'

/**
 * Readers for the members of a proof that came from outside. They accept one spelling of each value: hexadecimal text
 * in lower case, numbers that are non-negative safe integers.
 */

/** Checks that `proof` is an object of these members, no more and no fewer. @throws PROOF_INVALID */
export function checkMembers(proof: unknown, names: readonly string[], what: string): void {
  if (typeof proof !== 'object' || proof === null || Array.isArray(proof))
    throw proofInvalid(`${what}: not an object`)
  for (const name of names) if (!Object.hasOwn(proof, name)) throw proofInvalid(`${what}: ${name} is missing`)
  for (const name of Object.keys(proof))
    if (!names.includes(name))
      throw proofInvalid(`${what}: unknown member ${JSON.stringify(name.slice(0, 40))}`)
}

/** @throws PROOF_INVALID unless `value` is lower-case hexadecimal text of `length` bytes, of any length if not given */
export function proofBytes(value: unknown, what: string, length?: number): Uint8Array {
  if (typeof value !== 'string' || !/^0x(?:[0-9a-f]{2})*$/.test(value))
    throw proofInvalid(`${what}: not lower-case hexadecimal text`)
  const bytes = hexToBytes(value)
  if (length !== undefined && bytes.length !== length)
    throw proofInvalid(`${what}: expected ${length} bytes, got ${bytes.length}`)
  return bytes
}

/** @throws PROOF_INVALID unless `value` is a non-negative safe integer (and not -0) */
export function proofIndex(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || Object.is(value, -0))
    throw proofInvalid(`${what}: not a non-negative integer`)
  return value as number
}

/** Trie nodes; a path has as many at most as its key has half-bytes, and one more. @throws PROOF_INVALID */
export function proofNodes(value: unknown, keyBytes: number, what: string): Uint8Array[] {
  if (!Array.isArray(value)) throw proofInvalid(`${what}: not an array`)
  if (value.length > keyBytes * 2 + 1) throw proofInvalid(`${what}: ${value.length} nodes are too many`)
  return value.map((node, i) => proofBytes(node, `${what}: node ${i}`))
}
