import { isCountersignError } from '../../../protocol/errors.ts'
import { type Address, type Bytes32, type Hex, isSameAddress } from '../../../protocol/hex.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import type { JsonRpc, MinedTransaction } from './chain-access.ts'
import type { TransactionCall } from './signed-transaction.ts'

export interface SearchedNonce {
  nonce: number
  /** The transactions that were signed for it. */
  hashes: readonly Bytes32[]
  /** Whether one of them makes this call. */
  hasCall(call: TransactionCall): boolean
  /** Unix seconds before which none of them was made. */
  since: number
}

/** What a node shows of a nonce that is used. */
export type NonceUse =
  /**
   * One of the transactions signed for it, or the same call signed anew: with another fee, by whoever has the key, or by this outbox
   * before it was restored. `mined` where the registry made an event of that.
   */
  | { by: 'own'; hash: Bytes32; mined: MinedTransaction | undefined }
  /** A transaction of the account that does something else. */
  | { by: 'another' }
  /** Neither was found; `next` is the block to go on from, undefined when there is nothing more to look at. */
  | { by: 'unknown'; reason: string; next?: number }

type Found = Exclude<NonceUse, { by: 'unknown' }>
interface NotFound {
  by: 'unknown'
  reason: string
  /** Whether blocks before are no use either. */
  isLast: boolean
}

interface RawTransaction {
  hash: Bytes32
  from: string
  nonce: string
  /** Null where it makes a contract. */
  to: Address | null
  input: Hex
}

/** Blocks read in one search at most: they come with all their transactions. */
const MAX_BLOCKS = 16
/** A chain's clock may be this many seconds behind the one by which transactions were made. */
const CLOCK_MARGIN_S = 3_600

/**
 * Finds the transaction that used a nonce of an account, in its block. A receipt that a node does not have says nothing of it: receipts
 * are pruned, and indexed after their blocks. Only what is there to be seen counts.
 */
export class NonceSearch {
  readonly #rpc: JsonRpc
  readonly #registry: Address
  readonly #account: Address
  readonly #startBlock: number

  constructor(rpc: JsonRpc, registry: Address, account: Address, startBlock: number) {
    this.#rpc = rpc
    this.#registry = registry
    this.#account = account
    this.#startBlock = startBlock
  }

  /**
   * @param finalBlock after which the nonce is used; later blocks are not looked at
   * @param from where the search before says to go on
   * @throws CHAIN_UNREACHABLE, CHAIN_MISMATCH
   */
  async find(searched: SearchedNonce, finalBlock: number, from?: number): Promise<NonceUse> {
    if (from !== undefined) return this.#scan(from, searched)
    const named = await this.#blockNamed(searched.hashes, finalBlock)
    const use = named === undefined ? undefined : await this.#useIn(named, searched)
    if (use !== undefined && (use.by !== 'unknown' || use.isLast)) return use
    return this.#scan(await this.#firstBlockWith(searched.nonce, finalBlock), searched)
  }

  /** From a block down. */
  async #scan(first: number, searched: SearchedNonce): Promise<NonceUse> {
    for (let number = first; number >= this.#startBlock; number--) {
      if (number <= first - MAX_BLOCKS) return { by: 'unknown', reason: 'the search goes on', next: number }
      const use = await this.#useIn(number, searched)
      if (use.by !== 'unknown' || use.isLast) return use
    }
    return { by: 'unknown', reason: 'no block shows a transaction of this nonce' }
  }

  async #useIn(number: number, searched: SearchedNonce): Promise<Found | NotFound> {
    const { nonce, since } = searched
    const block = await answerOf(this.#rpc.send('eth_getBlockByNumber', [toQuantity(number), true]))
    if (!Array.isArray(block?.transactions))
      return { by: 'unknown', reason: 'the node does not have the block', isLast: true }
    const transaction = (block.transactions as RawTransaction[]).find(
      (one) => isSameAddress(one.from, this.#account) && Number(one.nonce) === nonce,
    )
    if (transaction === undefined) {
      const isLast = Number(block.timestamp) < since - CLOCK_MARGIN_S
      return { by: 'unknown', reason: 'no block shows a transaction of this nonce', isLast }
    }
    if (!isOwn(transaction, searched)) return { by: 'another' }
    const { hash } = transaction
    if (!(await this.#hasEvent(hash, block.hash))) return { by: 'own', hash, mined: undefined }
    const place = { hash, blockNumber: number, blockHash: block.hash as Bytes32 }
    return { by: 'own', hash, mined: { ...place, succeeded: true, gasUsed: 0, hasEvent: true } }
  }

  /** Where the node says that one of these is. */
  async #blockNamed(hashes: readonly Bytes32[], finalBlock: number): Promise<number | undefined> {
    for (const hash of hashes) {
      const transaction = await answerOf(this.#rpc.send('eth_getTransactionByHash', [hash]))
      const number = transaction?.blockNumber == null ? Number.NaN : Number(transaction.blockNumber)
      if (number <= finalBlock) return number
    }
    return undefined
  }

  /** The first block after which the nonce is used, by halving; a later one where the node has no state of old blocks. */
  async #firstBlockWith(nonce: number, finalBlock: number): Promise<number> {
    let low = this.#startBlock
    let high = finalBlock
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const count = await answerOf(
        this.#rpc.send('eth_getTransactionCount', [this.#account, toQuantity(middle)]),
      )
      if (count !== undefined && Number(count) > nonce) high = middle
      else low = middle + 1
    }
    return high
  }

  /** A transaction that failed makes none. */
  async #hasEvent(hash: Bytes32, blockHash: Bytes32): Promise<boolean> {
    const author = `0x${'0'.repeat(24)}${this.#account.slice(2).toLowerCase()}`
    const logs = await answerOf(
      this.#rpc.send('eth_getLogs', [{ address: this.#registry, blockHash, topics: [null, null, author] }]),
    )
    return (
      Array.isArray(logs) && logs.some((log: { transactionHash: string }) => log.transactionHash === hash)
    )
  }
}

/** Chain, account and nonce are the same in either case: what it does decides, not what it paid. */
const isOwn = ({ hash, to, input }: RawTransaction, { hashes, hasCall }: SearchedNonce): boolean =>
  hashes.includes(hash) || (to !== null && hasCall({ to, data: input }))

/** Undefined where the node refuses to answer, as it does of what it has pruned. */
async function answerOf<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked
  } catch (error) {
    if (isCountersignError(error)) throw error
    return undefined
  }
}
