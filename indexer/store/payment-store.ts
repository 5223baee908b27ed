import type { Hex } from '../../protocol/hex.ts'
import type { Visibility } from '../../protocol/payments/payment-payload.ts'
import type { PaymentKind } from '../../protocol/payments/payment-record.ts'
import type { Position } from './store.ts'
import type { RecordTier } from './tables.ts'

/** One version of an order, as somebody wrote it. What its payload does not say, or says sealed, is null. */
export interface PaymentRow extends Position {
  chainId: number
  entryIndex: number
  contractId: number
  /** 20 bytes, without checksum. */
  office: Hex
  orderKey: Hex
  version: number
  /** Of the content; the book's own covers this and the payload. */
  digest: Hex
  payload: Hex
  tier: RecordTier
  /** Null when the payload is none. */
  visibility: Visibility | null
  kind: PaymentKind | null
  category: string | null
  period: string | null
  currency: string | null
  amountMinor: number | null
  paidAt: string | null
  authority: string | null
  transactionHash: Hex
  blockHash: Hex
  /** Unix seconds. */
  blockTime: number
}

export interface OrphanedPaymentRow extends PaymentRow {
  /** Unix milliseconds. */
  orphanedAt: number
}

export interface OrderQuery {
  /** Of this office alone. */
  office?: Uint8Array
  /** In these alone. */
  registries?: readonly RegistryBound[]
  limit: number
}

export interface RegistryBound {
  contractId: number
  /** Inclusive; undefined: up to any. */
  toBlock?: number
}

export interface PaymentListQuery {
  chainId: number
  /** After this position. */
  after: PlaceInChain
  /** Inclusive. */
  toBlock: number
  office?: Uint8Array
  category?: string
  period?: string
  kind?: PaymentKind
  limit: number
}

export type PlaceInChain = Position & { entryIndex: number }

/** With how it stands to the other versions of its order. */
export interface ListedPaymentRow extends PaymentRow {
  /** The same version was written before. */
  isRepeated: boolean
  /** The version that it follows was not there before it. */
  isLate: boolean
}

/** What payments of one office, of one category, period and currency, add up to. */
export interface PaymentSums {
  /** Orders whose newest version is one of these. */
  orders: number
  payments: number
  corrections: number
  reversals: number
  refunds: number
  sealed: number
  /** Whose payload is none. */
  unreadable: number
  /** Of the orders, those whose every version is public and that come to an amount. */
  publicOrders: number
  /** What is paid by these, in minor units. */
  net: bigint
}

/** A text is "" where versions do not say it. */
export interface PaymentGroup {
  contractId: number
  office: Hex
  category: string
  period: string
  currency: string
}

export interface PaymentTotalsQuery {
  contractId: number
  /** The sums are what was added in the blocks after this one, … */
  afterBlock: number
  /** … up to this one. */
  toBlock: number
  office?: Uint8Array
  category?: string
  period?: string
  /** In order of office, category, period and currency. */
  after?: Omit<PaymentGroup, 'contractId'>
  limit: number
}

/** @throws STORE_UNAVAILABLE by every method */
export interface PaymentReader {
  /** Versions of an order over all chains, in order of office, registry, version and position. */
  findPayments(orderKey: Uint8Array, query: OrderQuery): Promise<PaymentRow[]>
  findOrphanedPayments(orderKey: Uint8Array): Promise<OrphanedPaymentRow[]>
  /** The payment at a place in a block, whether or not its chain still has that block. */
  findPaymentAt(
    place: Position & { chainId: number; entryIndex: number; blockHash: Hex },
  ): Promise<PaymentRow | undefined>
  /**
   * In chain order. Of a page only so many payments are looked at, as few of them may be of the period or kind asked for.
   * @returns `end` undefined when all were looked at; otherwise the last place that was
   */
  listPayments(query: PaymentListQuery): Promise<{ rows: ListedPaymentRow[]; end: PlaceInChain | undefined }>
  listPaymentTotals(query: PaymentTotalsQuery): Promise<(PaymentGroup & PaymentSums)[]>
}
