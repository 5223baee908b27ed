import { isCountersignError } from '../../../protocol/errors.ts'
import { type Address, type Bytes32, type Hex, isSameAddress } from '../../../protocol/hex.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import { decodeDigests, encodeDigestsOf } from './call-data.ts'
import type { RecordingEvent } from './registry-calls.ts'
import type { Fees } from './signed-transaction.ts'

/** JSON-RPC, every call of which ends within a time. `ChainRpc` is one. */
export interface JsonRpc {
  // biome-ignore lint/suspicious/noExplicitAny: as raw as a node's answer
  send(method: string, params: unknown[]): Promise<any>
  /** Refuse nodes with another genesis block from now on. */
  expectGenesis?(hash: Bytes32): void
  /** Where several nodes answer for the chain: each by itself. */
  readonly nodes?: readonly JsonRpc[]
}

export interface MinedTransaction {
  hash: Bytes32
  blockNumber: number
  blockHash: Bytes32
  succeeded: boolean
  gasUsed: number
  /** Whether the registry made an event of it. */
  hasEvent: boolean
}

export interface SubmissionTerms {
  fees: Fees
  /** The newest block. */
  blockNumber: number
  blockGasLimit: number
  /** Of the newest block, in unix seconds. */
  timestamp: number
  /** The author's next nonce as the node's pool sees it. */
  pendingNonce: number
}

export interface RecordLocation {
  transactionHash: Bytes32
  blockNumber: number
}

export type Broadcast = 'accepted' | 'already-known' | 'nonce-used' | 'underpriced'

const LOG_KEYS = 100
/** Wei. */
const USUAL_PRIORITY_FEE = 1_000_000_000n

/** What the book writer asks of a chain. */
export class ChainAccess {
  readonly #rpc: JsonRpc
  readonly #registry: Registry
  readonly #author: Address
  readonly #startBlock: number

  constructor(rpc: JsonRpc, registry: Registry, author: Address, startBlock: number) {
    this.#rpc = rpc
    this.#registry = registry
    this.#author = author
    this.#startBlock = startBlock
  }

  async findMined(hash: Bytes32): Promise<MinedTransaction | undefined> {
    const receipt = await this.#rpc.send('eth_getTransactionReceipt', [hash])
    if (receipt === null || receipt.blockNumber == null) return undefined
    return {
      hash,
      blockNumber: Number(receipt.blockNumber),
      blockHash: receipt.blockHash,
      succeeded: Number(receipt.status) === 1,
      gasUsed: Number(receipt.gasUsed),
      hasEvent: (receipt.logs ?? []).some((log: { address: string }) =>
        isSameAddress(log.address, this.#registry.registry),
      ),
    }
  }

  async hasRegistry(): Promise<boolean> {
    return (await this.#rpc.send('eth_getCode', [this.#registry.registry, 'latest'])) !== '0x'
  }

  async terms(): Promise<SubmissionTerms> {
    const [block, priorityFee, nonce] = await Promise.all([
      this.#rpc.send('eth_getBlockByNumber', ['latest', false]),
      this.#priorityFee(),
      this.#rpc.send('eth_getTransactionCount', [this.#author, 'pending']),
    ])
    const maxPriorityFeePerGas = priorityFee
    // Twice the base fee stays valid for at least five full blocks (EIP-1559 raises it by an eighth each).
    const maxFeePerGas = 2n * BigInt(block.baseFeePerGas ?? 0) + maxPriorityFeePerGas
    return {
      fees: { maxFeePerGas, maxPriorityFeePerGas },
      blockNumber: Number(block.number),
      blockGasLimit: Number(block.gasLimit),
      timestamp: Number(block.timestamp),
      pendingNonce: Number(nonce),
    }
  }

  /** Not every node has an opinion on it. */
  async #priorityFee(): Promise<bigint> {
    try {
      return BigInt(await this.#rpc.send('eth_maxPriorityFeePerGas', []))
    } catch (error) {
      if (isCountersignError(error)) throw error
      return USUAL_PRIORITY_FEE
    }
  }

  /** What the author can pay, in wei. */
  async balance(): Promise<bigint> {
    return BigInt(await this.#rpc.send('eth_getBalance', [this.#author, 'latest']))
  }

  async confirmedNonce(): Promise<number> {
    return Number(await this.#rpc.send('eth_getTransactionCount', [this.#author, 'latest']))
  }

  /** The author's next nonce after a block. */
  async nonceAt(block: number): Promise<number> {
    return Number(await this.#rpc.send('eth_getTransactionCount', [this.#author, toQuantity(block)]))
  }

  /** Whether the chain has this block at its height. */
  async hasBlock({ blockNumber, blockHash }: MinedTransaction): Promise<boolean> {
    const block = await this.#rpc.send('eth_getBlockByNumber', [toQuantity(blockNumber), false])
    return block?.hash === blockHash
  }

  async headNumber(): Promise<number> {
    return Number(await this.#rpc.send('eth_blockNumber', []))
  }

  /** Sends a raw transaction. @throws what the node said when it refused for another reason */
  async broadcast(raw: Hex): Promise<Broadcast> {
    try {
      await this.#rpc.send('eth_sendRawTransaction', [raw])
      return 'accepted'
    } catch (error) {
      const refusal = classifyRefusal(error)
      if (refusal === undefined) throw error
      return refusal
    }
  }

  /** @param block default: the newest */
  async digestsOf(keys: readonly Bytes32[], block?: number): Promise<Bytes32[]> {
    const call = { to: this.#registry.registry, data: encodeDigestsOf(this.#author, keys) }
    const at = block === undefined ? 'latest' : toQuantity(block)
    return decodeDigests(await this.#rpc.send('eth_call', [call, at]), keys.length)
  }

  /** Where keys of this author were recorded, by their events: those of `event`, or any with the key as its first topic. The second is the author. */
  async findRecordings(
    keys: readonly Bytes32[],
    event?: RecordingEvent,
  ): Promise<Map<Bytes32, RecordLocation>> {
    const found = new Map<Bytes32, RecordLocation>()
    const keyOf = new Map(keys.map((key) => [event === undefined ? key : event.firstOf(key), key]))
    const firsts = [...keyOf.keys()]
    for (let i = 0; i < keys.length; i += LOG_KEYS) {
      const logs = await this.#rpc.send('eth_getLogs', [
        {
          address: this.#registry.registry,
          fromBlock: toQuantity(this.#startBlock),
          toBlock: 'latest',
          topics: [
            event?.topic ?? null,
            firsts.slice(i, i + LOG_KEYS),
            `0x${'0'.repeat(24)}${this.#author.slice(2).toLowerCase()}`,
          ],
        },
      ])
      for (const log of logs)
        found.set(keyOf.get(log.topics[1])!, {
          transactionHash: log.transactionHash,
          blockNumber: Number(log.blockNumber),
        })
    }
    return found
  }
}

/** Nodes word these differently; the words below are geth's, Nethermind's, Besu's, Erigon's, Reth's and anvil's. */
function classifyRefusal(error: unknown): Exclude<Broadcast, 'accepted'> | undefined {
  const { code, message = '' } = error as { code?: string; message?: string }
  if (code === 'NONCE_EXPIRED' || /nonce (is )?too low|old ?nonce|nonce_too_low/i.test(message))
    return 'nonce-used'
  if (/already (known|imported)|alreadyknown|known transaction/i.test(message)) return 'already-known'
  if (
    code === 'REPLACEMENT_UNDERPRICED' ||
    /underpriced|replacement.*fee|fee.*too low|less than (the )?(block )?base fee/i.test(message)
  )
    return 'underpriced'
  return undefined
}
