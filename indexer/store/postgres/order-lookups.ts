import type { PaymentReader } from '../payment-store.ts'
import type { Columns, SqlEngine } from '../sql/engine.ts'
import { ORDER_OF_VERSIONS, paymentColumns, toPayment } from '../sql/payment-reader.ts'
import { JoinedLookups } from './joined-lookups.ts'
import type { ArrayQuery } from './key-lookups.ts'

/** Lookups of orders, of all offices in some contracts, those of one moment in one statement. */
export function createOrderLookups(
  engine: SqlEngine,
  query: ArrayQuery,
): (
  orderKey: Uint8Array,
  contractIds: readonly number[],
  limit: number,
) => ReturnType<PaymentReader['findPayments']> {
  // The rows of each stay together, in their order; the last column says whose they are.
  const orders = `
    SELECT r.*, k.n FROM unnest($1::bytea[]) WITH ORDINALITY AS k(order_key, n)
    CROSS JOIN LATERAL (
      SELECT ${paymentColumns(engine)} FROM (
        SELECT * FROM payments r WHERE r.order_key = k.order_key AND r.contract_id = ANY($3::int[])
        ${ORDER_OF_VERSIONS} LIMIT $2
      ) r ${engine.withBlock}
    ) r`
  const lookupsIn = (contractIds: readonly number[]) =>
    new JoinedLookups<Columns>(async (lookups) => {
      const keys = lookups.map(([key]) => key!)
      // One limit for all: who asked for less takes the first ones.
      const limit = Math.max(...lookups.map(([, limit]) => limit as number))
      const found: Columns[][] = lookups.map(() => [])
      for (const row of await query(orders, [keys, limit, contractIds]))
        found[(row.at(-1) as number) - 1]!.push(row)
      return found
    })
  // Nearly always the same contracts are asked for.
  let last = { name: '', joined: lookupsIn([]) }
  return async (orderKey, contractIds, limit) => {
    const name = contractIds.join()
    if (name !== last.name) last = { name, joined: lookupsIn([...contractIds]) }
    const rows = await last.joined.find(orderKey, limit)
    return (rows.length > limit ? rows.slice(0, limit) : rows).map(toPayment)
  }
}
