import { isCountersignError } from '../../../protocol/errors.ts'
import { type Bytes32, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import type { BookWriterSettings } from './book-writer-options.ts'
import type { ChainAccess } from './chain-access.ts'
import type { Outbox } from './outbox.ts'

const ENTRIES_AT_ONCE = 500

/** Nothing is recorded. */
export const isEmptyDigest = (digest: Bytes32): boolean => digest === ZERO_BYTES32

/** Entries that are on chain by a transaction that is not the outbox's. */
export class LooseEntries {
  readonly #settings: BookWriterSettings
  readonly #outbox: Outbox
  readonly #chain: ChainAccess
  /** Whether the node refused at last, which is told once. */
  #isRefused = false

  constructor(settings: BookWriterSettings, outbox: Outbox, chain: ChainAccess) {
    this.#settings = settings
    this.#outbox = outbox
    this.#chain = chain
  }

  /** By their slots at the final block: what is newer may be undone. */
  async finalise(finalBlock: number): Promise<void> {
    const entries = this.#outbox.recordedElsewhere(finalBlock, ENTRIES_AT_ONCE)
    if (entries.length === 0) return
    const keys = entries.map(({ key }) => key)
    const digests = await this.#digestsAt(finalBlock, keys)
    if (digests === undefined) return
    const newest = digests.some(isEmptyDigest) ? await this.#chain.digestsOf(keys) : digests
    await this.#settings.commits.write(() => {
      for (const [i, entry] of entries.entries()) {
        const onChain = digests[i]!
        if (onChain === entry.digest) this.#outbox.setState(entry.id, 'final')
        else if (!isEmptyDigest(onChain)) this.#outbox.markConflict(entry)
        // One that was recorded again since becomes final in its turn.
        else if (isEmptyDigest(newest[i]!)) this.#outbox.setState(entry.id, 'pending')
      }
    })
  }

  async #digestsAt(block: number, keys: readonly Bytes32[]): Promise<Bytes32[] | undefined> {
    try {
      const digests = await this.#chain.digestsOf(keys, block)
      this.#isRefused = false
      return digests
    } catch (error) {
      if (isCountersignError(error)) throw error
      // Some nodes know the state of the latest blocks only.
      if (!this.#isRefused)
        this.#settings.logger.warn({ err: error, block }, 'the node does not say what is recorded for good')
      this.#isRefused = true
      return undefined
    }
  }
}
