import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { LookupCode } from '../../protocol/payments/lookup-code.ts'
import { netAmount } from '../../protocol/payments/net-amount.ts'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import { NO_PREVIOUS_DIGEST } from '../../protocol/payments/payment-digest.ts'
import { paymentEntryDigest } from '../../protocol/payments/payment-entry.ts'
import { type ClearContent, decodePayload } from '../../protocol/payments/payment-payload.ts'
import type { PaymentRecord } from '../../protocol/payments/payment-record.ts'
import { openPayment } from '../../protocol/payments/payment-seal.ts'
import { createVoucher, type PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import { readPublicPayment } from '../../protocol/payments/public-payment.ts'
import type { HistoryAnswer, VersionAnswer } from './order-answer.ts'

/**
 * - `read`: the content has the digest that is recorded
 * - `sealed`: no code was given
 * - `not-opened`: sealed, and the code is not that of this order
 * - `contradicts`: public, and its digest is another
 * - `unreadable`: its bytes are no record, or the version before is missing
 */
export type Reading = 'read' | 'sealed' | 'not-opened' | 'contradicts' | 'unreadable'

export interface ReadVersion {
  answer: VersionAnswer
  reading: Reading
  visibility: 'public' | 'sealed' | null
  /** What everybody can read; null where the payload is none. */
  clear: ClearContent | null
  /** Only where it was read. */
  record: PaymentRecord | null
  voucher: PaymentVoucher | null
  /** The indexer's entry digest is that of the digest and payload it shows. */
  entryMatches: boolean
}

export interface ReadHistory {
  answer: HistoryAnswer
  /** In order of version; those that were written again come after the first, and do not count. */
  versions: ReadVersion[]
  /** What the order comes to, in minor units; null where a version could not be read, or was left out. */
  net: { amountMinor: number; currency: string } | null
}

/**
 * Reads what one office recorded of an order: opens what is sealed, and derives every digest anew. The indexer is believed nothing that
 * follows from the bytes.
 * @param code undefined: sealed versions stay closed
 */
export function readHistory(answer: HistoryAnswer, orderId: string, code?: LookupCode): ReadHistory {
  const orderKey = orderKeyOf(orderId)
  const digests = new Map<number, Bytes32>([[0, NO_PREVIOUS_DIGEST]])
  for (const { version, digest, repeated } of answer.versions) if (!repeated) digests.set(version, digest)
  const versions = answer.versions.map((version) => {
    const { clear, visibility } = clearOf(version)
    const entryMatches =
      version.orderKey === orderKey &&
      paymentEntryDigest(version.digest, version.payload) === version.entryDigest
    const content = contentOf(version, visibility, digests.get(version.version - 1), {
      answer,
      orderId,
      code,
    })
    return { answer: version, visibility, clear, entryMatches, ...content }
  })
  return { answer, versions, net: answer.truncated ? null : netOf(versions) }
}

function clearOf({ payload }: VersionAnswer): Pick<ReadVersion, 'clear' | 'visibility'> {
  try {
    const { visibility, kind, category, period } = decodePayload(payload)
    return { visibility, clear: { kind, category, period } }
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    return { visibility: null, clear: null }
  }
}

interface Asked {
  answer: HistoryAnswer
  orderId: string
  code: LookupCode | undefined
}

function contentOf(
  version: VersionAnswer,
  visibility: ReadVersion['visibility'],
  previousDigest: Bytes32 | undefined,
  { answer: { chainId, registry, office }, orderId, code }: Asked,
): Pick<ReadVersion, 'reading' | 'record' | 'voucher'> {
  const unread = (reading: Reading) => ({ reading, record: null, voucher: null })
  if (visibility === null) return unread('unreadable')
  if (visibility === 'sealed' && code === undefined) return unread('sealed')
  if (previousDigest === undefined) return unread('unreadable')
  const { digest, payload } = version
  const place = { chainId, registry, office }
  const recorded = { orderId, version: version.version, previousDigest, place, digest, payload }
  try {
    const record = visibility === 'sealed' ? openPayment(recorded, code!) : readPublicPayment(recorded)
    const { tier, block, transactionHash, logIndex } = version
    const position = { tier, blockNumber: block.number, transactionHash, logIndex }
    return { reading: 'read', record, voucher: createVoucher(recorded, position, code) }
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    return unread(visibility === 'sealed' ? 'not-opened' : 'contradicts')
  }
}

function netOf(versions: readonly ReadVersion[]): ReadHistory['net'] {
  const counted = countedOf({ versions })
  const records = counted.flatMap(({ record }) => (record === null ? [] : [record]))
  if (records.length < counted.length || records.length === 0) return null
  try {
    return { amountMinor: netAmount(records), currency: records.at(-1)!.currency }
  } catch {
    // A version is missing, or they are of several currencies.
    return null
  }
}

/** Those that count: of versions that were written again the first. */
export const countedOf = ({ versions }: { versions: readonly ReadVersion[] }): ReadVersion[] =>
  versions.filter(({ answer }) => !answer.repeated)

/** The highest version that counts, whether it can be read or not. */
export const newestOf = (history: ReadHistory): ReadVersion | undefined =>
  countedOf(history).reduce<ReadVersion | undefined>(
    (newest, version) =>
      newest === undefined || version.answer.version > newest.answer.version ? version : newest,
    undefined,
  )

/** Those that a voucher can be made of. */
export const readableOf = (history: ReadHistory): ReadVersion[] =>
  countedOf(history).filter(({ record }) => record !== null)
