import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex, type Hex, toAddress } from '../../protocol/hex.ts'
import { answerCredentialEvent } from '../api/credentials/credential-answers.ts'
import { answerRecord, type Book, booksOf, CREDENTIAL_BOOK_KIND, PAYMENT_BOOK_KIND } from '../api/records.ts'
import { serialOf } from '../api/result-list.ts'
import type { ChainView } from '../chain/chain-view.ts'
import { completenessOf } from '../chain/chain-view.ts'
import type { Directory } from '../directory.ts'
import { type Participants, statusAt } from '../projections/participants.ts'
import { PROJECTIONS } from '../projections/projections.ts'
import type { ChainPosition, FeedRow } from '../store/feed.ts'
import type { PaymentRow } from '../store/payment-store.ts'
import type { StoreReader } from '../store/store.ts'
import type {
  EventDocument,
  FeedChange,
  ParticipantEventAnswer,
  RecordEventAnswer,
  RootAnswer,
} from './event-schemas.ts'
import type { Filterable } from './feed-filter.ts'

/** An event as it goes out, with what filters look at. */
export interface FeedItem extends Filterable {
  document: EventDocument
  /** The document as text: made once for everybody who gets it. */
  json: string
}

export interface DocumentDeps {
  store: Pick<StoreReader, 'hasEarlierRecord' | 'findPaymentAt' | 'findRevocationAt'>
  views: ReadonlyMap<number, ChainView>
  directory: Pick<Directory, 'participants'>
}

/** A row, and the commit that brought it in or took it away. */
export type SaidRow = FeedRow & {
  at: ChainPosition
  change: FeedChange
  version: number
  /** Of a retraction: the commit that had added it. */
  addedVersion?: number
  /** Of a retraction: what its consumer was told of the row. */
  wasSaid?: 'added' | 'final'
}

type RecordEvent = Extract<SaidRow, { kind: 'record' }>
type RootEvent = Extract<SaidRow, { kind: 'root' }>
type ParticipantEvent = Extract<SaidRow, { kind: 'participant' }>

/**
 * The documents of some rows, in their order; undefined in place of one whose contract the address book no longer has.
 * @throws NOT_READY while the contracts of its chain are not known yet
 */
export async function makeItems(
  said: readonly SaidRow[],
  { store, views, directory }: DocumentDeps,
): Promise<(FeedItem | undefined)[]> {
  const books = new Map<number, Book>()
  for (const kind of PROJECTIONS.keys())
    for (const book of booksOf(views.values(), kind)) books.set(book.contract.stored.contractId, book)
  const participants = await directory.participants()
  return Promise.all(
    said.map(async (event) => {
      const book = books.get(event.row.contractId)
      if (book === undefined) return leftOut(views.get(event.row.chainId))
      const isRepeated = event.kind === 'record' && (await store.hasEarlierRecord(event.row))
      const isPayment = event.kind === 'record' && book.kind === PAYMENT_BOOK_KIND
      const payment = isPayment ? await store.findPaymentAt(event.row) : undefined
      const isCredential = event.kind === 'record' && book.kind === CREDENTIAL_BOOK_KIND
      const credential = isCredential ? await answerCredentialEvent(event.row, store) : undefined
      const data = dataOf(event, book, participants, { isRepeated, payment, credential })
      return toItem(event, book, data)
    }),
  )
}

function leftOut(view: ChainView | undefined): undefined {
  if (view !== undefined && view.contracts.length === 0)
    throw new CountersignError('NOT_READY', `chain ${view.config.chainId} has not been read yet`)
}

/** What is known of a record beside its row. */
interface OfRecord {
  isRepeated: boolean
  payment: PaymentRow | undefined
  credential: RecordEventAnswer['credential']
}

function dataOf(
  event: SaidRow,
  book: Book,
  participants: Participants,
  ofRecord: OfRecord,
): EventDocument['data'] {
  const data =
    event.kind === 'record'
      ? recordOf(event, book, participants, ofRecord)
      : event.kind === 'root'
        ? rootOf(event, book)
        : participantEventOf(event, book)
  // What is gone is not final, though a block of its number may be.
  if (event.change === 'retracted') data.finality = 'pending'
  if (event.change === 'final') data.finality = 'final'
  return data
}

function recordOf(
  { row }: RecordEvent,
  book: Book,
  participants: Participants,
  { isRepeated, payment, credential }: OfRecord,
): RecordEventAnswer {
  const provider = toAddress(row.author)
  const authorStatus = statusAt(participants.get(provider), row.blockTime)
  const record = answerRecord(row, serialOf(row.key), book, { provider, authorStatus, repeated: isRepeated })
  if (credential !== undefined) return { ...record, credential }
  if (payment === undefined) return record
  const { orderKey, version, kind, category, period, visibility } = payment
  return { ...record, payment: { orderKey, office: provider, version, kind, category, period, visibility } }
}

const rootOf = ({ row }: RootEvent, { view, registry }: Book): RootAnswer => ({
  chainId: row.chainId,
  registry,
  provider: toAddress(bytesToHex(row.author)),
  root: bytesToHex(row.root),
  kind: row.kind,
  leafCount: row.leafCount.toString(),
  manifestURI: row.manifestUri ?? null,
  transactionHash: row.transactionHash,
  block: { number: row.blockNumber, hash: row.blockHash, timestamp: row.blockTime },
  logIndex: row.logIndex,
  finality: finalityOf(row.blockNumber, view),
  completeness: completenessOf(view.heads.find(row.contractId, bytesToHex(row.author).slice(2)), view),
})

const participantEventOf = ({ row }: ParticipantEvent, { view, registry }: Book): ParticipantEventAnswer => ({
  chainId: row.chainId,
  directory: registry,
  account: toAddress(bytesToHex(row.account)),
  kind: row.kind,
  details: JSON.parse(row.details),
  transactionHash: row.transactionHash,
  block: { number: row.blockNumber, hash: row.blockHash, timestamp: row.blockTime },
  logIndex: row.logIndex,
  finality: finalityOf(row.blockNumber, view),
})

function toItem(event: SaidRow, book: Book, data: EventDocument['data']): FeedItem {
  const { kind, row, change, at } = event
  const blockHash = row.blockHash.slice(2)
  // No full stops: a webhook's signature joins its id to the rest with one.
  const subject = `${kind}-${row.chainId}-${blockHash}-${row.logIndex}-${Math.max(at.entryIndex, 0)}`
  const isRetraction = change === 'retracted'
  const document: EventDocument = {
    id: idOf(subject, change, event.version),
    type: `${kind}.${change}`,
    timestamp: new Date(isRetraction ? Date.now() : row.blockTime * 1000).toISOString(),
    subject,
    ...(isRetraction ? { retracts: idOf(subject, event.wasSaid ?? 'added', event.addedVersion ?? 0) } : {}),
    data,
  }
  return {
    kind,
    chainId: row.chainId,
    registry: book.registry.toLowerCase(),
    author: hex(event.kind === 'participant' ? event.row.account : event.row.author),
    document,
    json: JSON.stringify(document),
  }
}

/** A block may be taken back and come again: the commit tells one time from the other. Final it becomes once. */
const idOf = (subject: string, change: FeedChange, version: number): string =>
  change === 'final' ? `${subject}-final` : `${subject}-${change}-${version}`

const finalityOf = (blockNumber: number, { checkpoint }: ChainView): 'pending' | 'final' =>
  blockNumber <= (checkpoint?.finalNumber ?? -1) ? 'final' : 'pending'

const hex = (value: Hex | Uint8Array): Hex => (typeof value === 'string' ? value : bytesToHex(value))
