import type { HeadRow, IncompleteRow } from '../store/store.ts'

export const EMPTY_HEAD_BYTES = new Uint8Array(32)

/** What is known of one author in one record book. */
export interface AuthorHead {
  readonly contractId: number
  readonly author: Uint8Array
  /** Folded from the rows in the store. */
  head: Uint8Array
  entryCount: number
  /** Block of the last entry. */
  blockNumber: number
  /** The block at which the head was last equal to the chain's, if nothing was added since; otherwise undefined. */
  verifiedAt: number | undefined
  /** Since when (unix milliseconds) the head is known to differ from the chain's; undefined when it is not. */
  incompleteSince: number | undefined
}

/** The heads of all authors of one chain, as of its checkpoint: the indexer's memory of the `heads` table. */
export class ChainHeads {
  readonly #books = new Map<number, Map<string, AuthorHead>>()
  readonly #revisions = new Map<number, number>()

  static load(rows: readonly HeadRow[], incomplete: readonly IncompleteRow[]): ChainHeads {
    const heads = new ChainHeads()
    heads.reload(rows)
    for (const { contractId, author, since } of incomplete)
      heads.#entry(contractId, author).incompleteSince = since
    return heads
  }

  /** After a rollback: the authors that lost entries stand where `rows` say, or at nothing. */
  reload(rows: readonly HeadRow[]): void {
    for (const known of this.all()) this.#empty(known)
    for (const row of rows) this.update(row)
  }

  /** After a repair: to be held against the chain again. @param row undefined when the author has no entries */
  replace(author: AuthorHead, row: HeadRow | undefined): void {
    this.#empty(author)
    if (row !== undefined) this.update({ ...row, verified: false })
  }

  update(row: HeadRow): void {
    this.#note(row.contractId)
    const known = this.#entry(row.contractId, row.author)
    known.head = row.head
    known.entryCount = row.entryCount
    known.blockNumber = row.blockNumber
    known.verifiedAt = row.verified ? row.blockNumber : undefined
  }

  /** Changes whenever a head of the contract does. */
  revision(contractId: number): number {
    return this.#revisions.get(contractId) ?? 0
  }

  ofContract(contractId: number): Iterable<AuthorHead> {
    return this.#books.get(contractId)?.values() ?? []
  }

  find(contractId: number, authorHex: string): AuthorHead | undefined {
    return this.#books.get(contractId)?.get(authorHex)
  }

  /** The author's entry, made when there is none: an author expected to have written nothing is checked like any other. */
  expect(contractId: number, author: Uint8Array): AuthorHead {
    return this.#entry(contractId, author)
  }

  *all(): Generator<AuthorHead> {
    for (const book of this.#books.values()) yield* book.values()
  }

  #empty(known: AuthorHead): void {
    this.#note(known.contractId)
    known.head = EMPTY_HEAD_BYTES
    known.entryCount = 0
    known.blockNumber = -1
    known.verifiedAt = undefined
  }

  #note(contractId: number): void {
    this.#revisions.set(contractId, this.revision(contractId) + 1)
  }

  #entry(contractId: number, author: Uint8Array): AuthorHead {
    let book = this.#books.get(contractId)
    if (book === undefined) {
      book = new Map()
      this.#books.set(contractId, book)
    }
    const hex = Buffer.from(author).toString('hex')
    let entry = book.get(hex)
    if (entry === undefined) {
      entry = {
        contractId,
        author,
        head: EMPTY_HEAD_BYTES,
        entryCount: 0,
        blockNumber: -1,
        verifiedAt: undefined,
        incompleteSince: undefined,
      }
      book.set(hex, entry)
    }
    return entry
  }
}
