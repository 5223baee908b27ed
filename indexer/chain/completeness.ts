import { bytesToHex, toAddress } from '../../protocol/hex.ts'
import type { HeadRow } from '../store/store.ts'
import type { AuthorHead } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import { isHeadEqual, readChainHeads } from './head-check.ts'
import { repairAuthor } from './repair.ts'
import { isRpcError } from './rpc-error.ts'
import type { SyncContext } from './sync-context.ts'

/** An author that the directory says writes to a registry. */
export interface ExpectedAuthor {
  registry: Uint8Array
  author: Uint8Array
}

export interface CompletenessDeps extends SyncContext {
  checkEveryMs: number
  expectedAuthors: (chainId: number) => Promise<ExpectedAuthor[]>
  onRepair: (tables: readonly string[]) => void
}

interface Target {
  author: AuthorHead
  contract: IndexedContract
  contractAddress: Uint8Array
}

const FIRST_REPAIR_PAUSE_MS = 250
const MAX_REPAIR_PAUSE_MS = 60_000

/**
 * Holds heads folded from rows against the heads on chain, at the checkpoint's block: after new entries of an author,
 * for whom a bloom announces, and for everybody at the start and from time to time. A difference is an author whose
 * answers are incomplete; what is missing is read again until the heads are equal.
 */
export class Completeness {
  readonly #deps: CompletenessDeps
  readonly #suspects = new Set<AuthorHead>()
  /** Times are of the monotonic clock: the other may be set back by hours. */
  readonly #repairs = new Map<AuthorHead, { attempts: number; notBefore: number }>()
  #verified: HeadRow[] = []
  #nextFullCheck = 0

  constructor(deps: CompletenessDeps) {
    this.#deps = deps
  }

  /** To be checked at the next opportunity, though nothing of theirs came. */
  suspect(authors: readonly AuthorHead[]): void {
    for (const author of authors) this.#suspects.add(author)
  }

  /** Heads found equal since the last call, for the next commit to write down. */
  takeVerified(): HeadRow[] {
    const verified = this.#verified
    this.#verified = []
    return verified
  }

  async flush(): Promise<void> {
    if (this.#verified.length > 0) await this.#deps.store.markVerified(this.takeVerified())
  }

  /** Checks whoever is due. A chain that moved on meanwhile is no difference: the check is made again after the next step. */
  async check(): Promise<void> {
    const { view, rpc } = this.#deps
    const checkpoint = view.checkpoint!
    const isFull = performance.now() >= this.#nextFullCheck
    const targets = await this.#targets(isFull)
    if (targets.length > 0) {
      const heads = await readChainHeads(
        rpc,
        checkpoint.hash,
        targets.map(({ author, contractAddress }) => ({ contractAddress, author: author.author })),
      ).catch((error: unknown) => {
        if (isRpcError(error, 'not-found')) return undefined
        throw error
      })
      if (heads === undefined) return
      for (const [i, target] of targets.entries()) await this.#compare(target, heads[i]!, checkpoint.number)
    }
    if (isFull) {
      this.#nextFullCheck = performance.now() + this.#deps.checkEveryMs
      await this.flush()
    }
    this.#sumUp()
  }

  #sumUp(): void {
    const { view, metrics } = this.#deps
    let incomplete = 0
    let unverified = 0
    for (const { incompleteSince, verifiedAt } of view.heads.all()) {
      if (incompleteSince !== undefined) incomplete++
      else if (verifiedAt === undefined) unverified++
    }
    view.completeness = incomplete > 0 ? 'incomplete' : unverified > 0 ? 'unverified' : 'complete'
    metrics.incomplete(view.config.chainId, incomplete)
  }

  async #targets(isFull: boolean): Promise<Target[]> {
    const { view } = this.#deps
    const contracts = new Map(
      view.contracts
        .filter(({ projection }) => projection.hasHeads)
        .map((contract) => [contract.stored.contractId, contract]),
    )
    if (isFull) await this.#addExpected(contracts)
    const due = (author: AuthorHead) =>
      isFull ||
      author.verifiedAt === undefined ||
      author.incompleteSince !== undefined ||
      this.#suspects.has(author)
    const targets: Target[] = []
    for (const author of view.heads.all()) {
      const contract = contracts.get(author.contractId)
      if (contract === undefined || !due(author)) continue
      const repair = this.#repairs.get(author)
      if (repair !== undefined && repair.notBefore > performance.now()) continue
      targets.push({ author, contract, contractAddress: contract.stored.address })
    }
    return targets
  }

  /** Somebody whose every log was left out is unknown to us; the directory knows them. */
  async #addExpected(contracts: ReadonlyMap<number, IndexedContract>): Promise<void> {
    const { view, expectedAuthors } = this.#deps
    const byAddress = new Map(
      [...contracts.values()].map(({ stored }) => [bytesToHex(stored.address), stored]),
    )
    for (const { registry, author } of await expectedAuthors(view.config.chainId)) {
      const stored = byAddress.get(bytesToHex(registry))
      if (stored !== undefined) view.heads.expect(stored.contractId, author)
    }
  }

  async #compare(target: Target, chainHead: Uint8Array, atBlock: number): Promise<void> {
    const { author } = target
    this.#suspects.delete(author)
    if (isHeadEqual(author, chainHead)) await this.#confirm(author, atBlock)
    else await this.#repair(target, chainHead, atBlock)
  }

  async #confirm(author: AuthorHead, atBlock: number): Promise<void> {
    const { store, log } = this.#deps
    const { contractId, head, entryCount, blockNumber } = author
    if (author.verifiedAt === undefined && entryCount > 0)
      this.#verified.push({
        contractId,
        author: author.author,
        blockNumber,
        head,
        entryCount,
        verified: true,
      })
    author.verifiedAt = atBlock
    this.#repairs.delete(author)
    if (author.incompleteSince === undefined) return
    author.incompleteSince = undefined
    await store.clearIncomplete(contractId, author.author)
    log.info({ author: nameOf(author) }, 'author is complete again')
  }

  async #repair(target: Target, chainHead: Uint8Array, atBlock: number): Promise<void> {
    const { view, store, rpc, log, metrics, signal } = this.#deps
    const { author, contract } = target
    await this.#markIncomplete(author, atBlock)
    // A head verified a moment ago must be on disk before the repair asks for it.
    await this.flush()
    const result = await repairAuthor(author, contract, chainHead, atBlock, {
      store,
      rpc,
      chainId: view.config.chainId,
      finalNumber: view.checkpoint!.finalNumber,
      signal,
    })
    const { repaired, missing, surplus, endpoints } = result
    const found = { author: nameOf(author), missing, surplus, endpoints }
    if (repaired) {
      for (const head of result.heads) view.heads.update(head)
      author.verifiedAt = atBlock
      author.incompleteSince = undefined
      await store.clearIncomplete(author.contractId, author.author)
      this.#repairs.delete(author)
      metrics.repaired(view.config.chainId, missing + surplus)
      log.warn(found, 'author repaired')
      this.#deps.onRepair(['records'])
      return
    }
    const attempts = (this.#repairs.get(author)?.attempts ?? 0) + 1
    const pause = Math.min(FIRST_REPAIR_PAUSE_MS * 2 ** (attempts - 1), MAX_REPAIR_PAUSE_MS)
    this.#repairs.set(author, { attempts, notBefore: performance.now() + pause })
    // Next time somebody else is asked first, if there is somebody else.
    for (const endpoint of endpoints) rpc.distrust(endpoint)
    if (attempts === 1) log.error(found, 'author is incomplete: the endpoint still leaves logs out')
  }

  async #markIncomplete(author: AuthorHead, atBlock: number): Promise<void> {
    const { view, store, log, metrics } = this.#deps
    author.verifiedAt = undefined
    if (author.incompleteSince !== undefined) return
    author.incompleteSince = Date.now()
    view.completeness = 'incomplete'
    metrics.gapFound(view.config.chainId)
    log.warn({ author: nameOf(author), block: atBlock }, 'head differs from the chain: reading again')
    await store.setIncomplete({
      contractId: author.contractId,
      author: author.author,
      blockNumber: atBlock,
      since: author.incompleteSince,
    })
  }
}

const nameOf = (author: AuthorHead): string => toAddress(bytesToHex(author.author))
