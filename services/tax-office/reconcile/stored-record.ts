import { parseJson } from '../../../protocol/canonical-json.ts'
import { checkPaymentRecord, type PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import type { OfficeSecrets } from '../office-secrets.ts'
import type { StoredPayment } from '../store/payment-store.ts'

/** The record as the office's columns have it now; undefined when they make none, so somebody changed them. */
export function storedRecord(row: StoredPayment, secrets: OfficeSecrets): PaymentRecord | undefined {
  const { orderId, version, kind, category, period, amountMinor, currency, paidAt, authority } = row
  try {
    const payerTag = row.payerTag === null ? undefined : decrypted(row, secrets)
    return checkPaymentRecord({
      ...{ orderId, version, kind, category, period, amountMinor, currency, paidAt, authority },
      ...(payerTag !== undefined && { payerTag }),
      ...(row.fields !== null && { fields: parseJson(row.fields) }),
    })
  } catch {
    return undefined
  }
}

function decrypted({ payerTag, orderKey, version }: StoredPayment, secrets: OfficeSecrets): string {
  const text = secrets.decryptPayerTag(payerTag!, orderKey, version)
  if (text === undefined) throw new Error('not encrypted by this office for this version')
  return text
}
