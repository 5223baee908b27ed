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
  /** None of them is in this block or one before it; null where that is not known, and `since` has to tell. */
  signedAfter: number | null
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
  /** Neither was found; without a reason the search just goes on at `next`, with one it may all the same. */
  | { by: 'unknown'; reason?: string; next?: ScanStart }

/** From where to look, block by block. */
export interface ScanStart {
  block: number
  /** Whether the nonce is known to be used in it or before. */
  isUsed: boolean
}

interface RawBlock {
  number: number
  hash: Bytes32
  timestamp: string
  transactions: RawTransaction[]
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
   * @param final the newest block that counts as final; later ones are not looked at
   * @param from where the search before says to go on
   * @throws CHAIN_UNREACHABLE, CHAIN_MISMATCH
   */
  async find(searched: SearchedNonce, final: ScanStart, from?: ScanStart): Promise<NonceUse> {
    if (from !== undefined) return this.#scan(from, searched)
    const named = await this.#blockNamed(searched.hashes, final.block)
    const block = named === undefined ? undefined : await this.#read(named)
    const use = block == null ? undefined : await this.#useIn(block, searched)
    if (use !== undefined || !final.isUsed) return use ?? this.#scan(final, searched)
    const first = await this.#firstBlockWith(searched, final.block)
    return this.#scan({ block: first, isUsed: true }, searched)
  }

  /**
   * From a block down. A nonce that is used in it or before, by a transaction that is in none of the blocks since one was first signed for
   * it, was used before that, and so by another.
   */
  async #scan({ block: first, isUsed }: ScanStart, searched: SearchedNonce): Promise<NonceUse> {
    for (let number = first; number >= this.#lastToRead(searched); number--) {
      const next = { block: number, isUsed }
      if (number <= first - MAX_BLOCKS) return { by: 'unknown', next }
      const block = await this.#read(number)
      // One that it refuses now it may give out later; one that it does not have it will not.
      if (block === undefined) return { by: 'unknown', reason: 'a node refuses a block', next }
      if (block === null) return { by: 'unknown', reason: 'a node does not have a block' }
      const use = await this.#useIn(block, searched)
      if (use !== undefined) return use
      if (isBefore(block, searched)) return NOT_SHOWN
    }
    return isUsed && searched.signedAfter !== null ? { by: 'another' } : NOT_SHOWN
  }

  #lastToRead({ signedAfter }: SearchedNonce): number {
    return signedAfter === null ? this.#startBlock : signedAfter + 1
  }

  /** Null where the node does not have the block, undefined where it refuses to answer. */
  async #read(number: number): Promise<RawBlock | null | undefined> {
    const block = await answerOf(this.#rpc.send('eth_getBlockByNumber', [toQuantity(number), true]))
    if (block === undefined) return undefined
    return Array.isArray(block?.transactions) ? { ...block, number } : null
  }

  /** Undefined where no transaction of the nonce is in it. */
  async #useIn(block: RawBlock, searched: SearchedNonce): Promise<NonceUse | undefined> {
    const transaction = block.transactions.find(
      (one) => isSameAddress(one.from, this.#account) && Number(one.nonce) === searched.nonce,
    )
    if (transaction === undefined) return undefined
    if (!isOwn(transaction, searched)) return { by: 'another' }
    const { hash } = transaction
    if (!(await this.#hasEvent(hash, block.hash))) return { by: 'own', hash, mined: undefined }
    const place = { hash, blockNumber: block.number, blockHash: block.hash }
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
  async #firstBlockWith(searched: SearchedNonce, finalBlock: number): Promise<number> {
    const { nonce } = searched
    let low = this.#lastToRead(searched)
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

const NOT_SHOWN: NonceUse = { by: 'unknown', reason: 'no block shows a transaction of this nonce' }

/** Whether it, and all before it, are too old. */
const isBefore = ({ timestamp }: RawBlock, { signedAfter, since }: SearchedNonce): boolean =>
  signedAfter === null && Number(timestamp) < since - CLOCK_MARGIN_S

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
