import { hexToBytes } from '../../../protocol/hex.ts'
import type {
  ListedPaymentRow,
  OrphanedPaymentRow,
  PaymentGroup,
  PaymentReader,
  PaymentRow,
  PaymentSums,
  RegistryBound,
} from '../payment-store.ts'
import { PAYMENT_SUMS, RECORD_TIERS, type Value, VISIBILITIES } from '../tables.ts'
import type { Columns, SqlEngine } from './engine.ts'
import { addSums, NO_SUMS } from './payment-sums.ts'
import { toSums } from './payment-total-rows.ts'
import { CHAIN_ORDER, MAX_ORPHANS } from './record-reader.ts'

/** All binary values as one text, as of records; the payload last, as it is of any length. */
const columnsOf = ({ hexOf }: SqlEngine, blockHash: string, blockTime: string) =>
  `r.chain_id, r.block_number, r.log_index, r.entry_index, r.contract_id, r.version, r.tier, r.visibility, r.kind, r.category,
   r.period, r.currency, r.amount_minor, r.paid_at, r.authority, ${blockTime},
   ${hexOf('r.office', 'r.order_key', 'r.digest', 'r.transaction_hash', blockHash, 'r.payload')}`

export const paymentColumns = (engine: SqlEngine) => columnsOf(engine, 'b.hash', 'b.time')

export function toPayment(c: Columns): PaymentRow {
  const text = c[16] as string
  return {
    chainId: c[0] as number,
    blockNumber: c[1] as number,
    logIndex: c[2] as number,
    entryIndex: c[3] as number,
    contractId: c[4] as number,
    version: c[5] as number,
    tier: RECORD_TIERS[c[6] as number]!,
    visibility: c[7] === null ? null : VISIBILITIES[c[7] as number]!,
    kind: c[8] as PaymentRow['kind'],
    category: c[9] as string | null,
    period: c[10] as string | null,
    currency: c[11] as string | null,
    amountMinor: c[12] as number | null,
    paidAt: c[13] as string | null,
    authority: c[14] as string | null,
    blockTime: c[15] as number,
    office: `0x${text.slice(0, 40)}`,
    orderKey: `0x${text.slice(40, 104)}`,
    digest: `0x${text.slice(104, 168)}`,
    transactionHash: `0x${text.slice(168, 232)}`,
    blockHash: `0x${text.slice(232, 296)}`,
    payload: `0x${text.slice(296)}`,
  }
}

const toOrphanedPayment = (c: Columns): OrphanedPaymentRow => ({
  ...toPayment(c),
  orphanedAt: c[17] as number,
})

const toListed = (c: Columns): ListedPaymentRow => ({
  ...toPayment(c),
  isRepeated: c[17] === 1,
  isLate: c[18] === 1,
})

/** By the index of orders. */
export const ORDER_OF_VERSIONS =
  'ORDER BY r.office, r.contract_id, r.version, r.block_number, r.log_index, r.entry_index'

const toPlace = (c: Columns) => ({
  blockNumber: c[0] as number,
  logIndex: c[1] as number,
  entryIndex: c[2] as number,
})

/** Payments looked at for one page, at most. */
const LOOKED_AT = 2_000

const SUMS_OF = (table: string): string => PAYMENT_SUMS.map((sum) => `${table}.${sum}`).join(', ')
const NEWEST = (table: string, block: string): string => `
  ${table}.group_id = g.group_id AND ${table}.block_number = (
    SELECT MAX(n.block_number) FROM payment_totals n WHERE n.group_id = g.group_id AND n.block_number <= ${block})`
const GROUP_ORDER = 'g.office, g.category, g.period, g.currency'

/** @param hasOrphans asked before each look into the orphans */
export function createPaymentReader(engine: SqlEngine, hasOrphans: () => boolean): PaymentReader {
  const PAYMENT_COLUMNS = paymentColumns(engine)
  const ORPHANED_COLUMNS = `${columnsOf(engine, 'r.block_hash', 'r.block_time')}, r.orphaned_at`
  const PLACE = 'r.chain_id = $1 AND r.block_number = $2 AND r.log_index = $3 AND r.entry_index = $4'
  const ofOrder = (condition: string) => `
    SELECT ${PAYMENT_COLUMNS} FROM payments r ${engine.withBlock} WHERE r.order_key = $1 ${condition}
    ${ORDER_OF_VERSIONS} LIMIT CAST($2 AS BIGINT)`
  const orphansOfOrder = `
    SELECT ${ORPHANED_COLUMNS} FROM orphaned_payments r WHERE r.order_key = $1
    ORDER BY r.orphaned_at, ${CHAIN_ORDER} LIMIT ${MAX_ORPHANS}`
  const atPlace = `SELECT ${PAYMENT_COLUMNS} FROM payments r ${engine.withBlock} WHERE ${PLACE} AND b.hash = $5`
  const orphanAtPlace = `
    SELECT ${ORPHANED_COLUMNS} FROM orphaned_payments r
    WHERE r.block_hash = $5 AND ${PLACE} LIMIT 1`
  const WITHIN = `r.chain_id = $1 AND r.block_number BETWEEN $2 AND $5
      AND (r.block_number, r.log_index, r.entry_index) > ($2, $3, $4)`
  const IN_ORDER = 'ORDER BY r.block_number, r.log_index, r.entry_index'
  /** Whether this one comes after the first write of a version of the same order; null when there is none. */
  const isAfterFirst = (version: string) => `(r.block_number, r.log_index, r.entry_index) > (
      SELECT e.block_number, e.log_index, e.entry_index FROM payments e
      WHERE e.order_key = r.order_key AND e.office = r.office AND e.contract_id = r.contract_id AND e.version = ${version}
      ORDER BY e.block_number, e.log_index, e.entry_index LIMIT 1)`
  const FLAGS = `
    CASE WHEN ${isAfterFirst('r.version')} THEN 1 ELSE 0 END,
    CASE WHEN r.version <= 1 OR ${isAfterFirst('r.version - 1')} THEN 0 ELSE 1 END`
  const atPlaceOf = (a: string, b: string) =>
    `${a}.chain_id = ${b}.chain_id AND ${a}.block_number = ${b}.block_number AND ${a}.log_index = ${b}.log_index
        AND ${a}.entry_index = ${b}.entry_index`
  /** Places by an index, then the rows at them: a planner would rather walk through all rows in their order. */
  const pageOf = (indexed: string, condition: string) => `
    SELECT ${PAYMENT_COLUMNS}, ${FLAGS} FROM (
      SELECT k.chain_id, k.block_number, k.log_index, k.entry_index FROM (
        SELECT r.chain_id, r.block_number, r.log_index, r.entry_index FROM payments r
        WHERE ${WITHIN} ${indexed} ${IN_ORDER} LIMIT CAST($6 AS BIGINT)
      ) k ${condition === '' ? '' : `JOIN payments r ON ${atPlaceOf('r', 'k')} WHERE 1 = 1 ${condition}`}
      ORDER BY k.block_number, k.log_index, k.entry_index LIMIT CAST($7 AS BIGINT)
    ) k JOIN payments r ON ${atPlaceOf('r', 'k')} ${engine.withBlock} ${IN_ORDER}`
  const endOf = (condition: string) => `
    SELECT r.block_number, r.log_index, r.entry_index FROM payments r WHERE ${WITHIN} ${condition}
    ${IN_ORDER} LIMIT 1 OFFSET ${LOOKED_AT - 1}`
  const totalsOf = (condition: string) => `
    SELECT ${engine.hexOf('g.office')}, g.category, g.period, g.currency, ${SUMS_OF('t')}, ${SUMS_OF('s')}
    FROM payment_groups g JOIN payment_totals t ON ${NEWEST('t', '$2')}
    LEFT JOIN payment_totals s ON ${NEWEST('s', '$3')}
    WHERE g.contract_id = $1 AND t.block_number > $3
      AND (${GROUP_ORDER}) > ($4, $5, $6, $7) ${condition}
    ORDER BY ${GROUP_ORDER} LIMIT CAST($8 AS BIGINT)`

  return {
    async findPayments(orderKey, { office, registries, limit }) {
      if (registries?.length === 0) return []
      const ofOffice = conditionOf({ 'r.office': office }, 3)
      const within =
        registries === undefined ? NO_CONDITION : withinOf(registries, 3 + ofOffice.values.length)
      const rows = await engine.query(
        ofOrder(`${ofOffice.condition} ${within.condition}`),
        orderKey,
        limit,
        ...ofOffice.values,
        ...within.values,
      )
      return rows.map(toPayment)
    },
    findOrphanedPayments: async (orderKey) =>
      hasOrphans() ? (await engine.query(orphansOfOrder, orderKey)).map(toOrphanedPayment) : [],
    async findPaymentAt({ chainId, blockNumber, logIndex, entryIndex, blockHash }) {
      const place = [chainId, blockNumber, logIndex, entryIndex, hexToBytes(blockHash)]
      const [found] = await engine.query(atPlace, ...place)
      if (found !== undefined) return toPayment(found)
      return (await engine.query(orphanAtPlace, ...place)).map(toPayment)[0]
    },
    async listPayments({ chainId, after, toBlock, office, category, period, kind, limit }) {
      const { blockNumber, logIndex, entryIndex } = after
      const start = [chainId, blockNumber, logIndex, entryIndex, toBlock]
      const indexed = { 'r.office': office, 'r.category': category }
      const ofEnd = conditionOf(indexed, 6)
      // What an index is of need not be looked at to be passed over.
      const isFiltered = period !== undefined || kind !== undefined
      const found = isFiltered
        ? (await engine.query(endOf(ofEnd.condition), ...start, ...ofEnd.values))[0]
        : undefined
      const end = found === undefined ? undefined : toPlace(found)
      const indexedPart = conditionOf(indexed, 8)
      const rest = conditionOf({ 'r.period': period, 'r.kind': kind }, 8 + indexedPart.values.length)
      const rows = await engine.query(
        pageOf(indexedPart.condition, rest.condition),
        ...start,
        isFiltered ? LOOKED_AT : limit,
        limit,
        ...indexedPart.values,
        ...rest.values,
      )
      return { rows: rows.map(toListed), end }
    },
    async listPaymentTotals({ contractId, afterBlock, toBlock, after, office, category, period, limit }) {
      const asked = { 'g.office': office, 'g.category': category, 'g.period': period }
      const { condition, values } = conditionOf(asked, 9)
      const from = after ?? { office: '0x', category: '', period: '', currency: '' }
      const start = [hexToBytes(from.office), from.category, from.period, from.currency]
      const query = [contractId, toBlock, afterBlock, ...start, limit]
      const rows = await engine.query(totalsOf(condition), ...query, ...values)
      return rows.map((c) => toTotal(contractId, c))
    },
  }
}

interface Condition {
  condition: string
  values: Value[]
}

const NO_CONDITION: Condition = { condition: '', values: [] }

/** One expression for all of them: a planner that saw alternatives would leave the index that has the rows in order. */
function withinOf(registries: readonly RegistryBound[], firstNumber: number): Condition {
  const cases = registries.map(
    (_, i) => `WHEN $${firstNumber + 2 * i} THEN CAST($${firstNumber + 2 * i + 1} AS BIGINT)`,
  )
  return {
    condition: `AND r.block_number <= CASE r.contract_id ${cases.join(' ')} ELSE -1 END`,
    values: registries.flatMap(({ contractId, toBlock }) => [contractId, toBlock ?? Number.MAX_SAFE_INTEGER]),
  }
}

/** Conditions on what is asked for; their values follow on those before. There are few combinations: each is prepared once. */
function conditionOf(columns: Record<string, Value | undefined>, firstNumber: number): Condition {
  const asked = Object.entries(columns).filter(([, value]) => value !== undefined) as [string, Value][]
  return {
    condition: asked.map(([column], i) => `AND ${column} = $${firstNumber + i}`).join(' '),
    values: asked.map(([, value]) => value),
  }
}

function toTotal(contractId: number, c: Columns): PaymentGroup & PaymentSums {
  const sums = { ...NO_SUMS }
  addSums(sums, toSums(c.slice(4, 4 + PAYMENT_SUMS.length)))
  if (c[4 + PAYMENT_SUMS.length] !== null) addSums(sums, toSums(c.slice(4 + PAYMENT_SUMS.length)), -1)
  return {
    contractId,
    office: `0x${c[0]}`,
    category: c[1] as string,
    period: c[2] as string,
    currency: c[3] as string,
    ...sums,
  }
}
