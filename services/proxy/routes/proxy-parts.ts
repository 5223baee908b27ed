import type { HttpServer } from '../../../http/server.ts'
import type { Participant } from '../../party/directory.ts'
import type { QueryType } from '../../party/query-types.ts'
import type { Caller } from '../api-key-scopes.ts'
import type { AuditService } from '../audit-service.ts'
import type { CampaignService } from '../campaign-service.ts'
import type { RecordChains } from '../chain/record-chains.ts'
import type { Idempotency } from '../idempotency.ts'
import type { QueryService } from '../query-service.ts'
import type { ProxyStore } from '../store/proxy-store.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set before any handler of a `/v1` route runs. */
    caller: Caller
  }
}

/** What the routes work with. */
export interface ProxyParts {
  store: ProxyStore
  queries: QueryService
  audits: AuditService
  campaigns: CampaignService
  idempotency: Idempotency
  chains: RecordChains
  queryTypes: Map<string, QueryType>
  providersOf: (type: string) => readonly Participant[]
}

export type RouteGroup = (scope: HttpServer, parts: ProxyParts) => void
