import type { ContractLog, Projection } from '../projections/projection.ts'
import type { StoredContract } from '../store/store.ts'
import type { CommitDraft } from './commit-draft.ts'
import { type RawLog, readBytes32, readQuantity } from './raw-log.ts'
import { RpcError } from './rpc-error.ts'

export interface IndexedContract {
  stored: StoredContract
  projection: Projection
}

export interface LogBatch {
  logs: RawLog[]
  /** Inclusive; a log outside contradicts the question. */
  fromBlock: number
  toBlock: number
  /** The endpoint that answered. */
  endpoint: string
  /** Hashes that are known from headers: a log that names another one contradicts them. */
  hashOf?: (blockNumber: number) => string | undefined
}

/** Blocks that have logs whose time the node did not say with them. */
export type BlocksWithoutTime = Map<number, { hash: Uint8Array }>

/**
 * Checks logs against the question and each other, puts them in chain order and hands them to their projections.
 * @param contracts by lower-case address
 * @throws RpcError (malformed) naming the endpoint
 */
export function decodeLogs(
  batch: LogBatch,
  contracts: ReadonlyMap<string, IndexedContract>,
  draft: CommitDraft,
): BlocksWithoutTime {
  const { endpoint } = batch
  const withoutTime: BlocksWithoutTime = new Map()
  const fail = (what: string): never => {
    throw new RpcError('contradiction', endpoint, `${endpoint}: ${what}`)
  }
  let blockNumber = -1
  let blockHash = ''
  let transactionText = ''
  let transactionHash: Buffer = Buffer.alloc(0)

  const enterBlock = (raw: RawLog) => {
    const hash = readBytes32(raw.blockHash, 'block hash', endpoint)
    const known = batch.hashOf?.(blockNumber)
    if (known !== undefined && known !== raw.blockHash.toLowerCase())
      fail(`a log of block ${blockNumber} names another block hash than the header`)
    blockHash = raw.blockHash
    if (raw.blockTimestamp === undefined || raw.blockTimestamp === null)
      withoutTime.set(blockNumber, { hash })
    else
      draft.blocks.set(blockNumber, {
        number: blockNumber,
        hash,
        timestamp: readQuantity(raw.blockTimestamp, 'block timestamp', endpoint),
      })
  }

  const contractLog = { endpoint, blockNumber, transactionHash } as Mutable<ContractLog>
  for (const raw of inChainOrder(batch)) {
    const number = readQuantity(raw.blockNumber, 'block number', endpoint)
    if (number !== blockNumber) {
      blockNumber = number
      enterBlock(raw)
    } else if (raw.blockHash !== blockHash) fail(`logs of block ${blockNumber} name different block hashes`)
    if (raw.removed === true) fail(`a log of block ${blockNumber} was removed`)
    if (raw.transactionHash !== transactionText) {
      transactionText = raw.transactionHash
      transactionHash = readBytes32(transactionText, 'transaction hash', endpoint)
    }
    const contract = contracts.get(raw.address) ?? contracts.get(raw.address.toLowerCase())
    if (contract === undefined) return fail(`a log of ${raw.address}, which was not asked for`)
    // Other events of a contract, such as those of its access manager, are not asked for and not needed.
    const read = contract.projection.events.get(raw.topics[0]!)
    if (read === undefined) continue
    // One object for all: a projection takes what it needs and keeps nothing of it.
    contractLog.raw = raw
    contractLog.contract = contract.stored
    contractLog.blockNumber = blockNumber
    contractLog.logIndex = readQuantity(raw.logIndex, 'log index', endpoint)
    contractLog.transactionHash = transactionHash
    read(contractLog, draft)
    draft.eventCount++
  }
  return withoutTime
}

type Mutable<Type> = { -readonly [Member in keyof Type]: Type[Member] }

/** Nodes answer in chain order; one that does not, or that repeats itself, is put right. */
function inChainOrder({ logs, fromBlock, toBlock, endpoint }: LogBatch): readonly RawLog[] {
  let isOrdered = true
  let lastBlock = -1
  let lastIndex = -1
  let text = ''
  let blockNumber = -1
  for (const raw of logs) {
    if (raw.blockNumber !== text) {
      text = raw.blockNumber
      blockNumber = readQuantity(text, 'block number', endpoint)
      if (blockNumber < fromBlock || blockNumber > toBlock)
        throw new RpcError('contradiction', endpoint, `${endpoint}: a log outside of the blocks asked for`)
    }
    const logIndex = readQuantity(raw.logIndex, 'log index', endpoint)
    if (blockNumber < lastBlock || (blockNumber === lastBlock && logIndex <= lastIndex)) isOrdered = false
    lastBlock = blockNumber
    lastIndex = logIndex
  }
  return isOrdered ? logs : sorted(logs, endpoint)
}

function sorted(logs: readonly RawLog[], endpoint: string): RawLog[] {
  const placed = logs.map((raw) => ({
    raw,
    blockNumber: Number(raw.blockNumber),
    logIndex: Number(raw.logIndex),
  }))
  placed.sort(compare)
  return placed
    .filter((log, i) => {
      const previous = placed[i - 1]
      if (previous === undefined || compare(previous, log) !== 0) return true
      if (JSON.stringify(previous.raw) !== JSON.stringify(log.raw))
        throw new RpcError('contradiction', endpoint, `${endpoint}: two different logs at one position`)
      return false
    })
    .map(({ raw }) => raw)
}

interface Placed {
  blockNumber: number
  logIndex: number
}

const compare = (a: Placed, b: Placed): number => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex
