import { canonicalJson } from '../../../protocol/canonical-json.ts'
import { bytesToHex, hexToBytes } from '../../../protocol/hex.ts'
import { NO_PREVIOUS_DIGEST } from '../../../protocol/payments/payment-digest.ts'
import type { PaymentOnChain } from '../../../protocol/payments/payment-entry.ts'
import type { PaymentPlace } from '../../../protocol/payments/payment-place.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { openPayment, type SealedPayment } from '../../../protocol/payments/payment-seal.ts'
import { readPublicPayment } from '../../../protocol/payments/public-payment.ts'
import type { OfficeSecrets } from '../office-secrets.ts'
import { sealRecord } from '../seal-record.ts'
import type { StoredPayment } from '../store/payment-store.ts'
import { storedRecord } from './stored-record.ts'

/** A member that the office's database and the chain have differently; values only where they name nobody. */
export interface Difference {
  member: string
  database?: unknown
  chain?: unknown
}

export interface CompareOptions {
  secrets: OfficeSecrets
  place: PaymentPlace
}

/** Members that are neither names nor free text. */
const SHOWN = ['kind', 'category', 'period', 'amountMinor', 'currency', 'paidAt'] as const
const MEMBERS = [...SHOWN, 'authority', 'payerTag', 'fields'] as const
const isShown = (member: string): boolean => (SHOWN as readonly string[]).includes(member)

/**
 * How a version in the office's database differs from the one on chain; empty when it does not. The columns are sealed again, so that
 * changing a column together with everything derived from it is seen as well.
 * @param previousDigest of the version before, as the chain has it; undefined for version 1
 */
export function differencesOf(
  row: StoredPayment,
  onChain: PaymentOnChain,
  previousDigest: SealedPayment['previousDigest'] | undefined,
  { secrets, place }: CompareOptions,
): Difference[] {
  const { orderKey, digest, payload } = onChain
  const record = storedRecord(row, secrets)
  if (record !== undefined) {
    const { visibility, share } = row
    const sealed = sealedAgain({ record, visibility, orderKey, share, previousDigest }, { secrets, place })
    if (sealed?.digest === digest && sealed.payload === payload) return storedDifferences(row, onChain)
  }
  return openedDifferences(row, record, onChain, previousDigest ?? NO_PREVIOUS_DIGEST, { secrets, place })
}

function sealedAgain(
  input: Parameters<typeof sealRecord>[0],
  { secrets, place }: CompareOptions,
): ReturnType<typeof sealRecord> | undefined {
  try {
    return sealRecord(input, secrets, place)
  } catch {
    return undefined
  }
}

/** The content is the same; what was stored of its form may not be. */
function storedDifferences(row: StoredPayment, { digest, payload }: PaymentOnChain): Difference[] {
  return [
    ...(bytesToHex(row.digest) === digest ? [] : [{ member: 'digest' }]),
    ...(bytesToHex(row.payload) === payload ? [] : [{ member: 'payload' }]),
  ]
}

function openedDifferences(
  row: StoredPayment,
  record: PaymentRecord | undefined,
  onChain: PaymentOnChain,
  previousDigest: SealedPayment['previousDigest'],
  options: CompareOptions,
): Difference[] {
  const chain = opened(row, onChain, previousDigest, options)
  // Order id, share or version before are not those that it was sealed with.
  if (chain === undefined) return [{ member: 'orderId or share' }]
  const database: Partial<PaymentRecord> = record ?? visibleColumns(row)
  const found = MEMBERS.filter(
    (member) => (member in database || record !== undefined) && !isSame(database[member], chain[member]),
  ).map((member) =>
    isShown(member) ? { member, database: database[member], chain: chain[member] } : { member },
  )
  return found.length > 0 ? found : [{ member: record === undefined ? 'payerTag or fields' : 'visibility' }]
}

function opened(
  row: StoredPayment,
  onChain: PaymentOnChain,
  previousDigest: SealedPayment['previousDigest'],
  { secrets, place }: CompareOptions,
): PaymentRecord | undefined {
  const sealed = { ...onChain, orderId: row.orderId, previousDigest, place }
  try {
    const isPublic = hexToBytes(onChain.payload)[0] === 1
    return isPublic
      ? readPublicPayment(sealed)
      : openPayment(sealed, secrets.lookupCode(onChain.orderKey, row.share))
  } catch {
    return undefined
  }
}

/** Of a row whose columns make no record. */
const visibleColumns = (row: StoredPayment): Partial<PaymentRecord> => ({
  kind: row.kind,
  category: row.category,
  period: row.period,
  amountMinor: row.amountMinor,
  currency: row.currency,
  paidAt: row.paidAt,
  authority: row.authority,
})

const isSame = (a: unknown, b: unknown): boolean =>
  a === b || (a !== undefined && b !== undefined && canonicalJson(a) === canonicalJson(b))
