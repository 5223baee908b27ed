import { bytesToHex, type Hex } from '../hex.ts'

/** Reads bytes from front to back; past the end it throws what it was given. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #endsEarly: () => Error
  #at = 0

  constructor(bytes: Uint8Array, endsEarly: () => Error) {
    this.#bytes = bytes
    this.#endsEarly = endsEarly
  }

  get position(): number {
    return this.#at
  }

  take(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.length) throw this.#endsEarly()
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  hex(length: number): Hex {
    return bytesToHex(this.take(length))
  }

  /** Big endian, of at most 6 bytes. */
  uint(length: number): number {
    return this.take(length).reduce((value, byte) => value * 256 + byte, 0)
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at)
  }
}

/** `value` in `length` bytes, big endian. */
export function uintBytes(value: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = length - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256
  return bytes
}
