import type { RpcAdvice } from './rpc-error.ts'

/** What nobody gave a number for is found by trying, and tried again after so long: it may have been a bad moment. */
const GUESS_HOLDS_MS = 600_000

/** One limit of an endpoint: the configured one, narrowed by what its errors say. */
class Limit {
  readonly #configured: number
  #stated = Number.POSITIVE_INFINITY
  #guessed = Number.POSITIVE_INFINITY
  #guessedUntil = 0

  constructor(configured: number) {
    this.#configured = configured
  }

  get value(): number {
    if (performance.now() > this.#guessedUntil) this.#guessed = Number.POSITIVE_INFINITY
    return Math.max(Math.min(this.#configured, this.#stated, this.#guessed), 1)
  }

  state(value: number): void {
    this.#stated = Math.min(this.#stated, value)
  }

  guess(value: number): void {
    this.#guessed = Math.min(this.value, value)
    this.#guessedUntil = performance.now() + GUESS_HOLDS_MS
  }

  forgetGuess(): void {
    this.#guessed = Number.POSITIVE_INFINITY
  }
}

/** How much may be asked of an endpoint at once, as configured and as learnt, so that a limit is met once only. */
export class EndpointLimits {
  readonly blocks: Limit
  readonly logs = new Limit(Number.POSITIVE_INFINITY)
  readonly batch: Limit

  constructor({ maxBlocks, maxBatch }: { maxBlocks: number; maxBatch: number }) {
    this.blocks = new Limit(maxBlocks)
    this.batch = new Limit(maxBatch)
  }

  /** A range of so many blocks was refused. */
  learnRange(blocks: number, { maxBlocks, maxLogs, isBlockLimit }: RpcAdvice): void {
    // A stated limit that the refused range respects was read wrongly.
    if (maxBlocks !== undefined && maxBlocks < blocks) this.blocks.state(maxBlocks)
    else if (isBlockLimit || maxBlocks !== undefined) this.blocks.guess(Math.floor(blocks / 2))
    if (maxLogs !== undefined) this.logs.state(maxLogs)
  }

  /** A batch of so many calls was refused. */
  learnBatch(calls: number, { maxBatch }: RpcAdvice): void {
    if (maxBatch !== undefined && maxBatch < calls) this.batch.state(maxBatch)
    else this.batch.guess(Math.floor(calls / 2))
  }
}
