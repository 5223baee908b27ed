import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { createServer, type HttpServer } from '../../http/server.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { RpcClient } from '../chain/rpc-client.ts'
import type { Directory } from '../directory.ts'
import type { StoreReader } from '../store/store.ts'
import { addAuditRoutes } from './audits.ts'
import { addAuthorRoutes } from './authors.ts'
import { addCredentialRoutes } from './credentials/add-credentials.ts'
import { createFreshness } from './freshness.ts'
import { addParticipantRoutes } from './participants.ts'
import { addPaymentRoutes } from './payments/add-payments.ts'
import { createProofs } from './proofs.ts'
import { addResultRoutes } from './results.ts'
import { SHARED_SCHEMAS } from './schemas.ts'
import { addStatusRoute } from './status.ts'

export interface ApiServerOptions {
  logger: Logger
  notReady(): string[] | Promise<string[]>
  /** Requests a minute from one address; 0: any number. */
  ratePerMinute: number
  corsOrigins: readonly string[]
  trustedProxies: readonly string[]
}

/** An answer that is presented for an audit may be a document. */
const BODY_BYTES = 1024 * 1024
const MAX_CONNECTIONS = 4_000

const DESCRIPTION = `What is recorded on chain, with where it stands and whether it is all there.

Every answer names the block of each chain that it stands at (\`standings\`), how final what it shows is, and whether the index is complete: an indexer that may have missed something says so instead of saying that there is nothing. Errors are problem documents (RFC 9457) with a \`code\` and what to do next.

Lists are paged by opaque cursors that hold on to the block of the first page: all pages together show one state. A cursor whose block was taken back is refused with 409.

\`asOf\` answers as of an earlier block or time. Answers that follow from the index alone have an ETag; with If-None-Match they are 304 as long as nothing changed. An answer as of a final block may be kept for a day, any other is to be asked about (\`no-cache\`).

Limits: lists have 200 entries a page at most, a request 16 KiB of URL and headers and a megabyte of body, an address the number of requests a minute that the RateLimit headers tell.`

const TAGS = [
  { name: 'results', description: 'Digests that providers recorded, by serial and by provider' },
  { name: 'audits', description: 'Comparing what is said now with what was recorded' },
  { name: 'payments', description: 'Payment records of tax offices, by order and by what they are for' },
  { name: 'credentials', description: 'Credentials for evidence: issued, expired, revoked' },
  { name: 'participants', description: 'The directory of those who take part' },
  { name: 'authors', description: 'Heads of authors: the proof that nothing is missing' },
  { name: 'feed', description: 'Events as they happen' },
  { name: 'webhooks', description: 'Having events sent; for the operator' },
  { name: 'status', description: 'The chains, and where the index stands on each' },
]

/** The server of the API, without its routes. */
export const createApiServer = ({
  logger,
  notReady,
  ratePerMinute,
  corsOrigins,
  trustedProxies,
}: ApiServerOptions): Promise<{ server: HttpServer; metrics: Registry }> =>
  createServer({
    name: 'indexer',
    description: DESCRIPTION,
    tags: TAGS,
    securitySchemes: {
      adminToken: {
        type: 'http',
        scheme: 'bearer',
        description: "The admin token of the indexer's settings",
      },
    },
    logger,
    bodyLimit: BODY_BYTES,
    maxConnections: MAX_CONNECTIONS,
    ratePerMinute,
    corsOrigins,
    trustProxy: trustedProxies,
    notReady,
  })

export interface ApiRouteDeps {
  store: StoreReader
  views: ReadonlyMap<number, ChainView>
  directory: Directory
  rpcOf: (chainId: number) => RpcClient
}

/** The routes that read: everything under `/v1` that the store and the chains answer. */
export function addApiRoutes(server: HttpServer, { store, views, directory, rpcOf }: ApiRouteDeps): void {
  for (const schema of SHARED_SCHEMAS) server.addSchema(schema)
  const freshness = createFreshness(server, store, views)
  const deps = { store, views, directory, freshness, rpcOf, proofs: createProofs(views, rpcOf) }
  addResultRoutes(server, deps)
  addAuditRoutes(server, deps)
  addPaymentRoutes(server, deps)
  addCredentialRoutes(server, deps)
  addParticipantRoutes(server, deps)
  addAuthorRoutes(server, deps)
  addStatusRoute(server, views)
}
