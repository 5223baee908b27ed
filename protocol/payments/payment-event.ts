import { eventTopic } from '../event-topic.ts'
import { type Address, type Bytes32, bytesToHex, type Hex, hexToBytes, toAddress } from '../hex.ts'
import { payloadMalformed } from './payload-malformed.ts'
import type { PaymentOnChain } from './payment-entry.ts'
import { unpackPayments } from './payment-publication.ts'

export const PAYMENT_RECORDED_TOPIC: Bytes32 = eventTopic(
  'PaymentRecorded(bytes32,address,uint32,bytes32,bytes)',
)
export const PAYMENTS_PUBLISHED_TOPIC: Bytes32 = eventTopic('PaymentsPublished(bytes32,address,bytes)')

/** How a payment came onto the chain: with a slot of its own, or in an event whose root is in the head. */
export const PAYMENT_TIERS = ['recorded', 'published'] as const
export type PaymentTier = (typeof PAYMENT_TIERS)[number]

export interface PaymentEvent {
  tier: PaymentTier
  office: Address
  /** One, or as many as were published. */
  payments: PaymentOnChain[]
}

const WORD = 32

/**
 * The payments of a registry's event; undefined for another event.
 * @throws PAYMENT_PAYLOAD_MALFORMED, PAYMENT_PUBLICATION_MALFORMED when its data is not as the registry writes it
 */
export function decodePaymentEvent(topics: readonly Bytes32[], data: Hex): PaymentEvent | undefined {
  const [topic, key, author] = topics
  const isRecorded = topic === PAYMENT_RECORDED_TOPIC
  if ((!isRecorded && topic !== PAYMENTS_PUBLISHED_TOPIC) || topics.length !== 3) return undefined
  const office = toAddress(`0x${author!.slice(26)}`)
  const bytes = hexToBytes(data)
  if (!isRecorded)
    return { tier: 'published', office, payments: unpackPayments(bytesToHex(bytesAt(bytes, 0))) }
  const payment = {
    orderKey: key!,
    version: numberAt(bytes, 0),
    digest: bytesToHex(wordAt(bytes, 1)),
    payload: bytesToHex(bytesAt(bytes, 2)),
  }
  return { tier: 'recorded', office, payments: [payment] }
}

function wordAt(bytes: Uint8Array, word: number): Uint8Array {
  if ((word + 1) * WORD > bytes.length) throw payloadMalformed('of the event ends too early')
  return bytes.subarray(word * WORD, (word + 1) * WORD)
}

function numberAt(bytes: Uint8Array, word: number): number {
  const value = Number(bytesToHex(wordAt(bytes, word)))
  if (!Number.isSafeInteger(value)) throw payloadMalformed('of the event has a number out of range')
  return value
}

/** The `bytes` that the ABI puts last: their offset stands at `word`, their length after it, zeros up to a whole word at the end. */
function bytesAt(bytes: Uint8Array, word: number): Uint8Array {
  const start = (word + 1) * WORD
  const length = numberAt(bytes, word + 1)
  const end = start + WORD + Math.ceil(length / WORD) * WORD
  if (numberAt(bytes, word) !== start || end !== bytes.length)
    throw payloadMalformed('of the event is not as a registry writes it')
  return bytes.subarray(start + WORD, start + WORD + length)
}
