import rateLimit from '@fastify/rate-limit'
import type { Logger } from 'pino'
import { createServer, type HttpServer } from '../../http/server.ts'
import type { Address, Bytes32 } from '../../protocol/hex.ts'
import { authenticateApiKey } from '../party/api-keys/api-key.ts'
import type { Directory } from '../party/directory.ts'
import type { QueryType } from '../party/query-types.ts'
import type { AnswerChecker } from './answer-check.ts'
import { AuditService } from './audit-service.ts'
import { CampaignService } from './campaign-service.ts'
import type { RecordChains } from './chain/record-chains.ts'
import { Idempotency } from './idempotency.ts'
import { providerCatalogue } from './provider-catalogue.ts'
import type { ProviderClient } from './provider-client.ts'
import { createProxyMetrics } from './proxy-metrics.ts'
import { QueryService } from './query-service.ts'
import { auditRoutes } from './routes/audits.ts'
import { campaignRoutes } from './routes/campaigns.ts'
import type { ProxyParts } from './routes/proxy-parts.ts'
import { queryRoutes } from './routes/queries.ts'
import { queryTypeRoutes } from './routes/query-types.ts'
import { receiptRoutes } from './routes/receipts.ts'
import type { ProxyStore } from './store/proxy-store.ts'

/** What a proxy is made of. Every part can be another one with the same interface. */
export interface ProxyDependencies {
  logger: Logger
  store: ProxyStore
  directory: Directory
  chains: RecordChains
  queryTypes: Map<string, QueryType>
  /** Sends to providers, and signs. */
  client: ProviderClient
  checkAnswer: AnswerChecker
  /** The proxy's own key, which signs audit reports. */
  auditor: { address: Address; privateKey: Bytes32 }
  /** Milliseconds each provider has for an answer. */
  providerDeadlineMs: number
  /** Milliseconds each provider has for an answer to an audit. */
  auditDeadlineMs: number
  /** Audits of a campaign under way at a time. */
  campaignConcurrency: number
  /** Requests a minute from one API key. */
  ratePerMinute: number
}

export interface ProxyServer {
  server: HttpServer
  /** Goes on with unfinished campaigns, and forgets old idempotency keys from time to time. */
  start(): void
  /** Ends in order: no new requests, those under way finish, campaigns pause. The parts given are the caller's to close. */
  close(): Promise<void>
}

const BODY_LIMIT = 64 * 1024
const PURGE_EVERY_MS = 10 * 60 * 1000

const DESCRIPTION =
  'Asks several providers at once, keeps what each answered, and audits later whether it still says so. Receipts and audit reports ' +
  'are files that verify without this server.'

/** Puts a proxy together; it listens once `server.listen` is called. */
export async function createProxy(dependencies: ProxyDependencies): Promise<ProxyServer> {
  const { logger, store, directory, chains, queryTypes, client, checkAnswer } = dependencies
  let isClosing = false
  const { server, metrics: registry } = await createServer({
    name: 'proxy',
    description: DESCRIPTION,
    logger,
    bodyLimit: BODY_LIMIT,
    securitySchemes: {
      apiKey: { type: 'http', scheme: 'bearer', description: 'An API key: cs_<id>_<secret>' },
    },
    notReady: () => (isClosing ? ['the server is shutting down'] : directory.notReady()),
  })
  const metrics = createProxyMetrics(registry, () => directory.state())
  const providersOf = providerCatalogue(directory)
  const { providerDeadlineMs, auditDeadlineMs, auditor, campaignConcurrency } = dependencies
  const queries = new QueryService({
    queryTypes,
    providersOf,
    client,
    checkAnswer,
    store,
    metrics,
    providerDeadlineMs,
  })
  const audits = new AuditService({ directory, chains, client, store, metrics, auditor, auditDeadlineMs })
  const campaigns = new CampaignService({
    audits,
    directory,
    chains,
    store,
    logger,
    concurrency: campaignConcurrency,
  })
  const idempotency = new Idempotency(store.idempotency)
  await addRoutes(server, dependencies.ratePerMinute, {
    store,
    queries,
    audits,
    campaigns,
    idempotency,
    chains,
    queryTypes,
    providersOf,
  })

  let purging: NodeJS.Timeout | undefined
  return {
    server,
    start() {
      campaigns.resume()
      purging = setInterval(() => {
        store
          .commit(() => store.idempotency.purge(Date.now()))
          .catch((error) => logger.error({ err: error }, 'old idempotency keys could not be removed'))
      }, PURGE_EVERY_MS)
      purging.unref()
    },
    async close() {
      isClosing = true
      clearInterval(purging)
      await Promise.all([server.close(), campaigns.stop()])
    },
  }
}

async function addRoutes(server: HttpServer, ratePerMinute: number, parts: ProxyParts): Promise<void> {
  await server.register(async (plugin) => {
    const scope = plugin as HttpServer
    scope.decorateRequest('caller', null as never)
    // Fastify would take it as a body of text.
    scope.removeContentTypeParser('text/plain')
    scope.addHook('onRequest', async (request) => {
      request.caller = authenticateApiKey(request.headers.authorization, parts.store.apiKeys)
    })
    // After the hook above: the limit is the API key's, wherever it is used from.
    await scope.register(rateLimit, {
      max: ratePerMinute,
      timeWindow: '1 minute',
      hook: 'preParsing',
      keyGenerator: (request) => request.caller.id,
    })
    for (const routes of [queryTypeRoutes, queryRoutes, receiptRoutes, auditRoutes, campaignRoutes])
      routes(scope, parts)
  })
}
