import { Interface } from 'ethers'
import { RECORD_BOOK_ABI } from '../../../protocol/abi/record-book.ts'
import { type ChainEntry, getContract } from '../../../protocol/address-book.ts'
import { headerOf } from '../../../protocol/block-header.ts'
import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import type { EventProof } from '../../../protocol/event-proof.ts'
import { isOldHead } from '../../../protocol/head-age.ts'
import { type Address, type Bytes32, isBytes32, isSameAddress, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import { type RawBlock, rawObject } from '../../../protocol/raw-rpc.ts'
import { RESULT_RECORDED_TOPIC } from '../../../protocol/record-proof.ts'
import { type Serial, serialTime, serialToKey } from '../../../protocol/serial.ts'
import { ProvenBlocks } from '../../party/proven-blocks.ts'
import type { ChainRpc } from '../../party/rpc.ts'
import { type ProvenBlock, provenBlock } from './proven-block.ts'

export interface ChainHead {
  blockNumber: number
  blockHash: Bytes32
  /** Unix seconds. */
  timestamp: number
}

/** Under which name a record is looked for. */
export interface RecordName {
  registry: Address
  author: Address
  serial: Serial
}

export interface ChainRecord {
  digest: Bytes32
  blockNumber: number
  /** Unix seconds of its block. */
  timestamp: number
  proof: EventProof
}

/** Where the author says that the record is; checked, and searched for without it. */
export interface LocationHint {
  blockNumber: number
}

const BOOK = new Interface([...RECORD_BOOK_ABI])
const DIGEST_OF = BOOK.getFunction('digestOf')!.selector
const HEAD_OF = BOOK.getFunction('headOf')!.selector
const LOG_RANGE = 1_000
const MAX_LOG_RANGES = 2_000
/** A provider cannot know a serial before it is made; its chain's clock may be this many seconds behind. */
const CLOCK_MARGIN_S = 120

/** The records of one chain, read by JSON-RPC at a block and proven from the block's receipts. Nothing it answers with is remembered but whole blocks by their hash. */
export class RecordChain {
  readonly finalityDepth: number
  readonly chainId: number
  readonly #entry: ChainEntry
  readonly #rpc: ChainRpc
  readonly #identify: () => Promise<void>
  readonly #blocks: ProvenBlocks<ProvenBlock>

  /** @param identify learns which chain it is, where that is not known; awaited before anything is said of a head */
  constructor(entry: ChainEntry, rpc: ChainRpc, identify: () => Promise<void>) {
    this.#entry = entry
    this.#rpc = rpc
    this.#identify = identify
    this.#blocks = new ProvenBlocks(rpc, provenBlock)
    this.chainId = entry.chainId
    this.finalityDepth = entry.finalityDepth
  }

  /** The newest block, whose number and time are those its hash is made of. @throws CHAIN_UNREACHABLE, PROOF_UNBUILDABLE */
  async readHead(): Promise<ChainHead> {
    const [block] = await Promise.all([
      this.#rpc.send('eth_getBlockByNumber', ['latest', false]),
      this.#identify(),
    ])
    const { number, hash, timestamp } = headerOf(rawObject(block, 'the newest block')).header
    return { blockNumber: number, blockHash: hash, timestamp }
  }

  /**
   * The record of that name as of `head`, with its proof; null when there is none.
   * @throws CHAIN_UNREACHABLE also when there is none as of a head too old to tell; PROOF_UNBUILDABLE, RECORD_NOT_LOCATED
   */
  async readRecord(
    name: RecordName,
    head: ChainHead,
    hint?: Promise<LocationHint | undefined>,
  ): Promise<ChainRecord | null> {
    const key = serialToKey(name.serial)
    const digest = await this.#call(name.registry, DIGEST_OF + word(name.author) + key.slice(2), head)
    if (digest === ZERO_BYTES32) {
      await this.#checkAbsence(await hint, name, key, head)
      return null
    }
    const block = (await this.#blockAt(await hint, name, key)) ?? (await this.#blockFound(name, key, head))
    const event = block?.find(name.registry, name.author, key)
    if (block === undefined || event === undefined || event.digest !== digest)
      throw new CountersignError(
        'RECORD_NOT_LOCATED',
        `chain ${this.chainId} holds a digest for ${name.serial} of ${name.author}, but no event of it was found`,
      )
    const { blockNumber, timestamp } = block
    return { digest, blockNumber, timestamp, proof: await block.prove(event) }
  }

  /** A node that denies a record which a block of its own proves would make an honest author look silent. */
  async #checkAbsence(
    hint: LocationHint | undefined,
    name: RecordName,
    key: Bytes32,
    head: ChainHead,
  ): Promise<void> {
    // The record may be in any block that the node has missed.
    if (isOldHead(head.timestamp, this.#entry.maxHeadAge))
      throw new CountersignError(
        'CHAIN_UNREACHABLE',
        `the newest block that the node of chain ${this.chainId} has is of ${head.timestamp}, too old to deny a record`,
      )
    if (hint === undefined || hint.blockNumber > head.blockNumber) return
    if ((await this.#blockAt(hint, name, key)) !== undefined)
      throw new CountersignError(
        'RECORD_NOT_LOCATED',
        `chain ${this.chainId} denies a record of ${name.serial} by ${name.author} that its block ${hint.blockNumber} has`,
      )
  }

  /** The author's head as of `head`. @throws CHAIN_UNREACHABLE */
  readAuthorHead(registry: Address, author: Address, head: ChainHead): Promise<Bytes32> {
    return this.#call(registry, HEAD_OF + word(author), head)
  }

  async #call(to: Address, data: string, { blockHash }: ChainHead): Promise<Bytes32> {
    const answer = await this.#rpc.send('eth_call', [{ to, data }, { blockHash }])
    if (isBytes32(answer)) return answer
    throw new CountersignError('RECORD_NOT_LOCATED', `${to} on chain ${this.chainId} is not a record book`)
  }

  /** The block the author names, if the record is there. A block that cannot be read is no reason to end the audit: the author chose it. */
  async #blockAt(
    hint: LocationHint | undefined,
    name: RecordName,
    key: Bytes32,
  ): Promise<ProvenBlock | undefined> {
    if (hint === undefined) return undefined
    try {
      const block = await this.#rpc.send('eth_getBlockByNumber', [toQuantity(hint.blockNumber), false])
      if (block === null) return undefined
      const proven = await this.#blocks.get(block)
      return proven.find(name.registry, name.author, key) && proven
    } catch (error) {
      if (!isCountersignError(error)) throw error
      return undefined
    }
  }

  /** The block found by the event's topics: first from when the serial was made, then before. */
  async #blockFound(name: RecordName, key: Bytes32, head: ChainHead): Promise<ProvenBlock | undefined> {
    const first = this.#startBlock(name.registry)
    const made = Math.floor(serialTime(name.serial) / 1000) - CLOCK_MARGIN_S
    const near = await this.#firstBlockSince(made, first, head)
    const blockHash =
      (await this.#searchLogs(name, key, near, head.blockNumber)) ??
      (await this.#searchLogs(name, key, first, near - 1))
    if (blockHash === undefined) return undefined
    const block: RawBlock | null = await this.#rpc.send('eth_getBlockByHash', [blockHash, false])
    return block === null ? undefined : this.#blocks.get(block)
  }

  async #searchLogs(
    { registry, author }: RecordName,
    key: Bytes32,
    from: number,
    to: number,
  ): Promise<string | undefined> {
    let ranges = 0
    for (let start = from; start <= to && ranges < MAX_LOG_RANGES; start += LOG_RANGE, ranges++) {
      const logs: { blockHash: string }[] = await this.#rpc.send('eth_getLogs', [
        {
          address: registry,
          topics: [RESULT_RECORDED_TOPIC, key, `0x${word(author)}`],
          fromBlock: toQuantity(start),
          toBlock: toQuantity(Math.min(start + LOG_RANGE - 1, to)),
        },
      ])
      if (logs[0] !== undefined) return logs[0].blockHash
    }
    return undefined
  }

  /** The number of the first block that is not older than `timestamp`, by halving. */
  async #firstBlockSince(timestamp: number, first: number, head: ChainHead): Promise<number> {
    let low = first
    let high = head.blockNumber
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const block = await this.#rpc.send('eth_getBlockByNumber', [toQuantity(middle), false])
      if (block !== null && Number(block.timestamp) < timestamp) low = middle + 1
      else high = middle
    }
    return low
  }

  #startBlock(registry: Address): number {
    const { address, startBlock } = getContract(this.#entry, 'QueryResultRegistry')
    return isSameAddress(address, registry) ? startBlock : 0
  }
}

const word = (address: Address): string => address.slice(2).toLowerCase().padStart(64, '0')
