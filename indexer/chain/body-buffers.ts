import { parseBody } from './scan-body.ts'

/** Kept for the next answer; larger ones are given back to the system. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024
const FIRST_BYTES = 256 * 1024

/**
 * Memory that response bodies are collected in, used again for the next: a megabyte allocated anew for each answer costs
 * as much time as parsing it, and stays until the garbage collector comes by.
 */
export class BodyBuffers {
  readonly #kept: Buffer[] = []
  readonly #most: number

  /** @param most as many as there are bodies at once */
  constructor(most: number) {
    this.#most = most
  }

  collect(): BodyCollector {
    return new BodyCollector(this.#kept.pop() ?? Buffer.allocUnsafeSlow(FIRST_BYTES), (buffer) => {
      if (this.#kept.length < this.#most && buffer.length <= MAX_KEPT_BYTES) this.#kept.push(buffer)
    })
  }
}

/** One body. */
export class BodyCollector {
  #buffer: Buffer
  #size = 0
  readonly #giveBack: (buffer: Buffer) => void

  constructor(buffer: Buffer, giveBack: (buffer: Buffer) => void) {
    this.#buffer = buffer
    this.#giveBack = giveBack
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size
  }

  add(chunk: Uint8Array): void {
    const size = this.#size + chunk.length
    if (size > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(size)))
      larger.set(this.#buffer.subarray(0, this.#size))
      this.#buffer = larger
    }
    this.#buffer.set(chunk, this.#size)
    this.#size = size
  }

  /** What it says; undefined when it is not JSON. */
  json(): unknown {
    return parseBody(this.#buffer.subarray(0, this.#size))
  }

  /** It is not used any more. */
  release(): void {
    this.#giveBack(this.#buffer)
  }
}
