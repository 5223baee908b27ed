import { isCountersignError } from '../../../protocol/errors.ts'
import type { BookWriterSettings } from './book-writer-options.ts'
import { ChainAccess, type MinedTransaction } from './chain-access.ts'
import { NonceSearch, type NonceUse, type ScanStart, type SearchedNonce } from './nonce-search.ts'
import type { Submission } from './submissions.ts'

/** One node of the chain by itself: it may show what another has pruned, or does not have yet. */
interface Node {
  chain: ChainAccess
  search: NonceSearch
}

interface Doubt {
  entryCount: number
  /** When nodes are asked again, in unix milliseconds. */
  lookAt: number
  looks: number
  /** Why it is not known who used the nonce; undefined while the nodes have not been asked, or it is not used for good. */
  reason: string | undefined
  /** Where the search at each node goes on. */
  next: Map<Node, ScanStart>
}

/** What became of a submission: one of its transactions is in a block, another one has its nonce, or that is open. */
export type Judgement = { mined: MinedTransaction; isFinal?: true } | 'superseded' | 'open'

/** Milliseconds between the two looks after which a nonce counts as used without a receipt; doubled with each further one. */
const SECOND_LOOK_MS = 500
const MAX_PAUSE_MS = 60_000
const MAX_PAUSE_UNTIL_FINAL_MS = 4_000

/** Judges submissions whose nonce the chain counts as used while the node that is asked has no receipt of their transactions. */
export class UsedNonces {
  readonly #settings: BookWriterSettings
  readonly #nodes: readonly Node[]
  /** By submission. */
  readonly #doubts = new Map<number, Doubt>()

  constructor(settings: BookWriterSettings) {
    this.#settings = settings
    const { rpc, registry, key, startBlock } = settings
    this.#nodes = (rpc.nodes ?? [rpc]).map((node) => ({
      chain: new ChainAccess(node, registry, key.address, startBlock),
      search: new NonceSearch(node, registry.registry, key.address, startBlock),
    }))
  }

  /** Entries of submissions whose nonce is used, no node shows by what. */
  get unclearEntries(): number {
    let entries = 0
    for (const { entryCount, reason } of this.#doubts.values())
      if (reason !== undefined) entries += entryCount
    return entries
  }

  /** Submissions whose nonce is used, as it seems, while their fate is open. */
  get held(): number {
    return this.#doubts.size
  }

  /** When a submission is looked at next, in unix milliseconds; zero while it is not in doubt. */
  nextLookAt(submissionId: number): number {
    return this.#doubts.get(submissionId)?.lookAt ?? 0
  }

  /** Its nonce is not used after all, or it is settled. */
  forget(submissionId: number): void {
    this.#doubts.delete(submissionId)
  }

  /** It is known what used its nonce, which is not final yet. */
  clear(submissionId: number): void {
    const doubt = this.#doubts.get(submissionId)
    if (doubt !== undefined) doubt.reason = undefined
  }

  /** One of its transactions in a block, by the receipt that any of the nodes has. */
  async findMined({ transactions }: Submission): Promise<MinedTransaction | undefined> {
    const found = await Promise.all(
      this.#nodes.flatMap(({ chain }) =>
        transactions.map(({ hash }) => chain.findMined(hash).catch(() => undefined)),
      ),
    )
    return found.find((mined) => mined !== undefined)
  }

  /**
   * Nodes behind one address may differ, so it takes two looks.
   * @param mayRepeat whether sending the entries again could not record them twice. If it could, another transaction of this nonce has to
   * be seen in a block that is final.
   * @param searched what to look for in blocks
   */
  async judge(submission: Submission, mayRepeat: boolean, searched: SearchedNonce): Promise<Judgement> {
    const doubt = this.#doubtOf(submission)
    if (Date.now() < doubt.lookAt) return 'open'
    const mined = await this.findMined(submission)
    if (mined !== undefined) return { mined }
    if (mayRepeat) return 'superseded'
    const uses = await Promise.all(this.#nodes.map((node) => this.#seenBy(node, searched, doubt)))
    for (const use of uses)
      if (use?.by === 'own' && use.mined !== undefined) return { mined: use.mined, isFinal: true }
    const isOwn = uses.some((use) => use?.by === 'own')
    if (!isOwn && uses.some((use) => use?.by === 'another')) return 'superseded'
    this.#leaveOpen(submission, doubt, uses)
    return 'open'
  }

  #doubtOf({ id, entryCount }: Submission): Doubt {
    let doubt = this.#doubts.get(id)
    if (doubt === undefined) {
      doubt = {
        entryCount,
        lookAt: Date.now() + SECOND_LOOK_MS,
        looks: 0,
        reason: undefined,
        next: new Map(),
      }
      this.#doubts.set(id, doubt)
    }
    return doubt
  }

  /** Undefined while the nonce is not used in a block that is final. */
  async #seenBy(node: Node, searched: SearchedNonce, { next }: Doubt): Promise<NonceUse | undefined> {
    const { nonce } = searched
    try {
      const finalBlock = (await node.chain.headNumber()) - this.#settings.finalityDepth
      const isUsed = finalBlock < 0 ? false : await this.#isUsedAt(finalBlock, node, nonce)
      if (isUsed === false) return undefined
      const use = await node.search.find(
        searched,
        { block: finalBlock, isUsed: isUsed === true },
        next.get(node),
      )
      if (use.by === 'unknown' && use.next !== undefined) next.set(node, use.next)
      else next.delete(node)
      // One that was signed anew has another hash than those whose receipts were asked for.
      if (use.by === 'own') return { ...use, mined: use.mined ?? (await node.chain.findMined(use.hash)) }
      return use
    } catch (error) {
      this.#settings.logger.debug({ err: error, nonce }, 'a node does not say who used a nonce')
      return { by: 'unknown', reason: 'a node does not answer' }
    }
  }

  /** Undefined where the node does not know: some have the state of the latest blocks only, and all blocks nevertheless. */
  async #isUsedAt(block: number, { chain }: Node, nonce: number): Promise<boolean | undefined> {
    try {
      return nonce < (await chain.nonceAt(block))
    } catch (error) {
      if (isCountersignError(error)) throw error
      return undefined
    }
  }

  #leaveOpen(submission: Submission, doubt: Doubt, uses: readonly (NonceUse | undefined)[]): void {
    const reason = reasonOf(uses)
    const longest = reason === undefined ? MAX_PAUSE_UNTIL_FINAL_MS : MAX_PAUSE_MS
    // A search that goes on is no repetition.
    const goesOn = uses.some((use) => use?.by === 'unknown' && use.reason === undefined)
    if (!goesOn) doubt.looks++
    doubt.lookAt = Date.now() + Math.min(longest, SECOND_LOOK_MS * 2 ** Math.min(doubt.looks, 20))
    if (goesOn || reason === doubt.reason) return
    doubt.reason = reason
    if (reason !== undefined)
      this.#settings.logger.error(
        { nonce: submission.nonce, entries: submission.entryCount, reason },
        'a nonce is used and no node shows for what; its entries are held until one does',
      )
  }
}

/** Why it is not known who used the nonce; undefined while it is not used for good. */
function reasonOf(uses: readonly (NonceUse | undefined)[]): string | undefined {
  if (uses.some((use) => use?.by === 'own'))
    return 'the transaction is in a block, and no node has its receipt or its event'
  return uses.flatMap((use) => (use?.by === 'unknown' && use.reason) || [])[0]
}
