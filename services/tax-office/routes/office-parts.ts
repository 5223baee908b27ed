import type { HttpServer } from '../../../http/server.ts'
import type { Address } from '../../../protocol/hex.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import type { ApiKeyStore, StoredApiKey } from '../../party/api-keys/api-key-store.ts'
import type { BookWriter } from '../../party/book-writer/book-writer.ts'
import type { OfficeScope } from '../api-key-scopes.ts'
import type { RecordingTier } from '../book/payment-calls.ts'
import type { OfficeMetrics } from '../office-metrics.ts'
import type { OfficeSecrets } from '../office-secrets.ts'
import type { PaymentKeeper } from '../payment-keeper.ts'
import type { AnchorStore } from '../store/anchor-store.ts'
import type { IdempotencyStore } from '../store/idempotency-store.ts'
import type { PaymentStore } from '../store/payment-store.ts'

/** What the routes of a tax office stand on. */
export interface OfficeParts {
  office: Address
  registry: Registry
  tier: RecordingTier
  /** The page that slips point to. */
  payPage: string
  keeper: PaymentKeeper
  payments: PaymentStore
  anchors: AnchorStore
  idempotency: IdempotencyStore
  apiKeys: ApiKeyStore<OfficeScope>
  secrets: OfficeSecrets
  writer: BookWriter
  metrics: OfficeMetrics
  /** @throws NOT_READY when as many payments wait for the chain as may */
  requireRoom: () => void
}

export type Routes = (scope: HttpServer, parts: OfficeParts) => void

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the tax office's API. */
    officeKey: StoredApiKey<OfficeScope>
  }
}
