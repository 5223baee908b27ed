import { FingerprintTable, fingerprint } from './fingerprint-table.ts'
import { type ImportedRow, type PaymentDraft, refusal } from './imported-row.ts'
import { tooManyOrders } from './order-id-reader.ts'

/**
 * Tells rows that have the order id of an earlier one, and follow the same version: with the same content they are duplicates, with another they contradict it. Keeps
 * 28 bytes an order, in a `FingerprintTable`. The earlier row has been given already; the office refuses such conflicts as well.
 */
export function duplicateCheck(maxOrders: number): (line: number, record: PaymentDraft) => ImportedRow {
  const orders = new FingerprintTable(3, maxOrders)
  return (line, record) => {
    const { orderId, follows } = record
    // No order id has a line end.
    const known = orders.numbersOf(follows === undefined ? orderId : `${orderId}\n${follows}`)
    if (known === undefined) return { line, refusals: [tooManyOrders(maxOrders)] }
    const [first, second] = fingerprint(JSON.stringify(record))
    const [earlier, ...content] = known
    if (earlier === 0) {
      known.set([line, first!, second!])
      return { line, record }
    }
    if (content[0] === first && content[1] === second) return { line, duplicateOf: earlier! }
    return {
      line,
      refusals: [refusal('ORDER_ID_CONFLICT', `line ${earlier} has this order id with other content`)],
    }
  }
}
