import { type Address, bytesToHex, toAddress } from '../../protocol/hex.ts'
import { type ChainView, completenessOf } from '../chain/chain-view.ts'
import type { IndexedContract } from '../chain/decode-logs.ts'
import type { Directory } from '../directory.ts'
import { statusAt } from '../projections/participants.ts'
import type { OrphanedRecordRow, RecordRow, StoreReader } from '../store/store.ts'
import type { Freshness } from './freshness.ts'
import type { HeadAnswer, RecordAnswer } from './schemas.ts'

export interface ApiDeps {
  store: StoreReader
  views: ReadonlyMap<number, ChainView>
  directory: Directory
  freshness: Freshness
}

/** In an address book, of the contract that results are recorded in. */
export const RESULT_BOOK_KIND = 'QueryResultRegistry'

/** The same, of payments. */
export const PAYMENT_BOOK_KIND = 'PaymentRecordRegistry'

/** The same, of credentials. */
export const CREDENTIAL_BOOK_KIND = 'CredentialRegistry'

/** A book of records that is indexed. */
export interface Book {
  view: ChainView
  contract: IndexedContract
  /** The contract's name in the address book. */
  kind: string
  registry: Address
}

export function booksOf(views: Iterable<ChainView>, kind: string): Book[] {
  const books: Book[] = []
  for (const view of views) for (const book of booksOfChain(view)) if (book.kind === kind) books.push(book)
  return books
}

function booksOfChain(view: ChainView): Book[] {
  let books = keptBooks.get(view.contracts)
  if (books === undefined) {
    books = view.contracts.map((contract) => ({
      view,
      contract,
      kind: contract.projection.kind,
      registry: hexAddress(contract.stored.address),
    }))
    keptBooks.set(view.contracts, books)
  }
  return books
}

const keptBooks = new WeakMap<readonly IndexedContract[], Book[]>()

export const hexAddress = (address: Uint8Array): Address => toAddress(bytesToHex(address))

/**
 * Rows of one key, in chain order, as answers. A contract no longer in the address book is no longer answered for.
 * @param seen books and authors that have rows on the pages before, as `repeatName` names them
 */
export async function answerRecords(
  rows: readonly RecordRow[],
  serial: string,
  books: readonly Book[],
  directory: Directory,
  seen = new Set<string>(),
): Promise<RecordAnswer[]> {
  const participants = await directory.participants()
  const answers: RecordAnswer[] = []
  for (const row of rows) {
    const book = books.find(({ contract }) => contract.stored.contractId === row.contractId)
    if (book === undefined) continue
    const name = repeatName(row)
    const provider = toAddress(row.author)
    const authorStatus = statusAt(participants.get(provider), row.blockTime)
    answers.push(answerRecord(row, serial, book, { provider, authorStatus, repeated: seen.has(name) }))
    seen.add(name)
  }
  return answers
}

/** Rows of one key with the same name are of the same author in the same book: the first counts, the others repeat it. */
export const repeatName = ({ contractId, author }: RecordRow): string => `${contractId}:${author}`

export function answerRecord(
  row: RecordRow,
  serial: string,
  { view, registry }: Book,
  author: { provider: Address; authorStatus: RecordAnswer['authorStatus']; repeated: boolean },
): RecordAnswer {
  const head = view.heads.find(row.contractId, row.author.slice(2))
  return {
    chainId: row.chainId,
    registry,
    serial,
    provider: author.provider,
    digest: row.digest,
    tier: row.tier,
    transactionHash: row.transactionHash,
    block: { number: row.blockNumber, hash: row.blockHash, timestamp: row.blockTime },
    logIndex: row.logIndex,
    entryIndex: row.entryIndex,
    finality: row.blockNumber <= (view.checkpoint?.finalNumber ?? -1) ? 'final' : 'pending',
    completeness: completenessOf(head, view),
    authorStatus: author.authorStatus,
    suspended: author.authorStatus === 'suspended',
    repeated: author.repeated,
  }
}

export const answerOrphan = (row: OrphanedRecordRow, registry: Address) => ({
  chainId: row.chainId,
  registry,
  provider: toAddress(row.author),
  digest: row.digest,
  transactionHash: row.transactionHash,
  block: { number: row.blockNumber, hash: row.blockHash, timestamp: row.blockTime },
  logIndex: row.logIndex,
  orphanedAt: Math.floor(row.orphanedAt / 1000),
})

/** Where the index has an author's head in each book: what an absence is proven against. */
export const answerHeads = (author: Address, books: readonly Book[]): HeadAnswer[] =>
  books.map(({ view, contract, registry }) => {
    const head = view.heads.find(contract.stored.contractId, author.slice(2).toLowerCase())
    return {
      chainId: view.config.chainId,
      registry,
      head: bytesToHex(head?.head ?? new Uint8Array(32)),
      entryCount: head?.entryCount ?? 0,
      lastBlock: head === undefined || head.entryCount === 0 ? null : head.blockNumber,
      verifiedAtBlock: head?.verifiedAt ?? null,
      completeness: completenessOf(head, view),
    }
  })
