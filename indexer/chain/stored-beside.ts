import { setImmediate } from 'node:timers/promises'
import type { PlaceInChain } from '../store/payment-store.ts'
import type { RecordRow } from '../store/store.ts'
import type { Value } from '../store/tables.ts'

/** An author's part of one contract. */
export interface Stretch {
  chainId: number
  contractId: number
  author: Uint8Array
  /** In the blocks after this one, … */
  after: number
  /** … up to this one. */
  to: number
}

/** What is beside a record. */
export interface Beside {
  /** Everything of it, as text to compare. */
  content: string
  /** It is there if it should be, and says what its record vouches for. */
  isRight: boolean
}

/** How a table is held to the records that its rows stand beside. */
export interface BesideKind<Row extends PlaceInChain, Store> {
  /** Rows of the stretch after a place, in chain order. Fewer than `limit` at the end alone. */
  read(store: Store, stretch: Stretch, after: PlaceInChain, limit: number): Promise<Row[]>
  /** The table is of all contracts at once: rows of others are passed over. */
  isOf?(row: Row, stretch: Stretch): boolean
  contentOf(row: Row): string
  isRight(row: Row, record: RecordRow): boolean
  /** What is said of a record beside which there is nothing. */
  nothing(record: RecordRow): Beside
  /** As `contentOf`, of a row that is to be written. */
  contentOfDraft(row: readonly Value[]): string
}

const PAGE = 500

/** The rows beside an author's records in one contract, in chain order, to be held to those. */
export class StoredBeside<Row extends PlaceInChain, Store> {
  readonly #kind: BesideKind<Row, Store>
  readonly #rows: AsyncGenerator<Row, undefined>
  #next: Promise<IteratorResult<Row, undefined>> | undefined

  constructor(kind: BesideKind<Row, Store>, store: Store, stretch: Stretch) {
    this.#kind = kind
    this.#rows = rowsOf(kind, store, stretch)
  }

  /** Those before a place, or all that are left: there is no record beside them. */
  async *strays(place?: PlaceInChain): AsyncGenerator<Row> {
    for (;;) {
      const row = await this.#peek()
      if (row === undefined || (place !== undefined && comparePlaces(row, place) >= 0)) return
      this.#next = undefined
      yield row
    }
  }

  /** @param record after those asked for before, and their strays */
  async beside(record: RecordRow): Promise<Beside> {
    const row = await this.#peek()
    if (row === undefined || comparePlaces(row, record) !== 0) return this.#kind.nothing(record)
    this.#next = undefined
    return { content: this.#kind.contentOf(row), isRight: this.#kind.isRight(row, record) }
  }

  async #peek(): Promise<Row | undefined> {
    this.#next ??= this.#rows.next()
    return (await this.#next).value
  }
}

async function* rowsOf<Row extends PlaceInChain, Store>(
  kind: BesideKind<Row, Store>,
  store: Store,
  stretch: Stretch,
): AsyncGenerator<Row, undefined> {
  let from: PlaceInChain = { blockNumber: stretch.after + 1, logIndex: -1, entryIndex: -1 }
  for (;;) {
    const rows = await kind.read(store, stretch, from, PAGE)
    for (const row of rows) if (kind.isOf?.(row, stretch) !== false) yield row
    if (rows.length < PAGE) return undefined
    from = rows.at(-1)!
    await setImmediate()
  }
}

const comparePlaces = (a: PlaceInChain, b: PlaceInChain): number =>
  a.blockNumber - b.blockNumber || a.logIndex - b.logIndex || a.entryIndex - b.entryIndex
