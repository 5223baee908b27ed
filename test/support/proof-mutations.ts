import { utf8ToBytes } from '../../protocol/hex.ts'

/**
 * Every change of one byte in a JSON text that is still JSON: for each byte a change of its
 * lowest bit (a digit becomes another), of its case bit, of its highest bit, and its inversion. `at` is the byte's position.
 */
export function* singleByteChanges(json: string): Generator<{ at: number; changed: unknown }> {
  const bytes = utf8ToBytes(json)
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [0x01, 0x20, 0x80, 0xff]) {
      const copy = bytes.slice()
      copy[at]! ^= mask
      const changed = parsed(copy)
      if (changed !== undefined) yield { at, changed }
    }
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}
