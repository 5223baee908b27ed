import { isCountersignError } from '../../../protocol/errors.ts'
import { type Bytes32, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import type { BookWriterSettings } from './book-writer-options.ts'
import type { CallGroups } from './call-groups.ts'
import type { ChainAccess, RecordLocation } from './chain-access.ts'
import type { LooseEntry, Outbox } from './outbox.ts'

interface Fate {
  entry: LooseEntry
  /** `open`: nobody knows yet. */
  is: 'final' | 'conflict' | 'gone' | 'open'
  location?: RecordLocation | undefined
}

const ENTRIES_AT_ONCE = 500
/** Between looks by events, which cost a node more than slots do. */
const EVENTS_EVERY_MS = 2_000

/** Nothing is recorded. */
export const isEmptyDigest = (digest: Bytes32): boolean => digest === ZERO_BYTES32

/** Entries that are on chain by a transaction that is not the outbox's. */
export class LooseEntries {
  readonly #settings: BookWriterSettings
  readonly #outbox: Outbox
  readonly #chain: ChainAccess
  readonly #groups: CallGroups
  /** Whether the node refused at last, which is told once. */
  #isRefused = false
  /** When, in unix milliseconds, entries are looked for by their events again. */
  #eventsAt = 0

  constructor(settings: BookWriterSettings, outbox: Outbox, chain: ChainAccess, groups: CallGroups) {
    this.#settings = settings
    this.#outbox = outbox
    this.#chain = chain
    this.#groups = groups
  }

  /** Settles those that are final, and brings back those that are on chain no longer. */
  async finalise(finalBlock: number): Promise<void> {
    const entries = this.#outbox.recordedElsewhere(finalBlock, ENTRIES_AT_ONCE)
    if (entries.length === 0 || Date.now() < this.#eventsAt) return
    const digests = await this.#digestsAt(finalBlock, entries)
    if (digests === undefined) this.#eventsAt = Date.now() + EVENTS_EVERY_MS
    const fates = await (digests === undefined
      ? this.#byEvents(entries, finalBlock)
      : this.#bySlots(entries, digests))
    await this.#settings.commits.write(() => {
      for (const fate of fates) this.#settle(fate)
    })
  }

  #settle({ entry, is, location }: Fate): void {
    if (location !== undefined) this.#outbox.setLocation(entry.key, location)
    if (is === 'final') this.#outbox.markFinal(entry.id)
    else if (is === 'conflict') this.#outbox.markConflict(entry)
    else if (is === 'gone') this.#outbox.bringBack(entry.id)
  }

  /** By their slots at the final block: what is newer may be undone. */
  async #bySlots(entries: readonly LooseEntry[], digests: readonly Bytes32[]): Promise<Fate[]> {
    const newest = digests.some(isEmptyDigest) ? await this.#newest(entries) : digests
    return entries.map((entry, i): Fate => {
      if (!isEmptyDigest(digests[i]!)) return { entry, is: verdictOn(entry, digests[i]!) }
      // One that was recorded again since becomes final in its turn.
      return { entry, is: isEmptyDigest(newest[i]!) ? 'gone' : 'open' }
    })
  }

  /** By their newest slots, and whether what put them there is in a block that is final: a slot is written once. */
  async #byEvents(entries: readonly LooseEntry[], finalBlock: number): Promise<Fate[]> {
    const digests = await this.#newest(entries)
    const present = entries.filter((_, i) => !isEmptyDigest(digests[i]!))
    const locations = await this.#locate(present)
    return entries.map((entry, i): Fate => {
      if (isEmptyDigest(digests[i]!)) return { entry, is: 'gone' }
      const location = locations.get(entry.key)
      const isFinal = location !== undefined && location.blockNumber <= finalBlock
      return { entry, is: isFinal ? verdictOn(entry, digests[i]!) : 'open', location }
    })
  }

  #newest(entries: readonly LooseEntry[]): Promise<Bytes32[]> {
    return this.#chain.digestsOf(entries.map(({ key }) => key))
  }

  async #digestsAt(block: number, entries: readonly LooseEntry[]): Promise<Bytes32[] | undefined> {
    try {
      const digests = await this.#chain.digestsOf(
        entries.map(({ key }) => key),
        block,
      )
      this.#isRefused = false
      return digests
    } catch (error) {
      if (isCountersignError(error)) throw error
      // Some nodes know the state of the latest blocks only.
      if (!this.#isRefused)
        this.#settings.logger.warn(
          { err: error, block },
          'the node does not say what is recorded for good; events have to',
        )
      this.#isRefused = true
      return undefined
    }
  }

  /** A node that has no events either leaves them open. */
  async #locate(entries: readonly LooseEntry[]): Promise<Map<Bytes32, RecordLocation>> {
    const found = new Map<Bytes32, RecordLocation>()
    for (const [group, ofGroup] of Map.groupBy(entries, (entry) => entry.group)) {
      const keys = ofGroup.map(({ key }) => key)
      const { event } = this.#groups.get(group).calls
      const locations = await this.#chain.findRecordings(keys, event).catch((error) => {
        if (isCountersignError(error)) throw error
        return new Map<Bytes32, RecordLocation>()
      })
      for (const [key, location] of locations) found.set(key, location)
    }
    return found
  }
}

const verdictOn = ({ digest }: LooseEntry, onChain: Bytes32): 'final' | 'conflict' =>
  onChain === digest ? 'final' : 'conflict'
