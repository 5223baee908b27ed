import { keccak256, utf8ToBytes } from '../../../protocol/hex.ts'
import { anchorCalls } from '../../party/book-writer/anchor-calls.ts'
import { GAS_OF_RECORDING, type RegistryCalls } from '../../party/book-writer/registry-calls.ts'
import { unpackPayment } from './packed-payment.ts'

/**
 * - `record`: a slot and an event for each payment
 * - `publish`: all payments in one event, their root computed on chain
 * - `anchor`: only a root on chain; the office serves the payments
 */
export const RECORDING_TIERS = ['record', 'publish', 'anchor'] as const
export type RecordingTier = (typeof RECORDING_TIERS)[number]

const WORD = 32
const selector = (signature: string): Buffer => Buffer.from(keccak256(utf8ToBytes(signature)).subarray(0, 4))
const RECORD_PAYMENTS = selector('recordPayments((bytes32,uint32,bytes32,bytes)[])')
const PUBLISH_PAYMENTS = selector('publishPayments(bytes)')

const padded = (length: number): number => Math.ceil(length / WORD) * WORD

/** Order key, version, digest, offset and length of the payload, and where the tuple begins. */
const WORDS_AROUND_PAYLOAD = 6
/** Measured 28,500 for 55 bytes of payload in a batch of 100; the rest is margin. */
const GAS_PER_PAYMENT = 28_000
/** A slot that is read for the version before. */
const GAS_PER_FOLLOWER = 2_600
/** Call data, event and memory. */
const GAS_PER_PAYLOAD_BYTE = 36

/** `recordPayments(Payment[])`, encoded by hand as the Solidity ABI has it. */
const recordCalls: RegistryCalls = {
  keepsSlots: true,
  checksOrder: true,
  gasOfCall: GAS_OF_RECORDING,
  encode(entries) {
    const payments = entries.map(({ content }) => unpackPayment(content!))
    const size = payments.reduce(
      (sum, { payload }) => sum + WORDS_AROUND_PAYLOAD * WORD + padded(payload.length),
      4 + 2 * WORD,
    )
    const data = Buffer.alloc(size)
    data.set(RECORD_PAYMENTS)
    writeWord(data, 4, WORD)
    writeWord(data, 4 + WORD, payments.length)
    const offsets = 4 + 2 * WORD
    let at = offsets + payments.length * WORD
    payments.forEach(({ orderKey, version, digest, payload }, i) => {
      writeWord(data, offsets + i * WORD, at - offsets)
      data.set(orderKey, at)
      writeWord(data, at + WORD, version)
      data.set(digest, at + 2 * WORD)
      writeWord(data, at + 3 * WORD, 4 * WORD)
      writeWord(data, at + 4 * WORD, payload.length)
      data.set(payload, at + 5 * WORD)
      at += 5 * WORD + padded(payload.length)
    })
    return data
  },
  gasOf({ content }) {
    const { version, payload } = unpackPayment(content!)
    const follower = version > 1 ? GAS_PER_FOLLOWER : 0
    return GAS_PER_PAYMENT + follower + GAS_PER_PAYLOAD_BYTE * padded(payload.length)
  },
  bytesOf: ({ content }) => WORDS_AROUND_PAYLOAD * WORD + padded(unpackPayment(content!).payload.length),
}

/** EIP-7623: call data alone costs 40 gas for each byte that is not zero; hashing and the event come on top of the usual 16. */
const GAS_PER_PUBLISHED_BYTE = 41
const GAS_PER_PUBLISHED_PAYMENT = 1_500

/** `publishPayments(bytes)`: the payments as the outbox keeps them, one behind the other. */
const publishCalls: RegistryCalls = {
  keepsSlots: false,
  checksOrder: false,
  gasOfCall: GAS_OF_RECORDING,
  encode(entries) {
    const length = entries.reduce((sum, { content }) => sum + content!.length, 0)
    const data = Buffer.alloc(4 + 2 * WORD + padded(length))
    data.set(PUBLISH_PAYMENTS)
    writeWord(data, 4, WORD)
    writeWord(data, 4 + WORD, length)
    let at = 4 + 2 * WORD
    for (const { content } of entries) {
      data.set(content!, at)
      at += content!.length
    }
    return data
  },
  gasOf: ({ content }) => GAS_PER_PUBLISHED_PAYMENT + GAS_PER_PUBLISHED_BYTE * content!.length,
  bytesOf: ({ content }) => content!.length,
}

/** @param manifests URL under which the manifests of anchored roots are served; for `anchor` only */
export function paymentCalls(tier: RecordingTier, manifests: string): RegistryCalls {
  if (tier === 'anchor') return anchorCalls(manifests)
  return tier === 'publish' ? publishCalls : recordCalls
}

const writeWord = (data: Buffer, at: number, value: number): void => {
  data.writeUInt32BE(value, at + WORD - 4)
}
