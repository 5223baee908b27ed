import { CREDENTIAL_REGISTRY } from './credential-registry.ts'
import { PARTICIPANT_DIRECTORY } from './participant-directory.ts'
import { PAYMENT_RECORD_REGISTRY } from './payment-record-registry.ts'
import type { Projection } from './projection.ts'
import { QUERY_RESULT_REGISTRY } from './query-result-registry.ts'

/** Every kind of contract that is indexed, by its name in the address book; others there are passed over. */
export const PROJECTIONS: ReadonlyMap<string, Projection> = new Map(
  [QUERY_RESULT_REGISTRY, PAYMENT_RECORD_REGISTRY, CREDENTIAL_REGISTRY, PARTICIPANT_DIRECTORY].map(
    (projection) => [projection.kind, projection],
  ),
)
