import { Contract } from 'ethers'
import type { Logger } from 'pino'
import { PARTICIPANT_DIRECTORY_ABI } from '../../protocol/abi/participant-directory.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, isSameAddress, toAddress, ZERO_ADDRESS } from '../../protocol/hex.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import type { Registry } from '../../protocol/registry-domain.ts'
import {
  PARTICIPANT_STATUSES,
  type ParticipantStatus,
  ROLES,
  type Role,
  rolesOf,
} from '../../protocol/roles.ts'
import type { ChainRpc } from './rpc.ts'

/** One entry of the participant directory. */
export interface Participant {
  address: Address
  roles: Role[]
  status: ParticipantStatus
  /** Unix seconds. */
  registeredAt: number
  /** Unix seconds of the last change of anything but books. */
  changedAt: number
  name: string
  /** Base URL of the participant's server; may be empty. */
  endpoint: string
  /** May be empty. */
  metadataURI: string
  /** Where the records of a role are kept, for the roles that it has and that name a book. */
  books: Partial<Record<Role, Registry>>
}

export interface DirectoryOptions {
  rpc: ChainRpc
  /** Of the `ParticipantDirectory` contract. */
  address: Address
  logger: Logger
  /** Milliseconds between readings; default 3,000. A change is known to all parties after that long. */
  refreshMs?: number
  /** Milliseconds for which the last reading is used when the chain cannot be read; default 600,000. */
  maxAgeMs?: number
  /** Unix milliseconds. */
  now?: () => number
}

export interface DirectoryState {
  /** Unix milliseconds of the last reading that succeeded; null before the first. */
  readAt: number | null
  /** Block of the directory's chain that the last reading saw. */
  blockNumber: number | null
  /** True when the last reading failed: then the state is the last known one. */
  isStale: boolean
  participantCount: number
}

const DEFAULT_REFRESH_MS = 3_000
const DEFAULT_MAX_AGE_MS = 600_000
/** Past as many the directory refuses to be read. */
const MAX_PARTICIPANTS = 10_000
const PAGE = 500
/** Blocks whose logs are asked for to learn what changed; after a longer absence everything is read again. */
const MAX_LOG_RANGE = 1_000
/** Even so everything is read again from time to time, should a node have left out a log. */
const FULL_READING_EVERY = 100
const STATUS_CACHE_SIZE = 20_000

/**
 * Reader of the participant directory over JSON-RPC. Keeps all participants in memory, learns of changes by their logs, and goes
 * on with the last known state while the chain is down, for a bounded time, and says so in {@link Directory.state}.
 */
export class Directory {
  readonly #options: Required<DirectoryOptions>
  readonly #contract: Contract
  #participants = new Map<Address, Participant>()
  readonly #activeIn = new Map<Role, readonly Participant[]>()
  #head: { number: number; hash: string } | undefined
  #readAt: number | null = null
  #isStale = false
  #readingsSinceFull = 0
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined
  #isStopped = false
  readonly #statusCache = new Map<string, ParticipantStatus>()

  constructor(options: DirectoryOptions) {
    this.#options = {
      refreshMs: DEFAULT_REFRESH_MS,
      maxAgeMs: DEFAULT_MAX_AGE_MS,
      now: Date.now,
      ...options,
    }
    this.#contract = new Contract(options.address, PARTICIPANT_DIRECTORY_ABI, options.rpc)
  }

  /** Reads once and goes on reading. A chain that is down does not make this fail: {@link state} and {@link notReady} tell. */
  async start(): Promise<void> {
    await this.refresh().catch(() => {})
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#reading?.catch(() => {})
  }

  /** Reads now; joins a reading under way. @throws CHAIN_UNREACHABLE and what else the chain's reader throws */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** True when `address` is active and has the role. @throws DIRECTORY_UNAVAILABLE when never read, or too long ago */
  isActive(address: Address, role: Role): boolean {
    const participant = this.find(address)
    return participant !== undefined && isActiveIn(participant, role)
  }

  /** @throws DIRECTORY_UNAVAILABLE */
  find(address: Address): Participant | undefined {
    this.#assertUsable()
    return this.#participants.get(address)
  }

  /** All that are active and have the role, in order of registration; the same array until something changes. @throws DIRECTORY_UNAVAILABLE */
  activeIn(role: Role): readonly Participant[] {
    this.#assertUsable()
    let active = this.#activeIn.get(role)
    if (active === undefined) {
      active = [...this.#participants.values()].filter((participant) => isActiveIn(participant, role))
      this.#activeIn.set(role, active)
    }
    return active
  }

  /** All, in order of registration. @throws DIRECTORY_UNAVAILABLE */
  participants(): Participant[] {
    this.#assertUsable()
    return [...this.#participants.values()]
  }

  /**
   * The status at the end of a second (unix), read from the chain; kept once that second lies behind the chain's head, since then it
   * cannot change any more. @throws CHAIN_UNREACHABLE
   */
  async statusAt(address: Address, timestamp: number): Promise<ParticipantStatus> {
    const name = `${address}:${timestamp}`
    const known = this.#statusCache.get(name)
    if (known !== undefined) return known
    const block = await this.#options.rpc.send('eth_getBlockByNumber', ['latest', false])
    const status = statusOf(
      await this.#contract.getFunction('statusAt')(address, timestamp, { blockTag: block.number }),
    )
    if (Number(block.timestamp) > timestamp) {
      if (this.#statusCache.size >= STATUS_CACHE_SIZE) this.#statusCache.clear()
      this.#statusCache.set(name, status)
    }
    return status
  }

  state(): DirectoryState {
    return {
      readAt: this.#readAt,
      blockNumber: this.#head?.number ?? null,
      isStale: this.#isStale,
      participantCount: this.#participants.size,
    }
  }

  /** Why the directory cannot be used right now; empty when it can. */
  notReady(): string[] {
    if (this.#readAt === null) return ['the participant directory has not been read yet']
    const age = this.#options.now() - this.#readAt
    return age > this.#options.maxAgeMs
      ? [`the participant directory was last read ${Math.round(age / 1000)} s ago`]
      : []
  }

  #assertUsable(): void {
    const reasons = this.notReady()
    if (reasons.length > 0) throw new CountersignError('DIRECTORY_UNAVAILABLE', reasons[0]!)
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.refresh()
        .catch(() => {})
        .finally(() => this.#schedule())
    }, this.#options.refreshMs)
    this.#timer.unref()
  }

  async #read(): Promise<void> {
    const { logger, now } = this.#options
    try {
      const startedAt = now()
      await this.#readChanges()
      this.#readAt = startedAt
      if (this.#isStale) logger.info('directory can be read again')
      this.#isStale = false
    } catch (error) {
      if (!this.#isStale) logger.warn({ err: error }, 'directory could not be read')
      this.#isStale = true
      throw error
    }
  }

  async #readChanges(): Promise<void> {
    const { rpc } = this.#options
    const latest = await rpc.send('eth_getBlockByNumber', ['latest', false])
    const head = { number: Number(latest.number), hash: String(latest.hash) }
    if (this.#head?.hash === head.hash) return
    this.#refuseLower(head.number)
    const changed = await this.#accountsChangedUpTo(head)
    const participants = changed === undefined ? new Map() : new Map(this.#participants)
    const accounts = changed ?? (await this.#accountsAt(head.number))
    for (const participant of await Promise.all(
      accounts.map((account) => this.#participantAt(account, head.number)),
    ))
      if (participant.status !== 'none') participants.set(participant.address, participant)
    if (changed === undefined) {
      this.#readingsSinceFull = 0
      this.#statusCache.clear()
    }
    if (changed === undefined || changed.length > 0) {
      this.#participants = participants
      this.#activeIn.clear()
    }
    this.#head = head
  }

  /**
   * A node behind another one would undo suspensions, and make the reading look young. A chain that is lower itself, after a
   * reorganisation, is soon as high again; one that is not is read once nothing else was for as long as a reading is of use.
   */
  #refuseLower(blockNumber: number): void {
    if (this.#head !== undefined && blockNumber < this.#head.number && this.notReady().length === 0)
      throw new CountersignError(
        'CHAIN_UNREACHABLE',
        `the node of the directory is at block ${blockNumber}, block ${this.#head.number} was read before`,
      )
  }

  /** The accounts with a log since the last reading; undefined when everything has to be read. */
  async #accountsChangedUpTo(head: { number: number; hash: string }): Promise<Address[] | undefined> {
    const toBlock = head.number
    const last = this.#head
    if (last === undefined || ++this.#readingsSinceFull >= FULL_READING_EVERY) return undefined
    if (toBlock <= last.number || toBlock - last.number > MAX_LOG_RANGE) return undefined
    const { rpc, address } = this.#options
    const [then, logs, now] = await Promise.all([
      rpc.send('eth_getBlockByNumber', [toQuantity(last.number), false]),
      rpc.send('eth_getLogs', [
        { address, fromBlock: toQuantity(last.number + 1), toBlock: toQuantity(toBlock) },
      ]) as Promise<{ topics: string[] }[]>,
      rpc.send('eth_getBlockByNumber', [toQuantity(toBlock), false]),
    ])
    // Another node may answer by now. One that ends before that block has no logs of it either, and does not say so.
    if (now?.hash !== head.hash)
      throw new CountersignError(
        'CHAIN_UNREACHABLE',
        `the node of the directory does not have block ${toBlock}, its newest a moment ago`,
      )
    // The block of the last reading is gone: what was read may have been undone.
    if (then?.hash !== last.hash) return undefined
    const accounts = new Set<Address>()
    for (const { topics } of logs)
      if (topics[1] !== undefined) accounts.add(toAddress(`0x${topics[1].slice(26)}`))
    return [...accounts]
  }

  async #accountsAt(blockTag: number): Promise<Address[]> {
    const count = Number(await this.#contract.getFunction('participantCount')({ blockTag }))
    if (count > MAX_PARTICIPANTS)
      throw new CountersignError(
        'DIRECTORY_UNAVAILABLE',
        `the directory has ${count} participants, this server keeps ${MAX_PARTICIPANTS} at most`,
      )
    const accounts: Address[] = []
    while (accounts.length < count) {
      const page: Address[] = await this.#contract.getFunction('participants')(accounts.length, PAGE, {
        blockTag,
      })
      if (page.length === 0)
        throw new CountersignError(
          'DIRECTORY_UNAVAILABLE',
          `the directory counts ${count} participants but lists fewer`,
        )
      accounts.push(...page)
    }
    return accounts
  }

  async #participantAt(account: Address, blockTag: number): Promise<Participant> {
    const entry = await this.#contract.getFunction('participantOf')(account, { blockTag })
    const roles = rolesOf(entry.roles)
    const books = await Promise.all(
      roles.map(async (role) => {
        const book = await this.#contract.getFunction('bookOf')(account, ROLES[role], { blockTag })
        return [role, { chainId: Number(book.chainId), registry: toAddress(book.registry) }] as const
      }),
    )
    return {
      address: toAddress(account),
      roles,
      status: statusOf(entry.status),
      registeredAt: Number(entry.registeredAt),
      changedAt: Number(entry.changedAt),
      name: entry.name,
      endpoint: entry.endpoint,
      metadataURI: entry.metadataURI,
      books: Object.fromEntries(books.filter(([, { registry }]) => !isSameAddress(registry, ZERO_ADDRESS))),
    }
  }
}

const isActiveIn = ({ status, roles }: Participant, role: Role): boolean =>
  status === 'active' && roles.includes(role)

const statusOf = (status: bigint): ParticipantStatus => PARTICIPANT_STATUSES[Number(status)] ?? 'none'
