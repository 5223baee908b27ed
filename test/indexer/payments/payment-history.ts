import fc from 'fast-check'
import type { Store } from '../../../indexer/store/store.ts'
import { TABLES, type Value } from '../../../indexer/store/tables.ts'

const CHAIN = 7
export const OFFICES = [Buffer.alloc(20, 0xb1), Buffer.alloc(20, 0xb2)] as const
const AMOUNTS = [0, 1, 250, 10_000, Number.MAX_SAFE_INTEGER]

export interface Step {
  kind: 'append' | 'rollback' | 'repair'
  seeds: number[]
}

export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom('append', 'append', 'append', 'rollback', 'repair' as const),
      seeds: fc.array(fc.nat(100_000), { minLength: 12, maxLength: 12 }),
    }) as fc.Arbitrary<Step>,
    { maxLength },
  )

/** One version, in the columns of the table. */
export interface ModelPayment {
  blockNumber: number
  logIndex: number
  entryIndex: number
  office: number
  order: number
  version: number
  visibility: 0 | 1 | null
  kind: 'payment' | 'correction' | 'reversal' | 'refund'
  category: string
  period: string
  currency: string
  amountMinor: number
}

const bytes = (...numbers: number[]): Buffer => {
  const buffer = Buffer.alloc(32, 0x5a)
  for (const [i, number] of numbers.entries()) buffer.writeUInt32BE(number, 4 * i)
  return buffer
}

const pick = <Of>(values: readonly Of[], seed: number): Of => values[seed % values.length]!

/** Payments of few orders, whose versions come, go and change: what a store is told, and what must be in it then. */
export class PaymentHistory {
  readonly store: Store
  readonly chainId: number
  head = 0
  finalNumber = 0
  contractId = 0
  #made = 0
  readonly hashes = new Map<number, Buffer>([[0, bytes(0)]])
  payments: ModelPayment[] = []

  constructor(store: Store, chainId = CHAIN) {
    this.store = store
    this.chainId = chainId
  }

  async begin(): Promise<void> {
    const checkpoint = { number: 0, hash: this.hashes.get(0)!, timestamp: 1_000, finalNumber: 0 }
    await this.store.createChain({ chainId: this.chainId, genesisHash: bytes(1), checkpoint })
    const contract = {
      chainId: this.chainId,
      address: Buffer.alloc(20, 1),
      kind: 'PaymentRecordRegistry',
      startBlock: 1,
    }
    this.contractId = (await this.store.createContract({ ...contract, caughtUpTo: null })).contractId
  }

  async take({ kind, seeds }: Step): Promise<void> {
    if (kind === 'repair') return this.#repair(seeds)
    const rollbackTo =
      kind === 'rollback' ? this.finalNumber + (seeds[0]! % (this.head - this.finalNumber + 1)) : undefined
    const base = this.hashes.get(this.head)!
    if (rollbackTo !== undefined) {
      this.payments = this.payments.filter(({ blockNumber }) => blockNumber <= rollbackTo)
      for (const number of this.hashes.keys()) if (number > rollbackTo) this.hashes.delete(number)
      this.head = rollbackTo
    }
    const first = this.head
    const added: ModelPayment[] = []
    const blocks = []
    for (let i = 0; i < (rollbackTo === undefined ? 1 : 0) + (seeds[1]! % 3); i++) {
      this.head++
      this.hashes.set(this.head, bytes(this.head, ++this.#made))
      blocks.push(this.#block(this.head))
      for (let log = 0; log < seeds[2]! % 5; log++) {
        const payment = this.#newPayment(this.head, log, seeds[3 + log]! + i)
        added.push(payment)
        this.payments.push(payment)
      }
    }
    this.finalNumber = Math.max(this.finalNumber, Math.min(first, this.finalNumber + (seeds[11]! % 3)))
    await this.store.commit({
      chainId: this.chainId,
      base,
      ...(rollbackTo === undefined ? {} : { rollbackTo }),
      blocks,
      rows: this.rowsOf(added),
      heads: [],
      checkpoint: this.checkpoint(),
    })
  }

  /** Takes some away, puts others into blocks that are there. */
  async #repair(seeds: number[]): Promise<void> {
    const surplus = this.payments.filter((_, i) => seeds[0]! % 5 === i % 5).slice(0, 3)
    this.payments = this.payments.filter((payment) => !surplus.includes(payment))
    const added: ModelPayment[] = []
    for (let i = 0; i < seeds[1]! % 4 && this.head > 0; i++) {
      const block = 1 + (seeds[2 + i]! % this.head)
      const free =
        1 + Math.max(-1, ...this.payments.filter((p) => p.blockNumber === block).map((p) => p.logIndex))
      const payment = this.#newPayment(block, free + i, seeds[6 + i]!)
      added.push(payment)
      this.payments.push(payment)
    }
    await this.store.repair({
      chainId: this.chainId,
      contractId: this.contractId,
      author: OFFICES[0],
      fromBlock: 1,
      surplus,
      blocks: [...new Set(added.map(({ blockNumber }) => blockNumber))].map((number) => this.#block(number)),
      rows: this.rowsOf(added),
      heads: [],
    })
  }

  #block = (number: number) => ({ number, hash: this.hashes.get(number)!, timestamp: 1_000 + number })

  checkpoint() {
    return { ...this.#block(this.head), finalNumber: this.finalNumber }
  }

  #newPayment(blockNumber: number, logIndex: number, seed: number): ModelPayment {
    const of = (divisor: number) => Math.floor(seed / divisor)
    // Mostly the next of its order: of versions far apart nothing adds up.
    const own = this.payments.filter((other) => other.office === seed % 2 && other.order === of(2) % 3)
    const version = of(3) % 5 === 0 ? 1 + (of(3) % 4) : 1 + new Set(own.map((other) => other.version)).size
    return {
      blockNumber,
      logIndex,
      entryIndex: 0,
      office: seed % 2,
      order: of(2) % 3,
      version,
      visibility: pick([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, null] as const, of(7)),
      kind: pick(['payment', 'correction', 'refund', 'refund', 'reversal'] as const, of(11)),
      category: pick(['tax', 'tax', 'pension', 'a-b', 'a'], of(13)),
      period: pick(['2024', '2024', '2024-Q1', ''], of(17)),
      currency: pick(['GBP', 'GBP', 'GBP', 'GBP', 'GBP', 'GBP', 'JPY'], of(19)),
      amountMinor: pick(AMOUNTS, of(23)),
    }
  }

  rowsOf(payments: readonly ModelPayment[]): { table: 'records' | 'payments'; values: Value[] }[] {
    if (payments.length === 0) return []
    const columns = TABLES.payments.columns.length
    const values = payments.flatMap((payment): Value[] => {
      const { blockNumber, logIndex, entryIndex, office, order, version, visibility } = payment
      const isPublic = visibility === 0
      const said = visibility === null ? [null, null, null] : [payment.kind, payment.category, payment.period]
      const row = [
        ...[
          this.chainId,
          blockNumber,
          logIndex,
          entryIndex,
          this.contractId,
          OFFICES[office]!,
          bytes(order),
          version,
        ],
        ...[bytes(order, version), Buffer.from([1, 2]), 0, visibility, ...said],
        ...(isPublic
          ? [payment.currency, payment.amountMinor, '2024-01-01', 'North']
          : [null, null, null, null]),
        bytes(blockNumber, logIndex),
      ]
      if (row.length !== columns) throw new Error('the model has other columns than the table')
      return row
    })
    const records = payments.flatMap(({ blockNumber, logIndex, office, order, version }): Value[] => [
      ...[this.chainId, blockNumber, logIndex, 0, this.contractId, OFFICES[office]!],
      ...[bytes(order, version, 1), bytes(order, version, 2), 0, bytes(blockNumber, logIndex)],
    ])
    return [
      { table: 'records', values: records },
      { table: 'payments', values },
    ]
  }
}
