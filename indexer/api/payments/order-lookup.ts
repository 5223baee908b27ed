import { CountersignError } from '../../../protocol/errors.ts'
import { type Address, type Bytes32, type Hex, hexToBytes } from '../../../protocol/hex.ts'
import { orderKeyOf, readOrderId } from '../../../protocol/payments/order-id.ts'
import type { Participants } from '../../projections/participants.ts'
import type {
  OrphanedPaymentRow,
  PaymentReader,
  PaymentRow,
  RegistryBound,
} from '../../store/payment-store.ts'
import { type AsOfBound, answerAsOf, parseAsOf, resolveAsOf } from '../as-of.ts'
import { isWithin } from '../key-page.ts'
import { type ApiDeps, answerHeads, type Book, booksOf, PAYMENT_BOOK_KIND } from '../records.ts'
import { atOneStanding } from '../standing.ts'
import { answerOrphanedPayment, bookOf } from './payment-answers.ts'

/** An order, as it was asked for. */
export interface AskedOrder {
  /** Undefined when it was asked for by its key. */
  orderId: string | undefined
  orderKey: Bytes32
}

export interface FoundOrder {
  asked: AskedOrder
  rows: PaymentRow[]
  /** There are more of them than are looked at. */
  isTruncated: boolean
  /** Offices of whose versions none was left out; undefined: every one. */
  wholeOffices: ReadonlySet<Hex> | undefined
  orphaned: ReturnType<typeof answerOrphanedPayment>[]
  books: Book[]
  participants: Participants
  bounds: readonly AsOfBound[] | undefined
  asOfPart: { asOf?: ReturnType<typeof answerAsOf>[] }
  standings: Awaited<ReturnType<typeof atOneStanding>>['standings']
}

const ORDER_KEY = /^0x[0-9a-fA-F]{64}$/
/** Offices asked for one by one, and named when nothing is found. */
const MAX_OFFICES = 200

/** @throws ORDER_ID_MALFORMED */
export function readAskedOrder(text: string): AskedOrder {
  if (ORDER_KEY.test(text)) return { orderId: undefined, orderKey: text.toLowerCase() as Bytes32 }
  const orderId = readOrderId(text)
  return { orderId, orderKey: orderKeyOf(orderId) }
}

interface LookupOptions {
  office: Address | undefined
  asOf: string | undefined
  /** Versions, at most. */
  limit: number
}

/** Every version of an order, at one standing. @throws PAYMENT_UNKNOWN with the heads that nothing was found against; AS_OF_… */
export async function findOrder(
  asked: AskedOrder,
  { office, asOf, limit }: LookupOptions,
  { store, views, directory }: Pick<ApiDeps, 'store' | 'views' | 'directory'>,
): Promise<FoundOrder> {
  const key = hexToBytes(asked.orderKey)
  const participants = await directory.participants()
  const { found, standings } = await atOneStanding(views, async () => {
    const bounds =
      asOf === undefined ? undefined : await resolveAsOf(parseAsOf(asOf), [...views.values()], store)
    const registries = registriesOf(views, bounds)
    const read = await readVersions(store, key, office, participants, { registries, limit })
    return { bounds, ...read, orphans: await store.findOrphanedPayments(key) }
  })
  const { bounds } = found
  const books = booksOf(views.values(), PAYMENT_BOOK_KIND)
  const isAskedFor = (row: PaymentRow): boolean =>
    (bounds === undefined || isWithin(row, bounds)) &&
    (office === undefined || row.office === office.toLowerCase()) &&
    bookOf(row, books) !== undefined
  const order: FoundOrder = {
    asked,
    rows: found.rows.filter(isAskedFor),
    isTruncated: found.wholeOffices !== undefined,
    wholeOffices: found.wholeOffices,
    orphaned: found.orphans
      .filter(isAskedFor)
      .map((row: OrphanedPaymentRow) => answerOrphanedPayment(row, bookOf(row, books)!.registry)),
    books,
    participants,
    bounds,
    asOfPart: bounds === undefined ? {} : { asOf: bounds.map(answerAsOf) },
    standings,
  }
  if (order.rows.length === 0) throw unknownPayment(order, office)
  return order
}

/** Registries that are answered for, and up to which block: what is asked for is not to be pushed out by what is not. */
function registriesOf(views: ApiDeps['views'], bounds: readonly AsOfBound[] | undefined): RegistryBound[] {
  const registries: RegistryBound[] = []
  for (const { view, contract } of booksOf(views.values(), PAYMENT_BOOK_KIND)) {
    const { contractId } = contract.stored
    const bound = bounds?.find(({ chainId }) => chainId === view.config.chainId)
    if (bounds === undefined) registries.push({ contractId })
    else if (bound !== undefined) registries.push({ contractId, toBlock: bound.number })
  }
  return registries
}

/** Anybody may write any number of versions under any order: those of registered tax offices come first. */
async function readVersions(
  store: PaymentReader,
  key: Uint8Array,
  office: Address | undefined,
  participants: Participants,
  { registries, limit }: { registries: readonly RegistryBound[]; limit: number },
): Promise<{ rows: PaymentRow[]; wholeOffices: Set<Hex> | undefined }> {
  const own = office === undefined ? {} : { office: hexToBytes(office) }
  const first = await store.findPayments(key, { ...own, registries, limit: limit + 1 })
  if (first.length <= limit) return { rows: first, wholeOffices: undefined }
  if (office !== undefined) return { rows: first.slice(0, limit), wholeOffices: new Set() }
  const rows = new Map<string, PaymentRow>()
  const wholeOffices = new Set<Hex>()
  for (const account of taxOffices(participants)) {
    const room = limit - rows.size
    const asked = { office: hexToBytes(account), registries, limit: room + 1 }
    const found = await store.findPayments(key, asked)
    if (found.length <= room) wholeOffices.add(account.toLowerCase() as Hex)
    for (const row of found.slice(0, room)) rows.set(placeNameOf(row), row)
    if (rows.size >= limit) break
  }
  for (const row of first) if (rows.size < limit) rows.set(placeNameOf(row), row)
  return { rows: [...rows.values()], wholeOffices }
}

const placeNameOf = ({ chainId, blockNumber, logIndex, entryIndex }: PaymentRow): string =>
  `${chainId}:${blockNumber}:${logIndex}:${entryIndex}`

function taxOffices(participants: Participants): Address[] {
  const offices: Address[] = []
  for (const { account, roles } of participants.values())
    if (roles.includes('taxOffice') && offices.push(account) === MAX_OFFICES) break
  return offices
}

/** Nothing is there: said with the head of each office that may have written it, which is what proves that. */
function unknownPayment(
  { asked, books, participants, orphaned, asOfPart, standings }: FoundOrder,
  office: Address | undefined,
): CountersignError {
  const offices = office === undefined ? taxOffices(participants) : [office]
  const heads = offices.flatMap((account) =>
    answerHeads(account, books).map((head) => ({
      office: account,
      name: participants.get(account)?.name ?? null,
      ...head,
    })),
  )
  const message =
    books.length === 0
      ? 'no registry of payments is indexed here'
      : `nothing is recorded under order key ${asked.orderKey}${office === undefined ? '' : ` by ${office}`}`
  const details = { orderKey: asked.orderKey, heads, orphaned, ...asOfPart, standings }
  return new CountersignError('PAYMENT_UNKNOWN', message, { details })
}
