import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import { eventTopic } from '../../../protocol/event-topic.ts'
import { type Bytes32, type Hex, keccak256Hex, utf8ToBytes } from '../../../protocol/hex.ts'
import { type PaymentOnChain, paymentEntry } from '../../../protocol/payments/payment-entry.ts'
import type { PaymentPlace } from '../../../protocol/payments/payment-place.ts'
import { unpackPayments } from '../../../protocol/payments/payment-publication.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import { foldAnchor, foldPublication, foldRecord } from '../../../protocol/record-book.ts'
import type { JsonRpc } from '../../party/book-writer/chain-access.ts'

/** One event of an office's, and the office's head after it. */
export interface OfficeEvent {
  /** What it put on chain; an anchor's are with the office. */
  payments: PaymentOnChain[]
  anchored?: { root: Bytes32; leafCount: number }
  transactionHash: Bytes32
  blockNumber: number
  /** The author's head folded on. */
  fold(head: Bytes32): Bytes32
}

interface RpcLog {
  topics: Bytes32[]
  data: Hex
  blockNumber: string
  transactionHash: Bytes32
}

const RECORDED = eventTopic('PaymentRecorded(bytes32,address,uint32,bytes32,bytes)')
const PUBLISHED = eventTopic('PaymentsPublished(bytes32,address,bytes)')
const ANCHORED = eventTopic('Anchored(bytes32,address,uint64,string)')
const HEAD_OF = keccak256Hex(utf8ToBytes('headOf(address)')).slice(0, 10)

const FIRST_RANGE = 32
const MAX_RANGE = 8_192
/** Logs in one answer that are welcome; an answer with more makes the next range smaller. */
const WELCOME_LOGS = 4_000

/** Every event of the office's book from block to block, in the order of the chain; a few thousand of them in memory. */
export async function* officeEvents(
  rpc: JsonRpc,
  place: PaymentPlace,
  fromBlock: number,
  toBlock: number,
): AsyncGenerator<OfficeEvent> {
  let range = FIRST_RANGE
  for (let from = fromBlock; from <= toBlock; ) {
    const to = Math.min(toBlock, from + range - 1)
    const logs = await logsBetween(rpc, place, from, to).catch((error: unknown) => {
      // Some nodes refuse what would be a long answer.
      if (range === 1 || isCountersignError(error, 'CHAIN_MISMATCH')) throw error
      return undefined
    })
    if (logs === undefined) {
      range = Math.max(1, Math.floor(range / 4))
      continue
    }
    for (const log of logs) yield readEvent(log)
    from = to + 1
    range = logs.length > WELCOME_LOGS ? Math.max(1, range >> 1) : Math.min(MAX_RANGE, range * 2)
  }
}

/** The office's head as the chain has it at a block. */
export async function headAt(
  rpc: JsonRpc,
  { registry, office }: PaymentPlace,
  block: number,
): Promise<Bytes32> {
  const data = `${HEAD_OF}${topicOf(office).slice(2)}`
  const head = await rpc.send('eth_call', [{ to: registry, data }, toQuantity(block)])
  if (typeof head !== 'string' || head.length !== 66)
    throw new CountersignError('CHAIN_CONTRADICTS', `there is no registry at ${registry} on this chain`)
  return head as Bytes32
}

const logsBetween = (
  rpc: JsonRpc,
  { registry, office }: PaymentPlace,
  from: number,
  to: number,
): Promise<RpcLog[]> =>
  rpc.send('eth_getLogs', [
    {
      address: registry,
      fromBlock: toQuantity(from),
      toBlock: toQuantity(to),
      topics: [[RECORDED, PUBLISHED, ANCHORED], null, topicOf(office)],
    },
  ])

function readEvent({ topics, data, transactionHash, blockNumber }: RpcLog): OfficeEvent {
  const [topic, subject] = topics as [Bytes32, Bytes32]
  const place = { transactionHash, blockNumber: Number(blockNumber) }
  if (topic === RECORDED) {
    const payment = {
      orderKey: subject,
      version: numberAt(data, 0),
      digest: `0x${wordAt(data, 1)}` as Bytes32,
      payload: bytesAt(data, 2),
    }
    const { key, digest } = paymentEntry(payment)
    return { ...place, payments: [payment], fold: (head) => foldRecord(head, key, digest) }
  }
  if (topic === PUBLISHED) {
    const payments = unpackPayments(bytesAt(data, 0))
    return { ...place, payments, fold: (head) => foldPublication(head, subject, payments.length) }
  }
  const leafCount = numberAt(data, 0)
  return {
    ...place,
    payments: [],
    anchored: { root: subject, leafCount },
    fold: (head) => foldAnchor(head, subject, leafCount),
  }
}

const topicOf = (address: string): Hex => `0x${'0'.repeat(24)}${address.slice(2).toLowerCase()}`

const wordAt = (data: Hex, index: number): string => data.slice(2 + 64 * index, 2 + 64 * (index + 1))
const numberAt = (data: Hex, index: number): number => Number(`0x${wordAt(data, index)}`)

/** The `bytes` whose offset is at word `index`. */
function bytesAt(data: Hex, index: number): Hex {
  const start = 2 + 2 * numberAt(data, index)
  const length = Number(`0x${data.slice(start, start + 64)}`)
  return `0x${data.slice(start + 64, start + 64 + 2 * length)}`
}
