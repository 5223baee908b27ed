import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import { ChainHeads } from '../chain/chain-heads.ts'
import type {
  BookWholeness,
  ChainConfig,
  ChainState,
  ChainView,
  CompletenessState,
} from '../chain/chain-view.ts'
import type { IndexedContract } from '../chain/decode-logs.ts'
import type { EndpointHealth } from '../chain/rpc-client.ts'
import { PROJECTIONS } from '../projections/projections.ts'
import type { ChainStateRow, StoredChain, StoreReader } from '../store/store.ts'

/** A writer says something every two seconds. */
const WRITER_SILENCE_MS = 10_000
const LAG_POLL_MS = 500
/** A writer that backfills commits faster than that; one look in ten finds a quiet moment. */
const ATTEMPTS = 10

/** What is said of a chain that no writer said anything of. */
const UNREAD = {
  state: 'starting',
  tip: undefined,
  books: new Map<number, BookWholeness>(),
  completeness: 'unverified',
  alarm: undefined,
  lastError: undefined,
  reorganisations: 0,
} as const

export interface ReaderViewsOptions {
  store: StoreReader
  configs: readonly ChainConfig[]
  pollMs: number
  log: Logger
  /** Called when what the store says of its chains has changed. */
  onChange?: () => void
}

interface ReadChain {
  stored: StoredChain
  heads: ChainHeads
  contracts: IndexedContract[]
}

/**
 * The views of a process that does not follow the chains itself, made anew from the store whenever its version changed:
 * all of one version, so that they belong to the rows of that version.
 */
export class ReaderViews extends Map<number, ChainView> {
  readonly #options: ReaderViewsOptions
  readonly #abort = new AbortController()
  readonly #rowCompleteness = new Map<number, CompletenessState>()
  /** When a writer's word was last new, by our own clock. */
  readonly #heard = new Map<number, { updatedAt: number; at: number }>()
  #states = new Map<number, ChainStateRow>()
  #version: number | undefined
  #looking: Promise<void> | undefined
  #nextLook: Promise<void> | undefined
  #nextLag = 0
  #reachedAt = performance.now()
  #polling: Promise<void> | undefined

  constructor(options: ReaderViewsOptions) {
    super()
    this.#options = options
    for (const config of options.configs)
      this.set(config.chainId, {
        config,
        ...UNREAD,
        checkpoint: undefined,
        heads: ChainHeads.load([], []),
        contracts: [],
        endpoints: () => (this.#states.get(config.chainId)?.endpoints ?? []) as EndpointHealth[],
      })
  }

  /** The genesis block that the writer made its index from. */
  readonly genesisOf = new Map<number, string>()

  /** Looks from time to time until `close`. */
  start(): void {
    this.#polling ??= this.#poll()
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.#polling
  }

  /**
   * Brings the views up to the store as it is now, or later. Rows that were read before, under the same version, belong to
   * the views. @throws what the store throws, STORE_UNAVAILABLE when the store is never as it was long enough to be read
   */
  refresh(): Promise<void> {
    // A look that began before the caller read its rows says nothing of them; those who wait share the next one.
    if (this.#looking === undefined) return this.#look()
    this.#nextLook ??= this.#looking
      .catch(() => {})
      .then(() => {
        this.#nextLook = undefined
        return this.#look()
      })
    return this.#nextLook
  }

  #look(): Promise<void> {
    this.#looking = this.#read().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #poll(): Promise<void> {
    const { pollMs, log } = this.#options
    const { signal } = this.#abort
    let isFailing = false
    while (!signal.aborted) {
      try {
        await this.refresh()
        if (performance.now() >= this.#nextLag) await this.#readLag()
        this.#reachedAt = performance.now()
        if (isFailing) log.info('the store can be read again')
        isFailing = false
      } catch (error) {
        if (!isFailing) log.warn({ err: error }, 'the store cannot be read')
        isFailing = true
      }
      this.#applyStates()
      await sleep(pollMs, undefined, { signal }).catch(() => {})
    }
  }

  async #read(): Promise<void> {
    const { store, configs, onChange } = this.#options
    let version = await store.version()
    for (let attempt = 0; version !== this.#version && attempt < ATTEMPTS; attempt++) {
      const chains = await store.listChains()
      const read: ReadChain[] = []
      for (const config of configs) {
        const stored = chains.find(({ chainId }) => chainId === config.chainId)
        if (stored !== undefined) read.push(await this.#readChain(config, stored))
      }
      const states = await store.listChainStates()
      const now = await store.version()
      if (now === version) {
        this.#version = version
        this.#applyChains(read)
        this.#noteStates(states)
        this.#applyStates()
        onChange?.()
      }
      version = now
    }
    if (version !== this.#version)
      throw new CountersignError('STORE_UNAVAILABLE', 'the store changes faster than it can be read')
  }

  async #readChain(config: ChainConfig, stored: StoredChain): Promise<ReadChain> {
    const { store } = this.#options
    const { chainId, checkpoint } = stored
    const known = new Map((await store.listContracts(chainId)).map((c) => [bytesToHex(c.address), c]))
    const contracts = config.contracts.flatMap(({ kind, address }) => {
      const contract = known.get(address.toLowerCase() as `0x${string}`)
      return contract === undefined ? [] : [{ stored: contract, projection: PROJECTIONS.get(kind)! }]
    })
    const heads = await store.listHeads(chainId, checkpoint.number)
    return { stored, contracts, heads: ChainHeads.load(heads, await store.listIncomplete(chainId)) }
  }

  /** Nothing is awaited here: whoever reads the views sees all of a version or nothing of it. */
  #applyChains(read: readonly ReadChain[]): void {
    for (const { stored, heads, contracts } of read) {
      const view = this.get(stored.chainId)!
      // Always a new object: answers made of rows of another version notice that.
      view.checkpoint = { ...stored.checkpoint }
      view.heads = heads
      view.contracts = contracts
      this.genesisOf.set(stored.chainId, bytesToHex(stored.genesisHash))
      this.#rowCompleteness.set(stored.chainId, completenessOfRows(heads, contracts))
    }
    // A chain that was dropped from the store is one that was never read.
    const present = new Set(read.map(({ stored }) => stored.chainId))
    for (const [chainId, view] of this)
      if (!present.has(chainId)) {
        view.checkpoint = undefined
        view.heads = ChainHeads.load([], [])
        view.contracts = []
        this.genesisOf.delete(chainId)
        this.#rowCompleteness.delete(chainId)
      }
  }

  async #readLag(): Promise<void> {
    this.#nextLag = performance.now() + LAG_POLL_MS
    const { store } = this.#options
    const { isReplica, seconds } = await store.replicationLag()
    for (const view of this.values())
      view.replica = isReplica ? { lagSeconds: seconds === null ? null : Math.round(seconds) } : undefined
  }

  #noteStates(rows: readonly ChainStateRow[]): void {
    this.#states = new Map(rows.map((row) => [row.chainId, row]))
    const now = performance.now()
    for (const chainId of this.#heard.keys()) if (!this.#states.has(chainId)) this.#heard.delete(chainId)
    for (const { chainId, updatedAt } of rows) {
      const heard = this.#heard.get(chainId)
      if (heard?.updatedAt === updatedAt) continue
      // Clocks differ between machines: only the first time is the writer's believed.
      const age = heard === undefined ? Math.max(Date.now() - updatedAt, 0) : 0
      this.#heard.set(chainId, { updatedAt, at: now - age })
    }
  }

  #applyStates(): void {
    const now = performance.now()
    for (const view of this.values()) {
      const row = this.#states.get(view.config.chainId)
      const heard = this.#heard.get(view.config.chainId)
      if (row === undefined || heard === undefined) {
        // Its chain is not in the store, or not any more.
        Object.assign(view, UNREAD)
        continue
      }
      view.tip = row.tip ?? undefined
      view.alarm = row.alarm ?? undefined
      view.reorganisations = row.reorganisations
      view.books = new Map((row.books ?? []) as [number, BookWholeness][])
      view.completeness = worst(row.completeness as CompletenessState, this.#rowCompleteness.get(row.chainId))
      const trouble = this.#troubleSince(now, heard.at)
      view.state = trouble === undefined ? (row.state as ChainState) : 'unreachable'
      view.lastError = trouble ?? row.lastError ?? undefined
    }
  }

  #troubleSince(now: number, heardAt: number): string | undefined {
    if (now - this.#reachedAt > WRITER_SILENCE_MS)
      return `the database cannot be read for ${seconds(now - this.#reachedAt)} s`
    if (now - heardAt > WRITER_SILENCE_MS)
      return `the writer was last heard of ${seconds(now - heardAt)} s ago`
    return undefined
  }
}

const seconds = (ms: number): number => Math.floor(ms / 1000)

function completenessOfRows(heads: ChainHeads, contracts: readonly IndexedContract[]): CompletenessState {
  let found: CompletenessState = 'complete'
  for (const { stored } of contracts)
    for (const { incompleteSince, verifiedAt } of heads.ofContract(stored.contractId)) {
      if (incompleteSince !== undefined) return 'incomplete'
      if (verifiedAt === undefined) found = 'unverified'
    }
  return found
}

const ORDER: readonly CompletenessState[] = ['complete', 'unverified', 'incomplete']
const worst = (a: CompletenessState, b: CompletenessState = 'unverified'): CompletenessState =>
  ORDER[Math.max(ORDER.indexOf(a), ORDER.indexOf(b))]!
