import { bytesToHex } from '../../../protocol/hex.ts'
import type { Position } from '../store.ts'
import { type RowBuffer, TABLES, type Value } from '../tables.ts'
import type { Columns, SqlWriter } from './engine.ts'
import { blockRangeOf } from './journal.ts'
import {
  addSums,
  NO_SUMS,
  SUMMED_COLUMNS,
  type SummedVersion,
  sumsByBlock,
  toSummed,
} from './payment-sums.ts'
import {
  changeGroup,
  changesSomething,
  findGroup,
  type GroupChange,
  TotalRows,
} from './payment-total-rows.ts'

/** Of an order versions up to this one are added up: anybody may write any number, and every commit to an order reads them again. */
export const MAX_SUMMED_VERSION = 250

const VERSION_COLUMNS = `p.contract_id, p.office, p.order_key, ${SUMMED_COLUMNS.map((column) => `p.${column}`).join(', ')}`
const sameOrder = (a: string, b: string): string =>
  `${a}.order_key = ${b}.order_key AND ${a}.office = ${b}.office AND ${a}.contract_id = ${b}.contract_id`
const IN_CHAIN_ORDER = (table: string) =>
  `ORDER BY ${table}.block_number, ${table}.log_index, ${table}.entry_index`
const FIRST_WRITE = `
  JOIN payments p ON ${sameOrder('p', 'v')} AND p.version = v.version
    AND (p.block_number, p.log_index, p.entry_index) = (
      SELECT e.block_number, e.log_index, e.entry_index FROM payments e
      WHERE ${sameOrder('e', 'v')} AND e.version = v.version ${IN_CHAIN_ORDER('e')} LIMIT 1)`
const LATERAL_FIRST_WRITE = `
  CROSS JOIN LATERAL (
    SELECT * FROM payments e WHERE ${sameOrder('e', 'v')} AND e.version = v.version ${IN_CHAIN_ORDER('e')} LIMIT 1
  ) p`
/**
 * The first write of each version of some orders. The index is asked for one version after the other, so that what was
 * written again, any number of times, is passed over. A contract is of one chain.
 * @param orders their keys, offices and contracts
 */
const firstWritesOf =
  (orders: string) =>
  ({ hasLateral }: SqlWriter): string =>
    `
  WITH RECURSIVE v(order_key, office, contract_id, version) AS (
    SELECT o.order_key, o.office, o.contract_id, CAST(0 AS BIGINT) FROM (${orders}) o
    UNION ALL
    SELECT v.order_key, v.office, v.contract_id, (
      SELECT n.version FROM payments n
      WHERE ${sameOrder('n', 'v')} AND n.version > v.version AND n.version <= ${MAX_SUMMED_VERSION}
      ORDER BY n.version LIMIT 1)
    FROM v WHERE v.version IS NOT NULL)
  SELECT ${VERSION_COLUMNS} FROM v ${hasLateral ? LATERAL_FIRST_WRITE : FIRST_WRITE}
  ${IN_CHAIN_ORDER('p')}`
const versionsOfOrdersInBlocks = firstWritesOf(`
    SELECT DISTINCT order_key, office, contract_id FROM payments
    WHERE chain_id = $1 AND block_number BETWEEN $2 AND $3 AND contract_id = $4`)
const versionsOfOrder = firstWritesOf(`
    SELECT order_key, office, contract_id FROM payments
    WHERE order_key = $1 AND office = $2 AND contract_id = $3 LIMIT 1`)
const ORDERS_OF_LOG = `
  SELECT DISTINCT order_key, office, contract_id FROM payments
  WHERE chain_id = $1 AND block_number = $2 AND log_index = $3`

/** One order of one office in one registry. */
interface OrderVersions {
  contractId: number
  office: Uint8Array
  versions: SummedVersion[]
}
/** By what tells orders apart. */
type Orders = Map<string, OrderVersions>

/** Undoes what blocks above this one added: sums are kept as of each block. */
export async function rollBackPaymentTotals(
  writer: SqlWriter,
  chainId: number,
  block: number,
): Promise<void> {
  await writer.send('DELETE FROM payment_totals WHERE chain_id = $1 AND block_number > $2', chainId, block)
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
  const after: Orders = new Map()
  const sql = versionsOfOrdersInBlocks(writer)
  for (const contractId of new Set(payments.flatMap(contractsOf)))
    addVersions(after, await writer.query(sql, chainId, range.from, range.to, contractId))
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
  const sql = versionsOfOrder(writer)
  const read = async (): Promise<Orders> => {
    const found: Orders = new Map()
    for (const order of orders.values()) addVersions(found, await writer.query(sql, ...order))
    return found
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

function addVersions(orders: Orders, rows: readonly Columns[]): void {
  for (const c of rows) {
    const [contractId, office, orderKey] = c as [number, Uint8Array, Uint8Array]
    const name = nameOf([orderKey, office, contractId])
    let order = orders.get(name)
    if (order === undefined) {
      order = { contractId, office, versions: [] }
      orders.set(name, order)
    }
    order.versions.push(toSummed(c.slice(3)))
  }
}

async function changeTotals(
  writer: SqlWriter,
  chainId: number,
  before: Orders,
  after: Orders,
): Promise<void> {
  const changes = new Map<string, GroupChange>()
  for (const order of after.values()) addOrder(changes, order, 1)
  for (const order of before.values()) addOrder(changes, order, -1)
  const rows = new TotalRows(writer)
  const some = [...changes.values()].filter(changesSomething)
  const found = await Promise.all(some.map((change) => findGroup(writer, change)))
  for (const [i, change] of some.entries()) await changeGroup(writer, rows, chainId, change, found[i])
  await rows.write()
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
