import { Interface } from 'ethers'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import { keyToSerial } from '../../protocol/serial.ts'
import type { AnvilChain } from '../support/anvil.ts'
import type { DeployedContracts } from '../support/contracts.ts'

export interface TrueRecord {
  serial: string
  /** Lower case. */
  provider: string
  digest: string
  tier: 'recorded' | 'published'
  transactionHash: string
  blockNumber: number
  blockHash: string
  timestamp: number
  logIndex: number
  entryIndex: number
}

export interface TrueBlock {
  number: number
  hash: string
  parentHash: string
  timestamp: number
  records: TrueRecord[]
  /** Of every author after this block. */
  heads: ReadonlyMap<string, string>
  /** `performance.now()` by which it was on chain. */
  seenAt: number
}

interface RawBlock {
  number: string
  hash: string
  parentHash: string
  timestamp: string
}
interface RawLog {
  topics: string[]
  data: string
  transactionHash: string
  logIndex: string
}

const REGISTRY = new Interface(QUERY_RESULT_REGISTRY_ABI)
const NO_HEAD = `0x${'0'.repeat(64)}`

/**
 * Everything the chain ever said, also in blocks it took back: read from the chain itself, with nothing in between, by
 * other code than the indexer's.
 */
export class ChainTruth {
  readonly #anvil: AnvilChain
  readonly #registry: string
  readonly authors: readonly string[]
  readonly #blocks = new Map<string, TrueBlock>()
  readonly #records = new Map<string, TrueRecord>()
  #head: TrueBlock

  private constructor(anvil: AnvilChain, registry: string, authors: readonly string[], first: RawBlock) {
    this.#anvil = anvil
    this.#registry = registry
    this.authors = authors.map((author) => author.toLowerCase())
    const heads = new Map(this.authors.map((author) => [author, NO_HEAD]))
    this.#head = this.#add(first, [], heads)
  }

  /** From the present head on, at which nothing is recorded yet. */
  static async of(
    anvil: AnvilChain,
    contracts: DeployedContracts,
    authors: readonly string[],
  ): Promise<ChainTruth> {
    const latest = await anvil.request<RawBlock>('eth_getBlockByNumber', ['latest', false])
    return new ChainTruth(anvil, contracts.QueryResultRegistry, authors, latest)
  }

  /** The newest canonical block. */
  get head(): TrueBlock {
    return this.#head
  }

  get firstNumber(): number {
    return Math.min(...[...this.#blocks.values()].map(({ number }) => number))
  }

  /** Of any branch. */
  find(hash: string): TrueBlock | undefined {
    return this.#blocks.get(hash)
  }

  /** Every record of any branch, newest last. */
  records(): TrueRecord[] {
    return [...this.#records.values()]
  }

  findRecord(blockHash: string, logIndex: number, entryIndex: number): TrueRecord | undefined {
    return this.#records.get(`${blockHash}:${logIndex}:${entryIndex}`)
  }

  /** Records of the branch that ends in this block. */
  recordsUpTo(hash: string): TrueRecord[] {
    const found: TrueRecord[][] = []
    for (let at = this.#blocks.get(hash); at !== undefined; at = this.#blocks.get(at.parentHash))
      found.push(at.records)
    return found.reverse().flat()
  }

  /** To be called after every change of the chain, before the next. */
  async sync(): Promise<void> {
    const news: RawBlock[] = []
    let block = await this.#anvil.request<RawBlock>('eth_getBlockByNumber', ['latest', false])
    while (!this.#blocks.has(block.hash)) {
      news.push(block)
      block = await this.#anvil.request<RawBlock>('eth_getBlockByHash', [block.parentHash, false])
    }
    let head = this.#blocks.get(block.hash)!
    for (const raw of news.reverse()) head = await this.#read(raw, head)
    this.#head = head
  }

  async #read(raw: RawBlock, parent: TrueBlock): Promise<TrueBlock> {
    const logs = await this.#anvil.request<RawLog[]>('eth_getLogs', [
      { address: this.#registry, blockHash: raw.hash },
    ])
    const records = logs.flatMap((log) => recordsOf(log, raw))
    const heads = logs.length === 0 ? parent.heads : await this.#readHeads(raw.hash)
    return this.#add(raw, records, heads)
  }

  async #readHeads(blockHash: string): Promise<Map<string, string>> {
    const heads = await Promise.all(
      this.authors.map((author) =>
        this.#anvil.request<string>('eth_call', [
          { to: this.#registry, data: REGISTRY.encodeFunctionData('headOf', [author]) },
          { blockHash },
        ]),
      ),
    )
    return new Map(this.authors.map((author, i) => [author, heads[i]!]))
  }

  #add(raw: RawBlock, records: TrueRecord[], heads: ReadonlyMap<string, string>): TrueBlock {
    const block: TrueBlock = {
      number: Number(raw.number),
      hash: raw.hash,
      parentHash: raw.parentHash,
      timestamp: Number(raw.timestamp),
      records,
      heads,
      seenAt: performance.now(),
    }
    this.#blocks.set(block.hash, block)
    for (const record of records)
      this.#records.set(`${record.blockHash}:${record.logIndex}:${record.entryIndex}`, record)
    return block
  }
}

function recordsOf(log: RawLog, block: RawBlock): TrueRecord[] {
  const event = REGISTRY.parseLog(log)
  const at = {
    transactionHash: log.transactionHash,
    blockNumber: Number(block.number),
    blockHash: block.hash,
    timestamp: Number(block.timestamp),
    logIndex: Number(log.logIndex),
  }
  if (event?.name === 'ResultRecorded') {
    const { serial, provider, digest } = event.args
    return [
      {
        ...at,
        serial: keyToSerial(serial),
        provider: provider.toLowerCase(),
        digest,
        tier: 'recorded',
        entryIndex: 0,
      },
    ]
  }
  if (event?.name === 'Published')
    // By position: `entries` is a method of every array.
    return (event.args[2] as { key: `0x${string}`; digest: string }[]).map(({ key, digest }, entryIndex) => ({
      ...at,
      serial: keyToSerial(key),
      provider: String(event.args.author).toLowerCase(),
      digest,
      tier: 'published',
      entryIndex,
    }))
  return []
}
