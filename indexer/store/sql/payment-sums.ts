import { canBeCorrected } from '../../../protocol/payments/net-amount.ts'
import type { Visibility } from '../../../protocol/payments/payment-payload.ts'
import type { PaymentKind } from '../../../protocol/payments/payment-record.ts'
import type { PaymentSums } from '../payment-store.ts'
import { VISIBILITIES } from '../tables.ts'
import type { Columns } from './engine.ts'

/** What of a version is added up. */
export interface SummedVersion {
  blockNumber: number
  logIndex: number
  entryIndex: number
  version: number
  visibility: Visibility | null
  kind: PaymentKind | null
  category: string
  period: string
  currency: string
  amountMinor: number
}

export const SUMMED_COLUMNS = [
  ...['block_number', 'log_index', 'entry_index', 'version', 'visibility', 'kind', 'category', 'period'],
  ...['currency', 'amount_minor'],
] as const

/** @param c `SUMMED_COLUMNS` */
export const toSummed = (c: Columns): SummedVersion => ({
  blockNumber: c[0] as number,
  logIndex: c[1] as number,
  entryIndex: c[2] as number,
  version: c[3] as number,
  visibility: c[4] === null ? null : VISIBILITIES[c[4] as number]!,
  kind: c[5] as SummedVersion['kind'],
  category: (c[6] as string | null) ?? '',
  period: (c[7] as string | null) ?? '',
  currency: (c[8] as string | null) ?? '',
  amountMinor: (c[9] as number | null) ?? 0,
})

/** Sums by what they are of: category, period and currency, as `groupOf` spells them. */
export type GroupedSums = Map<string, PaymentSums>

export const groupOf = ({ category, period, currency }: SummedVersion): string =>
  `${category}\n${period}\n${currency}`

export const NO_SUMS: PaymentSums = {
  orders: 0,
  payments: 0,
  corrections: 0,
  reversals: 0,
  refunds: 0,
  sealed: 0,
  unreadable: 0,
  publicOrders: 0,
  net: 0n,
}

/** Adds `factor` times `more`. */
export function addSums(sums: PaymentSums, more: Partial<PaymentSums>, factor = 1): void {
  for (const [name, value] of Object.entries(more))
    if (name === 'net') sums.net += BigInt(factor) * (value as bigint)
    else sums[name as 'orders'] += factor * (value as number)
}

const COUNTED_AS = {
  payment: 'payments',
  correction: 'corrections',
  reversal: 'reversals',
  refund: 'refunds',
} as const

/**
 * What each block added to the sums, by one order of one office. Of versions written twice the first one counts. What an order comes to, and
 * where it is counted, follows from its versions from 1 on up to the first that is not there.
 * @param versions in chain order
 */
export function sumsByBlock(versions: readonly SummedVersion[]): Map<number, GroupedSums> {
  const order = new OrderSums()
  const blocks = new Map<number, GroupedSums>()
  for (const version of versions) {
    let sums = blocks.get(version.blockNumber)
    if (sums === undefined) {
      sums = new Map()
      blocks.set(version.blockNumber, sums)
    }
    order.take(version, sums)
  }
  return blocks
}

class OrderSums {
  readonly #versions = new Map<number, SummedVersion>()
  #newest: SummedVersion | undefined
  #net = 0n
  #isPublic = true

  /** Adds to `sums` what this version changes. */
  take(version: SummedVersion, sums: GroupedSums): void {
    if (this.#versions.has(version.version)) return
    this.#versions.set(version.version, version)
    add(sums, version, countsOf(version))
    const before = this.#newest
    const standing = this.#standing()
    this.#advance()
    if (this.#newest === before) return
    if (before !== undefined) add(sums, before, standing, -1)
    add(sums, this.#newest!, this.#standing())
  }

  #advance(): void {
    for (;;) {
      const next = this.#versions.get((this.#newest?.version ?? 0) + 1)
      if (next === undefined) return
      this.#net = netAfter(this.#net, next)
      this.#isPublic &&= next.visibility === 'public' && this.#continues(next) && isSafe(this.#net)
      this.#newest = next
    }
  }

  /** As `netAmount`: a refund or reversal is of money of one currency with what it follows, a correction of what was paid. */
  #continues({ kind, currency }: SummedVersion): boolean {
    const first = this.#versions.get(1)!.kind
    if (kind === 'correction' && (first === null || !canBeCorrected({ kind: first }))) return false
    const isOfBefore = kind === 'refund' || kind === 'reversal'
    return this.#newest === undefined || !isOfBefore || currency === this.#newest.currency
  }

  #standing(): Partial<PaymentSums> {
    return this.#isPublic ? { orders: 1, publicOrders: 1, net: this.#net } : { orders: 1 }
  }
}

const isSafe = (amount: bigint): boolean => Number.isSafeInteger(Number(amount))

/** As `netAmount` of the protocol. */
function netAfter(net: bigint, { kind, amountMinor }: SummedVersion): bigint {
  if (kind === 'refund') return net - BigInt(amountMinor)
  return kind === 'reversal' ? 0n : BigInt(amountMinor)
}

const countsOf = ({ kind, visibility }: SummedVersion): Partial<PaymentSums> =>
  kind === null
    ? { unreadable: 1 }
    : { [COUNTED_AS[kind]]: 1, ...(visibility === 'sealed' ? { sealed: 1 } : {}) }

function add(sums: GroupedSums, version: SummedVersion, more: Partial<PaymentSums>, factor = 1): void {
  const group = groupOf(version)
  let own = sums.get(group)
  if (own === undefined) {
    own = { ...NO_SUMS }
    sums.set(group, own)
  }
  addSums(own, more, factor)
}
