import { bytesToHex } from '../../../protocol/hex.ts'
import type { PaymentSums } from '../payment-store.ts'
import type { Position } from '../store.ts'
import { ALL_TABLES, PAYMENT_SUMS, type RowBuffer, TABLES, type Value, VISIBILITIES } from '../tables.ts'
import type { Columns, SqlWriter } from './engine.ts'
import { blockRangeOf } from './journal.ts'
import { addSums, NO_SUMS, type SummedVersion, sumsByBlock } from './payment-sums.ts'

/** Of an order versions up to this one are added up: anybody may write any number, and every commit to an order reads them again. */
export const MAX_SUMMED_VERSION = 250

const VERSION_COLUMNS = `p.contract_id, p.office, p.order_key, p.block_number, p.log_index, p.entry_index, p.version, p.visibility,
  p.kind, p.category, p.period, p.currency, p.amount_minor`
const sameOrder = (a: string, b: string): string =>
  `${a}.order_key = ${b}.order_key AND ${a}.office = ${b}.office AND ${a}.contract_id = ${b}.contract_id`
/**
 * The first write of each version of some orders. The index is asked for one version after the other, so that what was
 * written again, any number of times, is passed over. A contract is of one chain.
 * @param orders their keys, offices and contracts
 */
const firstWritesOf = (orders: string): string => `
  WITH RECURSIVE v(order_key, office, contract_id, version) AS (
    SELECT o.order_key, o.office, o.contract_id, CAST(0 AS BIGINT) FROM (${orders}) o
    UNION ALL
    SELECT v.order_key, v.office, v.contract_id, (
      SELECT n.version FROM payments n
      WHERE ${sameOrder('n', 'v')} AND n.version > v.version AND n.version <= ${MAX_SUMMED_VERSION}
      ORDER BY n.version LIMIT 1)
    FROM v WHERE v.version IS NOT NULL)
  SELECT ${VERSION_COLUMNS} FROM v JOIN payments p ON ${sameOrder('p', 'v')} AND p.version = v.version
    AND (p.block_number, p.log_index, p.entry_index) = (
      SELECT e.block_number, e.log_index, e.entry_index FROM payments e
      WHERE ${sameOrder('e', 'v')} AND e.version = v.version
      ORDER BY e.block_number, e.log_index, e.entry_index LIMIT 1)
  ORDER BY p.block_number, p.log_index, p.entry_index`
const VERSIONS_OF_ORDERS_IN_BLOCKS = firstWritesOf(`
    SELECT DISTINCT order_key, office, contract_id FROM payments
    WHERE chain_id = $1 AND block_number BETWEEN $2 AND $3 AND contract_id = $4`)
const VERSIONS_OF_ORDER = firstWritesOf(`
    SELECT order_key, office, contract_id FROM payments
    WHERE order_key = $1 AND office = $2 AND contract_id = $3 LIMIT 1`)
const ORDERS_OF_LOG = `
  SELECT DISTINCT order_key, office, contract_id FROM payments
  WHERE chain_id = $1 AND block_number = $2 AND log_index = $3`

const SUMS = PAYMENT_SUMS.join(', ')
const GROUP = `
  SELECT group_id FROM payment_groups
  WHERE contract_id = $1 AND office = $2 AND category = $3 AND period = $4 AND currency = $5`
const ADD_GROUP = `
  INSERT INTO payment_groups (group_id, contract_id, office, category, period, currency)
  SELECT COALESCE(MAX(group_id), 0) + 1, CAST($1 AS INTEGER), $2, $3, $4, $5 FROM payment_groups RETURNING group_id`
const SUMS_BEFORE = `
  SELECT ${SUMS} FROM payment_totals WHERE group_id = $1 AND block_number < $2 ORDER BY block_number DESC LIMIT 1`
const SUMS_FROM = `SELECT block_number, ${SUMS} FROM payment_totals WHERE group_id = $1 AND block_number >= $2 ORDER BY block_number`

/** One order of one office in one registry. */
interface OrderVersions {
  contractId: number
  office: Uint8Array
  versions: SummedVersion[]
}
/** By what tells orders apart. */
type Orders = Map<string, OrderVersions>

/** What is to be added to the sums of one group, by block. */
interface GroupChange {
  contractId: number
  office: Uint8Array
  group: string
  blocks: Map<number, PaymentSums>
}

/** Undoes what blocks above this one added: sums are kept as of each block. */
export async function rollBackPaymentTotals(
  writer: SqlWriter,
  chainId: number,
  block: number,
): Promise<void> {
  await writer.query('DELETE FROM payment_totals WHERE chain_id = $1 AND block_number > $2', chainId, block)
}

/** Adds what a commit brought in; to be called once its rows are written. */
export async function addPaymentTotals(
  writer: SqlWriter,
  chainId: number,
  rows: readonly RowBuffer[],
): Promise<void> {
  const payments = rows.filter(({ table }) => table === 'payments')
  const range = blockRangeOf(payments)
  if (range === undefined) return
  const found: Columns[] = []
  for (const contractId of new Set(payments.flatMap(contractsOf)))
    found.push(
      ...(await writer.query(VERSIONS_OF_ORDERS_IN_BLOCKS, chainId, range.from, range.to, contractId)),
    )
  const after = toOrders(found)
  const added = new Set(payments.flatMap(placesOf))
  const before: Orders = new Map()
  for (const [name, order] of after)
    before.set(name, { ...order, versions: order.versions.filter((version) => !added.has(placeOf(version))) })
  await changeTotals(writer, chainId, before, after)
}

/** Around a repair, which takes and adds rows anywhere. */
export async function withPaymentTotals(
  writer: SqlWriter,
  { chainId, surplus, rows }: { chainId: number; surplus: readonly Position[]; rows: readonly RowBuffer[] },
  repair: () => Promise<void>,
): Promise<void> {
  const orders = new Map<string, readonly Value[]>()
  const note = (order: readonly Value[]) =>
    orders.set(nameOf(order as [Uint8Array, Uint8Array, number]), order)
  for (const { blockNumber, logIndex } of surplus)
    for (const order of await writer.query(ORDERS_OF_LOG, chainId, blockNumber, logIndex))
      note(order as readonly Value[])
  for (const { values } of rows.filter(({ table }) => table === 'payments'))
    for (let at = 0; at < values.length; at += WIDTH)
      note([values[at + ORDER_KEY]!, values[at + OFFICE]!, values[at + CONTRACT]!])
  const read = async (): Promise<Orders> => {
    const found: Columns[] = []
    for (const order of orders.values()) found.push(...(await writer.query(VERSIONS_OF_ORDER, ...order)))
    return toOrders(found)
  }
  const before = await read()
  await repair()
  if (orders.size > 0) await changeTotals(writer, chainId, before, await read())
}

const WIDTH = TABLES.payments.columns.length
const [CONTRACT, OFFICE, ORDER_KEY] = ['contract_id', 'office', 'order_key'].map((column) =>
  TABLES.payments.columns.indexOf(column),
) as [number, number, number]

const placesOf = ({ values }: RowBuffer): string[] =>
  Array.from({ length: values.length / WIDTH }, (_, i) =>
    values.slice(i * WIDTH + 1, i * WIDTH + 4).join(':'),
  )

const contractsOf = ({ values }: RowBuffer): number[] =>
  Array.from({ length: values.length / WIDTH }, (_, i) => values[i * WIDTH + CONTRACT] as number)

const placeOf = ({ blockNumber, logIndex, entryIndex }: SummedVersion): string =>
  `${blockNumber}:${logIndex}:${entryIndex}`

const nameOf = ([orderKey, office, contractId]: readonly [Uint8Array, Uint8Array, number]): string =>
  `${bytesToHex(orderKey)}:${bytesToHex(office)}:${contractId}`

function toOrders(rows: readonly Columns[]): Orders {
  const orders: Orders = new Map()
  for (const c of rows) {
    const [contractId, office, orderKey] = c as [number, Uint8Array, Uint8Array]
    const name = nameOf([orderKey, office, contractId])
    let order = orders.get(name)
    if (order === undefined) {
      order = { contractId, office, versions: [] }
      orders.set(name, order)
    }
    order.versions.push(toVersion(c))
  }
  return orders
}

const toVersion = (c: Columns): SummedVersion => ({
  blockNumber: c[3] as number,
  logIndex: c[4] as number,
  entryIndex: c[5] as number,
  version: c[6] as number,
  visibility: c[7] === null ? null : VISIBILITIES[c[7] as number]!,
  kind: c[8] as SummedVersion['kind'],
  category: (c[9] as string | null) ?? '',
  period: (c[10] as string | null) ?? '',
  currency: (c[11] as string | null) ?? '',
  amountMinor: (c[12] as number | null) ?? 0,
})

async function changeTotals(
  writer: SqlWriter,
  chainId: number,
  before: Orders,
  after: Orders,
): Promise<void> {
  const changes = new Map<string, GroupChange>()
  for (const order of after.values()) addOrder(changes, order, 1)
  for (const order of before.values()) addOrder(changes, order, -1)
  const values: Value[] = []
  for (const change of changes.values()) await collectRows(writer, chainId, change, values)
  await writer.insertRows('payment_totals', ALL_TABLES.payment_totals!, values)
}

function addOrder(
  changes: Map<string, GroupChange>,
  { contractId, office, versions }: OrderVersions,
  factor: number,
): void {
  if (versions.length === 0) return
  const owner = `${contractId}:${bytesToHex(office)}`
  for (const [block, groups] of sumsByBlock(versions))
    for (const [group, sums] of groups) {
      const name = `${owner}:${group}`
      let change = changes.get(name)
      if (change === undefined) {
        change = { contractId, office, group, blocks: new Map() }
        changes.set(name, change)
      }
      let ofBlock = change.blocks.get(block)
      if (ofBlock === undefined) {
        ofBlock = { ...NO_SUMS }
        change.blocks.set(block, ofBlock)
      }
      addSums(ofBlock, sums, factor)
    }
}

/** Makes the rows of a group anew from the first block that changes, and deletes those that there are. */
async function collectRows(
  writer: SqlWriter,
  chainId: number,
  { contractId, office, group, blocks }: GroupChange,
  values: Value[],
): Promise<void> {
  const changed = [...blocks].filter(([, sums]) => !isNothing(sums)).sort(([a], [b]) => a - b)
  const first = changed[0]?.[0]
  if (first === undefined) return
  const owner = [contractId, office, ...group.split('\n')]
  const [found] = await writer.query(GROUP, ...owner)
  const groupId = (found ?? (await writer.query(ADD_GROUP, ...owner))[0])![0] as number
  const [base] = found === undefined ? [] : await writer.query(SUMS_BEFORE, groupId, first)
  const kept = found === undefined ? [] : await writer.query(SUMS_FROM, groupId, first)
  if (kept.length > 0)
    await writer.query(
      'DELETE FROM payment_totals WHERE group_id = $1 AND block_number >= $2',
      groupId,
      first,
    )

  const keptAt = new Map(kept.map((c) => [c[0] as number, toSums(c.slice(1))]))
  const changedAt = new Map(changed)
  const change = { ...NO_SUMS }
  let was = base === undefined ? { ...NO_SUMS } : toSums(base)
  let written = was
  for (const block of [...new Set([...keptAt.keys(), ...changedAt.keys()])].sort((a, b) => a - b)) {
    was = keptAt.get(block) ?? was
    addSums(change, changedAt.get(block) ?? {})
    const now = { ...was }
    addSums(now, change)
    if (isSame(now, written)) continue
    values.push(groupId, chainId, block, ...toValues(now))
    written = now
  }
}

const isNothing = (sums: PaymentSums): boolean => isSame(sums, NO_SUMS)

const isSame = (a: PaymentSums, b: PaymentSums): boolean =>
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
