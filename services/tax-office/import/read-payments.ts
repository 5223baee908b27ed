import { csvRows } from './csv-rows.ts'
import { draftReader } from './draft-reader.ts'
import { duplicateCheck } from './duplicate-check.ts'
import type { ImportedRow } from './imported-row.ts'
import { jsonRows } from './json-rows.ts'
import { mappedColumns } from './mapped-columns.ts'
import type { PaymentMapping } from './mapping-schema.ts'
import { countsRows } from './order-id-template.ts'

export type { ImportedRow, PaymentDraft, Refusal, RefusalCode } from './imported-row.ts'

export interface ReadOptions {
  /** Orders whose ids are told apart, at up to 75 bytes of memory each, 130 where ids have `{line}`; rows past them are refused. Default 10,000,000. */
  maxOrders?: number
}

/**
 * Reads a file of payments row by row: a record, or why there is none, for each, in the file's order. Rows spoil no others. Beside the
 * fingerprints of order ids it holds one piece of the file, however large that is.
 * @param source the file's bytes, CSV or JSON lines in UTF-8
 * @param mapping from `parseMapping`
 * @throws PAYMENT_FILE_INVALID when the file as a whole cannot be read: no heading, columns missing, UTF-16. Errors of `source` pass through
 */
export async function* readPayments(
  source: AsyncIterable<Uint8Array>,
  mapping: PaymentMapping,
  { maxOrders = 10_000_000 }: ReadOptions = {},
): AsyncGenerator<ImportedRow, void, undefined> {
  const columns = mappedColumns(mapping)
  const readDraft = draftReader(mapping, maxOrders)
  const checkDuplicate = duplicateCheck(maxOrders)
  const { format = 'csv', delimiter = ',', header, multiline = false } = mapping
  const batches =
    format === 'csv' ? csvRows(source, columns, { delimiter, header, multiline }) : jsonRows(source, columns)
  const unread: { isUncounted?: true } = countsRows(mapping.orderId) ? { isUncounted: true } : {}
  for await (const rows of batches)
    for (const row of rows) {
      const draft = 'cells' in row ? readDraft(row.line, row.cells) : { ...row, ...unread }
      yield 'record' in draft ? checkDuplicate(draft.line, draft.record) : draft
    }
}
