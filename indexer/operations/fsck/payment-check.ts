import type { Bytes32, Hex } from '../../../protocol/hex.ts'
import { isVersion, paymentEntry } from '../../../protocol/payments/payment-entry.ts'
import { contentOf } from '../../projections/payment-record-registry.ts'
import { VISIBILITIES } from '../../store/tables.ts'
import type { CheckedBeside } from './beside-check.ts'
import type { DumpedRow } from './dump-line.ts'

/** Of a dumped payment: before its decoded columns come table, position, contract, office, order key, version, digest, payload, tier. */
const FIELDS_BEFORE_CONTENT = 12

/** What record and payment must have in common: where they come from, their digests, and what the payload decodes to. */
export const PAYMENTS_BESIDE: CheckedBeside = {
  table: 'payments',
  kind: 'PaymentRecordRegistry',
  isDue: () => true,
  whenMissing: 'it is of a registry of payments, and has no payment',
  faultOf,
}

function faultOf(payment: DumpedRow, record: DumpedRow): string | undefined {
  const [office, orderKey, version, digest, payload, tier] = payment.line
    .split(' ', FIELDS_BEFORE_CONTENT)
    .slice(6)
  const [author, key, entryDigest, recordTier] = record.line.split(' ', 10).slice(6)
  if (office !== author || tier !== recordTier) return 'it is of another office or tier than its record'
  if (!isVersion(Number(version))) return 'its version is none'
  const entry = paymentEntry({
    orderKey: orderKey as Bytes32,
    version: Number(version),
    digest: digest as Bytes32,
    payload: payload as Hex,
  })
  if (entry.key !== key || entry.digest !== entryDigest) return 'its digests are not those of its record'
  const content = contentTextOf(payload as Hex)
  const stored = payment.line.split(' ').slice(FIELDS_BEFORE_CONTENT).join(' ')
  return stored.startsWith(`${content} `) ? undefined : 'its payload says something else'
}

/** As a dump has it. */
function contentTextOf(payload: Hex): string {
  const { visibility, ...content } = contentOf(payload)
  return [visibility === null ? null : VISIBILITIES.indexOf(visibility), ...Object.values(content)]
    .map((value) => (value === null ? 'null' : JSON.stringify(value)))
    .join(' ')
}
