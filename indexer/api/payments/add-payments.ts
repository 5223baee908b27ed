import type { HttpServer } from '../../../http/server.ts'
import type { Proofs } from '../proofs.ts'
import type { ApiDeps } from '../records.ts'
import { addPaymentList } from './payment-list.ts'
import { addPaymentLookups } from './payment-lookups.ts'
import { PAYMENT_SCHEMAS } from './payment-schemas.ts'
import { addPaymentTotals } from './payment-totals.ts'
import { addPaymentLookup } from './payments.ts'

/** Everything about payment records. */
export function addPaymentRoutes(server: HttpServer, deps: ApiDeps & { proofs: Proofs }): void {
  for (const [$id, schema] of Object.entries(PAYMENT_SCHEMAS)) server.addSchema({ ...schema, $id })
  addPaymentLookup(server, deps)
  addPaymentList(server, deps)
  addPaymentTotals(server, deps)
  addPaymentLookups(server, deps)
}
