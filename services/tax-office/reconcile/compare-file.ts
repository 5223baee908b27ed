import { canonicalJson } from '../../../protocol/canonical-json.ts'
import { hexToBytes } from '../../../protocol/hex.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import type { ImportedRow } from '../import/read-payments.ts'
import type { OfficeSecrets } from '../office-secrets.ts'
import type { PaymentStore } from '../store/payment-store.ts'
import { storedRecord } from './stored-record.ts'

export interface FileFinding {
  /** In the file. */
  line: number
  orderId: string
  /** `missing`: the office has no such version; `altered`: it says something else than the file. */
  found: 'missing' | 'altered'
}

/** How an office's database differs from a file of payments, row by row; rows that the mapping refuses or leaves out are no payments. */
export async function* compareFile(
  rows: AsyncIterable<ImportedRow>,
  { payments, secrets }: { payments: PaymentStore; secrets: OfficeSecrets },
): AsyncGenerator<FileFinding | undefined> {
  for await (const row of rows) {
    if (!('record' in row)) continue
    const { visibility, follows = 0, ...draft } = row.record
    const { orderId } = draft
    const version = follows + 1
    const stored = payments.find(hexToBytes(orderKeyOf(orderId), 32), version)
    if (stored === undefined) {
      yield { line: row.line, orderId, found: 'missing' }
      continue
    }
    const record = storedRecord(stored, secrets)
    const isSame =
      stored.visibility === visibility &&
      record !== undefined &&
      canonicalJson(record) === canonicalJson({ ...draft, version })
    yield isSame ? undefined : { line: row.line, orderId, found: 'altered' }
  }
}
