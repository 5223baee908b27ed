import { eventTopic } from '../../protocol/event-topic.ts'
import { bytesToHex, type Hex, hexToBytes } from '../../protocol/hex.ts'
import { merkleRootBytes } from '../../protocol/merkle-root.ts'
import {
  isVersion,
  MAX_PAYLOAD_BYTES,
  type PaymentOnChain,
  paymentEntry,
} from '../../protocol/payments/payment-entry.ts'
import { decodePayload } from '../../protocol/payments/payment-payload.ts'
import { unpackPayments } from '../../protocol/payments/payment-publication.ts'
import { readBytes32 } from '../chain/raw-log.ts'
import { RpcError } from '../chain/rpc-error.ts'
import { readAbi } from './abi-reader.ts'
import type { ContractLog, DraftPayment, PaymentContentColumns, Projection, RowSink } from './projection.ts'
import { RECORD_BOOK_EVENTS, readAuthor } from './record-book.ts'

/**
 * `PaymentRecorded(bytes32 indexed orderKey, address indexed office, uint32 version, bytes32 digest, bytes payload)`: the book's key is made
 * of order and version, its digest of the content's and the payload, so the author's head vouches for all of them.
 */
function readPaymentRecorded(log: ContractLog, sink: RowSink): void {
  const { raw, endpoint } = log
  const data = readAbi(raw.data, endpoint)
  const payment = {
    orderKey: bytesToHex(readBytes32(raw.topics[1], 'topic', endpoint)),
    version: data.number(0),
    digest: bytesToHex(data.bytes32(1)),
    payload: bytesToHex(data.bytes(2)),
  }
  if (!isVersion(payment.version)) throw malformed(endpoint, 'a payment has a version that is none')
  if (payment.payload === '0x' || payment.payload.length > 2 + 2 * MAX_PAYLOAD_BYTES)
    throw malformed(endpoint, 'a payment has a payload that the registry takes of nobody')
  const { key, digest } = paymentEntry(payment)
  const office = readAuthor(log)
  sink.addRecord(log, office, hexToBytes(key), hexToBytes(digest))
  sink.addPayments(log, office, 'recorded', [toDraft(payment)])
}

/** `PaymentsPublished(bytes32 indexed root, address indexed office, bytes payments)`, see `unpackPayments`. */
function readPaymentsPublished(log: ContractLog, sink: RowSink): void {
  const { raw, endpoint } = log
  const root = readBytes32(raw.topics[1], 'topic', endpoint)
  const payments = unpacked(bytesToHex(readAbi(raw.data, endpoint).bytes(0)), endpoint)
  const entries = payments.map((payment) => {
    const { key, digest } = paymentEntry(payment)
    return { key: hexToBytes(key), digest: hexToBytes(digest) }
  })
  // The head takes in the root only, so the root has to be that of these payments.
  const derived = merkleRootBytes({
    length: entries.length,
    key: (i) => entries[i]!.key,
    digest: (i) => entries[i]!.digest,
  })
  if (Buffer.compare(derived, root) !== 0)
    throw malformed(endpoint, 'published payments do not have the root they came with')
  const office = readAuthor(log)
  sink.addPublication(log, office, root, entries)
  sink.addPayments(log, office, 'published', payments.map(toDraft))
}

function unpacked(packed: Hex, endpoint: string): PaymentOnChain[] {
  try {
    return unpackPayments(packed)
  } catch (cause) {
    throw malformed(endpoint, `published payments: ${(cause as Error).message}`)
  }
}

const toDraft = ({ orderKey, version, digest, payload }: PaymentOnChain): DraftPayment => ({
  orderKey: hexToBytes(orderKey),
  version,
  digest: hexToBytes(digest),
  payload: hexToBytes(payload),
  content: contentOf(payload),
})

/** What a payload says in clear. Anybody may write any bytes: one that is no payload says nothing, and is kept all the same. */
export function contentOf(payload: Hex): PaymentContentColumns {
  try {
    const decoded = decodePayload(payload)
    const { visibility, kind, category, period } = decoded
    if (decoded.visibility === 'sealed') return { ...NOTHING, visibility, kind, category, period }
    const { currency, amountMinor, paidAt, authority } = decoded
    return { visibility, kind, category, period, currency, amountMinor, paidAt, authority }
  } catch {
    return NOTHING
  }
}

const NOTHING: PaymentContentColumns = {
  visibility: null,
  kind: null,
  category: null,
  period: null,
  currency: null,
  amountMinor: null,
  paidAt: null,
  authority: null,
}

const malformed = (endpoint: string, what: string): RpcError =>
  new RpcError('malformed', endpoint, `${endpoint}: ${what}`)

export const PAYMENT_RECORD_REGISTRY: Projection = {
  kind: 'PaymentRecordRegistry',
  headOwner: 'author',
  beside: 'payments',
  events: new Map([
    [eventTopic('PaymentRecorded(bytes32,address,uint32,bytes32,bytes)'), readPaymentRecorded],
    [eventTopic('PaymentsPublished(bytes32,address,bytes)'), readPaymentsPublished],
    ...RECORD_BOOK_EVENTS,
  ]),
}
