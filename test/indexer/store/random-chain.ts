import fc from 'fast-check'
import type { FeedEvent, FinalFeedEvent } from '../../../indexer/store/feed.ts'
import type { HeadRow, Position, Store } from '../../../indexer/store/store.ts'
import type { RowBuffer, Value } from '../../../indexer/store/tables.ts'
import { bytesToHex } from '../../../protocol/hex.ts'

export const CHAIN = 7
export const AUTHORS = [Buffer.alloc(20, 0xa1), Buffer.alloc(20, 0xa2)] as const

export interface Step {
  kind: 'append' | 'rollback' | 'repair' | 'catch-up'
  /** Where numbers are needed they are taken from here. */
  seeds: number[]
}

export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom('append', 'append', 'rollback', 'repair', 'catch-up' as const),
      seeds: fc.array(fc.nat(1_000), { minLength: 8, maxLength: 8 }),
    }) as fc.Arbitrary<Step>,
    { maxLength },
  )

interface ModelRow extends Position {
  table: RowBuffer['table']
  entryIndex: number
  values: Value[]
}

const bytes = (length: number, ...numbers: number[]): Buffer => {
  const buffer = Buffer.alloc(length, 0x5a)
  for (const [i, number] of numbers.entries()) buffer.writeUInt32BE(number, 4 * i)
  return buffer
}

const idOf = (table: string, block: number, logIndex: number, entryIndex: number): string =>
  `${table}:${block}:${logIndex}:${entryIndex}`

/** A chain that a store is told of step by step, and what must be in the store afterwards. */
export class RandomChain {
  readonly store: Store
  head = 0
  finalNumber = 0
  contractId = 0
  /** Every other block made here has another hash. */
  #made = 0
  readonly #hashes = new Map<number, Buffer>([[0, bytes(32, 0)]])
  readonly #rows = new Map<string, ModelRow>()

  constructor(store: Store) {
    this.store = store
  }

  async begin(): Promise<void> {
    const checkpoint = { number: 0, hash: this.#hashes.get(0)!, timestamp: 1_000, finalNumber: 0 }
    await this.store.createChain({ chainId: CHAIN, genesisHash: bytes(32, 1), checkpoint })
    const contract = { chainId: CHAIN, address: Buffer.alloc(20, 1), kind: 'Registry', startBlock: 1 }
    this.contractId = (await this.store.createContract({ ...contract, caughtUpTo: null })).contractId
  }

  async take({ kind, seeds }: Step): Promise<void> {
    if (kind === 'append') await this.#append(seeds, undefined)
    else if (kind === 'rollback') {
      const [pick] = seeds
      const to = this.finalNumber + (pick! % (this.head - this.finalNumber + 1))
      await this.#append(seeds, to)
    } else if (kind === 'catch-up') await this.#catchUp(seeds)
    else await this.#repair(seeds)
  }

  /** Row by row, with the block that each is in. */
  canonical(): Map<string, string> {
    return new Map([...this.#rows].map(([id, row]) => [id, this.#contentOf(row)]))
  }

  #contentOf({ table, values, blockNumber }: ModelRow): string {
    return `${describeValues(table, values)}@${bytesToHex(this.#hashes.get(blockNumber)!)}`
  }

  async #append(seeds: number[], rollbackTo: number | undefined): Promise<void> {
    const base = this.#hashes.get(this.head)!
    if (rollbackTo !== undefined) {
      for (const [id, { blockNumber }] of this.#rows) if (blockNumber > rollbackTo) this.#rows.delete(id)
      for (const number of this.#hashes.keys()) if (number > rollbackTo) this.#hashes.delete(number)
      this.head = rollbackTo
    }
    const [, count, rowCount, finality, ...more] = seeds
    const blocks = []
    const rows: ModelRow[] = []
    const first = this.head
    // A rollback need not be followed by anything.
    for (let i = 0; i < (rollbackTo === undefined ? 1 : 0) + (count! % 4); i++) {
      this.head++
      this.#hashes.set(this.head, bytes(32, this.head, ++this.#made))
      blocks.push({ number: this.head, hash: this.#hashes.get(this.head)!, timestamp: 1_000 + this.head })
      for (let n = 0; n < rowCount! % 4; n++) rows.push(...this.#newRows(this.head, n, more[n]! + i))
    }
    for (const row of rows) this.#put(row)
    this.finalNumber = Math.max(
      this.finalNumber,
      Math.min(first, this.head, this.finalNumber + (finality! % 3)),
    )
    const heads: HeadRow[] =
      rows.length === 0
        ? []
        : [{ ...this.#headRow(this.#made), blockNumber: rows.at(-1)!.blockNumber, verified: false }]
    await this.store.commit({
      chainId: CHAIN,
      base,
      ...(rollbackTo === undefined ? {} : { rollbackTo }),
      blocks,
      rows: buffersOf(rows),
      heads,
      checkpoint: this.#checkpoint(),
    })
  }

  /** Rows of a contract that was added later, in blocks that are there, and in blocks that were not kept. */
  async #catchUp(seeds: number[]): Promise<void> {
    const rows: ModelRow[] = []
    const blocks = []
    for (const seed of seeds.slice(0, 3)) {
      if (this.head === 0) break
      const block = 1 + (seed % this.head)
      if (rows.some(({ blockNumber }) => blockNumber === block)) continue
      rows.push(...this.#newRows(block, this.#freeLog(block), seed))
      blocks.push({ number: block, hash: this.#hashes.get(block)!, timestamp: 1_000 + block })
    }
    for (const row of rows) this.#put(row)
    await this.store.commit({
      chainId: CHAIN,
      base: this.#hashes.get(this.head)!,
      blocks,
      rows: buffersOf(rows),
      heads: [],
      checkpoint: this.#checkpoint(),
      caughtUp: { contractId: this.contractId, block: null },
    })
  }

  async #repair(seeds: number[]): Promise<void> {
    const [takes, adds, changes] = seeds
    const logs = [...new Set([...this.#rows.values()].map((row) => `${row.blockNumber}:${row.logIndex}`))]
    const surplus: Position[] = []
    const rows: ModelRow[] = []
    const pick = (n: number): Position | undefined => {
      const [log] = logs.length === 0 ? [] : logs.splice(n % logs.length, 1)
      if (log === undefined) return undefined
      const [blockNumber, logIndex] = log.split(':').map(Number)
      return { blockNumber: blockNumber!, logIndex: logIndex! }
    }
    for (let i = 0; i < takes! % 3; i++) {
      const position = pick(seeds[4]! + i)
      if (position !== undefined) surplus.push(position)
    }
    for (let i = 0; i < changes! % 3; i++) {
      const position = pick(seeds[5]! + i)
      if (position === undefined) break
      surplus.push(position)
      rows.push(...this.#newRows(position.blockNumber, position.logIndex, 500 + this.#made++))
    }
    if (adds! % 2 === 1 && this.head > 0) {
      const block = 1 + (seeds[6]! % this.head)
      rows.push(...this.#newRows(block, this.#freeLog(block), seeds[7]!))
    }
    for (const { blockNumber, logIndex } of surplus)
      for (const [id, row] of this.#rows)
        if (row.blockNumber === blockNumber && row.logIndex === logIndex) this.#rows.delete(id)
    for (const row of rows) this.#put(row)
    const numbers = [...new Set(rows.map(({ blockNumber }) => blockNumber))]
    await this.store.repair({
      chainId: CHAIN,
      contractId: this.contractId,
      author: AUTHORS[0],
      fromBlock: 1,
      surplus,
      blocks: numbers.map((number) => ({
        number,
        hash: this.#hashes.get(number)!,
        timestamp: 1_000 + number,
      })),
      rows: buffersOf(rows),
      heads:
        this.head === 0 ? [] : [{ ...this.#headRow(this.#made), blockNumber: this.head, verified: true }],
    })
  }

  #headRow(n: number) {
    return { contractId: this.contractId, author: AUTHORS[0], head: bytes(32, n, 99), entryCount: n }
  }

  #checkpoint() {
    const { head, finalNumber } = this
    return { number: head, hash: this.#hashes.get(head)!, timestamp: 1_000 + head, finalNumber }
  }

  #freeLog(block: number): number {
    return (
      1 +
      [...this.#rows.values()]
        .filter(({ blockNumber }) => blockNumber === block)
        .reduce((max, { logIndex }) => Math.max(max, logIndex), -1)
    )
  }

  #put(row: ModelRow): void {
    this.#rows.set(idOf(row.table, row.blockNumber, row.logIndex, row.entryIndex), row)
  }

  /** Those of one log: a record, a publication with its entries, an anchor or an event of the directory. */
  #newRows(blockNumber: number, logIndex: number, seed: number): ModelRow[] {
    const row = (table: ModelRow['table'], entryIndex: number, own: Value[]): ModelRow => ({
      table,
      blockNumber,
      logIndex,
      entryIndex,
      values: [CHAIN, blockNumber, logIndex, entryIndex, this.contractId, ...own, bytes(32, seed, 7)],
    })
    const author = AUTHORS[seed % 2]!
    const record = (entry: number, tier: number) =>
      row('records', entry, [author, bytes(32, seed % 5), bytes(32, seed, entry), tier])
    if (seed % 4 === 0)
      return [
        row('roots', 0, [author, bytes(32, seed), 0, '2', null]),
        ...[0, 1].map((entry) => record(entry, 1)),
      ]
    if (seed % 4 === 1)
      return [row('roots', 0, [author, bytes(32, seed), 1, '18446744073709551615', `a\0b"\uFFFE${seed}`])]
    if (seed % 4 === 2) return [row('participant_events', 0, [author, 'status', `{"n":${seed}}`])]
    return [record(0, 0)]
  }
}

function buffersOf(rows: readonly ModelRow[]): RowBuffer[] {
  const buffers = new Map<RowBuffer['table'], Value[]>()
  for (const { table, values } of rows) {
    const buffer = buffers.get(table) ?? []
    buffer.push(...values)
    buffers.set(table, buffer)
  }
  return [...buffers].map(([table, values]) => ({ table, values }))
}

/** What tells rows of one place apart. */
function describeValues(table: ModelRow['table'], values: readonly Value[]): string {
  const own = values.slice(5).map((value) => (value instanceof Uint8Array ? bytesToHex(value) : value))
  if (table === 'records') return own.slice(0, 3).join()
  if (table === 'roots') return [own[0], own[1], own[3], own[4]].join()
  return own.slice(0, 3).join()
}

/** Of an event, the same identity and content as `canonical` has. */
export function describeEvent(event: FeedEvent | FinalFeedEvent): { id: string; content: string } {
  const { at, row } = event
  const [table, content] =
    event.kind === 'record'
      ? (['records', [event.row.author, event.row.key, event.row.digest]] as const)
      : event.kind === 'root'
        ? ([
            'roots',
            [
              bytesToHex(event.row.author),
              bytesToHex(event.row.root),
              String(event.row.leafCount),
              event.row.manifestUri ?? null,
            ],
          ] as const)
        : ([
            'participant_events',
            [bytesToHex(event.row.account), event.row.kind, event.row.details],
          ] as const)
  return {
    id: idOf(table, at.blockNumber, at.logIndex, Math.max(at.entryIndex, 0)),
    content: `${content.join()}@${row.blockHash}`,
  }
}
