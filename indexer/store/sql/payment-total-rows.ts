import type { PaymentSums } from '../payment-store.ts'
import { ALL_TABLES, PAYMENT_SUMS, type Value } from '../tables.ts'
import type { Columns, SqlWriter } from './engine.ts'
import { addSums, NO_SUMS } from './payment-sums.ts'

/** A change far below the tip goes through all rows of its group that follow: so many at a time. */
const ROWS_AT_ONCE = 5_000

const SUMS = PAYMENT_SUMS.join(', ')
const GROUP = `
  SELECT group_id FROM payment_groups
  WHERE contract_id = $1 AND office = $2 AND category = $3 AND period = $4 AND currency = $5`
const ADD_GROUP = `
  INSERT INTO payment_groups (group_id, contract_id, office, category, period, currency)
  SELECT COALESCE(MAX(group_id), 0) + 1, CAST($1 AS INTEGER), $2, $3, $4, $5 FROM payment_groups RETURNING group_id`
const SUMS_BEFORE = `
  SELECT ${SUMS} FROM payment_totals WHERE group_id = $1 AND block_number < $2 ORDER BY block_number DESC LIMIT 1`
const SUMS_FROM = `
  SELECT block_number, ${SUMS} FROM payment_totals WHERE group_id = $1 AND block_number >= $2
  ORDER BY block_number LIMIT ${ROWS_AT_ONCE}`
const REMOVE_SUMS = 'DELETE FROM payment_totals WHERE group_id = $1 AND block_number BETWEEN $2 AND $3'

/** What is to be added to the sums of one group, by block. */
export interface GroupChange {
  contractId: number
  office: Uint8Array
  /** As `groupOf` spells it. */
  group: string
  blocks: Map<number, PaymentSums>
}

/** Rows on their way into the table, of several groups at once. */
export class TotalRows {
  readonly #writer: SqlWriter
  #values: Value[] = []
  #count = 0

  constructor(writer: SqlWriter) {
    this.#writer = writer
  }

  get isFull(): boolean {
    return this.#count >= ROWS_AT_ONCE
  }

  add(groupId: number, chainId: number, block: number, sums: PaymentSums): void {
    this.#values.push(groupId, chainId, block, ...toValues(sums))
    this.#count++
  }

  async write(): Promise<void> {
    const values = this.#values
    this.#values = []
    this.#count = 0
    await this.#writer.insertRows('payment_totals', ALL_TABLES.payment_totals!, values)
  }
}

const ownerOf = ({ contractId, office, group }: GroupChange): Value[] => [
  contractId,
  office,
  ...group.split('\n'),
]

/** Its id; undefined while nothing was added up of it. */
export async function findGroup(writer: SqlWriter, change: GroupChange): Promise<number | undefined> {
  return (await writer.query(GROUP, ...ownerOf(change)))[0]?.[0] as number | undefined
}

export const changesSomething = ({ blocks }: GroupChange): boolean =>
  blocks.values().some((sums) => !isNothing(sums))

/**
 * Makes the rows of a group anew from the first block that changes, as far as they change, and deletes those that there are.
 * @param change that changes something
 * @param found the id of the group, if it has one
 */
export async function changeGroup(
  writer: SqlWriter,
  rows: TotalRows,
  chainId: number,
  change: GroupChange,
  found: number | undefined,
): Promise<void> {
  const changes = [...change.blocks].filter(([, sums]) => !isNothing(sums)).sort(([a], [b]) => a - b)
  const groupId = found ?? ((await writer.query(ADD_GROUP, ...ownerOf(change)))[0]![0] as number)
  let from = changes[0]![0]
  const readFrom = async () => (found === undefined ? [] : writer.query(SUMS_FROM, groupId, from))
  let [[base], kept] = await Promise.all([
    found === undefined ? [] : writer.query(SUMS_BEFORE, groupId, from),
    readFrom(),
  ])
  const added = { ...NO_SUMS }
  let was = base === undefined ? { ...NO_SUMS } : toSums(base)
  let written = was
  let next = 0
  for (;;) {
    const lastKept = kept.at(-1)?.[0] as number | undefined
    if (lastKept !== undefined) await writer.send(REMOVE_SUMS, groupId, from, lastKept)
    const isEnd = kept.length < ROWS_AT_ONCE
    const to = isEnd ? Number.MAX_SAFE_INTEGER : lastKept!

    const keptAt = new Map(kept.map((c) => [c[0] as number, toSums(c.slice(1))]))
    const changedAt = new Map<number, PaymentSums>()
    for (; next < changes.length && changes[next]![0] <= to; next++) changedAt.set(...changes[next]!)
    for (const block of [...new Set([...keptAt.keys(), ...changedAt.keys()])].sort((a, b) => a - b)) {
      was = keptAt.get(block) ?? was
      addSums(added, changedAt.get(block) ?? {})
      const now = { ...was }
      addSums(now, added)
      if (isSame(now, written)) continue
      rows.add(groupId, chainId, block, now)
      written = now
    }
    if (rows.isFull) await rows.write()
    if (isEnd || (next === changes.length && isNothing(added))) return
    from = to + 1
    kept = await readFrom()
  }
}

const isNothing = (sums: PaymentSums): boolean => isSame(sums, NO_SUMS)

export const isSame = (a: PaymentSums, b: PaymentSums): boolean =>
  Object.entries(a).every(([name, value]) => value === b[name as keyof PaymentSums])

const toValues = (sums: PaymentSums): Value[] => [
  sums.orders,
  sums.payments,
  sums.corrections,
  sums.reversals,
  sums.refunds,
  sums.sealed,
  sums.unreadable,
  sums.publicOrders,
  String(sums.net),
]

/** Of `PAYMENT_SUMS`, in that order. */
export const toSums = (c: Columns): PaymentSums => ({
  orders: c[0] as number,
  payments: c[1] as number,
  corrections: c[2] as number,
  reversals: c[3] as number,
  refunds: c[4] as number,
  sealed: c[5] as number,
  unreadable: c[6] as number,
  publicOrders: c[7] as number,
  net: BigInt(c[8] as string),
})
