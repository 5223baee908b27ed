import { type Address, type Bytes32, type Hex, toAddress } from '../../../protocol/hex.ts'
import { netAmount } from '../../../protocol/payments/net-amount.ts'
import { NO_PREVIOUS_DIGEST, PUBLIC_SALT, paymentDigest } from '../../../protocol/payments/payment-digest.ts'
import { paymentEntry } from '../../../protocol/payments/payment-entry.ts'
import { decodePayload } from '../../../protocol/payments/payment-payload.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { completenessOf } from '../../chain/chain-view.ts'
import { type Participants, statusAt } from '../../projections/participants.ts'
import type { OrphanedPaymentRow, PaymentRow } from '../../store/payment-store.ts'
import type { Book } from '../records.ts'
import type { HistoryAnswer, PaymentAnswer } from './payment-schemas.ts'

/** What opens a sealed version; undefined when it does not open. */
export type Opener = (row: PaymentRow, previousDigest: Bytes32, book: Book) => PaymentRecord | undefined

export interface AnswerOptions {
  participants: Participants
  /** As it was asked for; undefined: by key alone. */
  orderId: string | undefined
  open?: Opener
  /** Offices of whose versions none was left out; undefined: every one. */
  wholeOffices?: ReadonlySet<Hex> | undefined
}

/** How the versions of one office in one registry stand to each other. */
class History {
  /** The first write of each version, which is the one that counts. */
  readonly #first = new Map<number, PaymentRow>()

  /** @param rows in chain order */
  constructor(rows: readonly PaymentRow[]) {
    for (const row of rows) if (!this.#first.has(row.version)) this.#first.set(row.version, row)
  }

  standingOf(row: PaymentRow): Standing {
    const before = this.#first.get(row.version - 1)
    return {
      isRepeated: this.#first.get(row.version) !== row,
      isLate: row.version > 1 && (before === undefined || inChainOrder(before, row) > 0),
      previousDigest: row.version === 1 ? NO_PREVIOUS_DIGEST : before?.digest,
    }
  }
}

const inChainOrder = (a: PaymentRow, b: PaymentRow): number =>
  a.blockNumber - b.blockNumber || a.logIndex - b.logIndex || a.entryIndex - b.entryIndex

/** Rows of one order as histories: of registered tax offices first. A registry no longer in the address book is not answered for. */
export function answerHistories(
  rows: readonly PaymentRow[],
  books: readonly Book[],
  options: AnswerOptions,
): HistoryAnswer[] {
  const groups = Map.groupBy(rows, ({ contractId, office }) => `${contractId}:${office}`)
  const histories: HistoryAnswer[] = []
  for (const group of groups.values()) {
    const book = bookOf(group[0]!, books)
    if (book !== undefined) histories.push(answerHistory(group, book, options))
  }
  return histories.sort((a, b) => Number(b.registered) - Number(a.registered))
}

export const bookOf = ({ contractId }: PaymentRow, books: readonly Book[]): Book | undefined =>
  books.find(({ contract }) => contract.stored.contractId === contractId)

function answerHistory(rows: readonly PaymentRow[], book: Book, options: AnswerOptions): HistoryAnswer {
  const { registry, view } = book
  const office = toAddress(rows[0]!.office)
  const participant = options.participants.get(office)
  const ordered = rows.toSorted(inChainOrder)
  const history = new History(ordered)
  const versions = ordered
    .map((row) => answerPayment(row, history.standingOf(row), book, options))
    .sort((a, b) => a.version - b.version)
  const isWhole = options.wholeOffices?.has(rows[0]!.office) ?? true
  const net = isWhole ? netOf(versions) : undefined
  return {
    chainId: view.config.chainId,
    registry,
    office,
    name: participant?.name ?? null,
    registered: participant?.roles.includes('taxOffice') === true,
    versions,
    ...(net === undefined ? {} : { net }),
  }
}

/** How a version stands to the others of its order. */
interface Standing {
  isRepeated: boolean
  isLate: boolean
  /** Undefined when the version before is not known. */
  previousDigest: Bytes32 | undefined
}

export const answerPayment = (
  row: PaymentRow,
  { isRepeated, isLate, previousDigest }: Standing,
  book: Book,
  options: AnswerOptions,
): PaymentAnswer => ({
  ...placeOf(row, book, options.participants),
  ...contentOf(row, previousDigest, book, options),
  repeated: isRepeated,
  late: isLate,
})

function placeOf(row: PaymentRow, { view, registry }: Book, participants: Participants) {
  const { version, visibility, kind, category, period, digest, payload, blockNumber } = row
  const office = toAddress(row.office)
  const authorStatus = statusAt(participants.get(office), row.blockTime)
  const entry = paymentEntry(row)
  return {
    ...{ chainId: row.chainId, registry, office, orderKey: row.orderKey, version },
    ...{ visibility, kind, category, period, digest, payload },
    key: entry.key,
    entryDigest: entry.digest,
    tier: row.tier,
    transactionHash: row.transactionHash,
    block: { number: blockNumber, hash: row.blockHash, timestamp: row.blockTime },
    logIndex: row.logIndex,
    entryIndex: row.entryIndex,
    finality: blockNumber <= (view.checkpoint?.finalNumber ?? -1) ? ('final' as const) : ('pending' as const),
    completeness: completenessOf(view.heads.find(row.contractId, row.office.slice(2)), view),
    authorStatus,
    suspended: authorStatus === 'suspended',
  }
}

type Content = Pick<PaymentAnswer, 'verification' | 'record'>

function contentOf(
  row: PaymentRow,
  previousDigest: Bytes32 | undefined,
  book: Book,
  { orderId, open }: AnswerOptions,
): Content {
  if (row.visibility === 'sealed') {
    const opened = previousDigest === undefined ? undefined : open?.(row, previousDigest, book)
    if (opened === undefined) return { verification: 'unchecked' }
    const { version: _, ...record } = opened
    return { verification: 'verified', record }
  }
  const decoded = row.visibility === 'public' ? decodePayload(row.payload) : undefined
  if (decoded?.visibility !== 'public') return { verification: 'unchecked' }
  const { visibility: _, ...record } = decoded
  if (orderId === undefined) return { verification: 'unchecked', record }
  const said = { orderId, ...record }
  if (previousDigest === undefined) return { verification: 'unchecked', record: said }
  const derived = paymentDigest(
    { ...said, version: row.version },
    { previousDigest, salt: PUBLIC_SALT },
    placeOfPayment(row, book),
  )
  return { verification: derived === row.digest ? 'verified' : 'different', record: said }
}

export const placeOfPayment = (row: PaymentRow, { registry }: Book) => ({
  chainId: row.chainId,
  registry,
  office: toAddress(row.office),
})

/**
 * What all versions come to; undefined when one is not there, does not say, or is not known to say what its digest says.
 * @param versions in order of version
 */
function netOf(versions: readonly PaymentAnswer[]): HistoryAnswer['net'] | undefined {
  const counted: PaymentAnswer[] = []
  for (const version of versions)
    if (!version.repeated && version.version === counted.length + 1) counted.push(version)
  const newest = counted.at(-1)?.record
  if (newest === undefined || versions.at(-1)!.version > counted.length) return undefined
  const said = counted.flatMap(({ version, record, verification }) =>
    record === undefined || verification !== 'verified' ? [] : [{ version, ...record }],
  )
  if (said.length < counted.length) return undefined
  try {
    return { amountMinor: netAmount(said), currency: newest.currency, upToVersion: counted.length }
  } catch {
    // Anybody may write versions that add up to nothing: of two currencies, or past what can be counted.
    return undefined
  }
}

export const answerOrphanedPayment = (row: OrphanedPaymentRow, registry: Address) => ({
  chainId: row.chainId,
  registry,
  provider: toAddress(row.office),
  digest: paymentEntry(row).digest as Hex,
  transactionHash: row.transactionHash,
  block: { number: row.blockNumber, hash: row.blockHash, timestamp: row.blockTime },
  logIndex: row.logIndex,
  orphanedAt: Math.floor(row.orphanedAt / 1000),
  orderKey: row.orderKey,
  version: row.version,
})
