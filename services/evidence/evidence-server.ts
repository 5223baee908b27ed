import rateLimit from '@fastify/rate-limit'
import { createServer, type HttpServer } from '../../http/server.ts'
import { authenticateApiKey } from '../party/api-keys/api-key.ts'
import { createEvidenceMetrics } from './evidence-metrics.ts'
import { boundRequests } from './request-clock.ts'
import { anchorRoutes } from './routes/anchors.ts'
import { contentRoutes } from './routes/contents.ts'
import { erasureRoutes } from './routes/erasure.ts'
import { evidenceRoutes } from './routes/evidence.ts'
import type { EvidenceParts } from './routes/evidence-parts.ts'
import { noticeRoutes } from './routes/notices.ts'
import { recheckRoutes } from './routes/rechecks.ts'
import { revocationRoutes } from './routes/revocations.ts'
import { uploadRoutes } from './routes/uploads.ts'
import { usageRoutes } from './routes/usage.ts'
import { verificationRoutes } from './routes/verification.ts'

export interface EvidenceServerDeps extends Omit<EvidenceParts, 'metrics'> {
  /** At a time, of all clients together. */
  maxConnections: number
  /** Requests a minute from one API key. */
  ratePerMinute: number
  /** Why this server cannot serve right now; empty when it can. */
  notReady: () => Promise<string[]>
}

const DESCRIPTION =
  'Takes evidence in, keeps it, puts its digest on chain and answers with a credential; says at any later time whether what is kept is still what was handed in.'
/** Requests a minute from one address for what is open to everybody. */
const OPEN_RATE_PER_MINUTE = 300
/** Storing and checking a large content takes a while, in which nothing goes either way. */
const SILENCE_MS = 15 * 60 * 1000

const API_KEY_ROUTES = [
  ...[uploadRoutes, evidenceRoutes, contentRoutes, revocationRoutes, usageRoutes],
  ...[verificationRoutes, erasureRoutes, noticeRoutes, recheckRoutes],
]

/** An evidence server's HTTP server, put together of parts. */
export async function createEvidenceServer(deps: EvidenceServerDeps): Promise<HttpServer> {
  const { server, metrics: registry } = await createServer({
    name: 'evidence',
    description: DESCRIPTION,
    logger: deps.logger,
    // Other requests than uploads are held to the usual time below.
    requestMs: deps.uploadTimes.totalMs,
    silenceMs: SILENCE_MS,
    maxConnections: deps.maxConnections,
    notReady: deps.notReady,
    tags: [
      { name: 'evidence', description: 'What a client hands in, and its credentials' },
      { name: 'rechecks', description: 'Everything that is kept, read again from time to time' },
      { name: 'notices', description: 'What checks found, and where it is sent' },
      { name: 'anchors', description: 'What is under anchored roots' },
    ],
    securitySchemes: {
      apiKey: { type: 'http', scheme: 'bearer', description: 'An API key: cs_<id>_<secret>' },
    },
  })
  boundRequests(server)
  const parts: EvidenceParts = {
    ...deps,
    metrics: createEvidenceMetrics(
      registry,
      () => deps.writer.status(),
      () => deps.evidence.lastId(),
    ),
  }
  await server.register(async (plugin) => {
    const scope = plugin as HttpServer
    scope.decorateRequest('evidenceKey', null as never)
    scope.decorateRequest('evidenceClient', 0)
    scope.addHook('onRequest', async (request) => {
      request.evidenceKey = authenticateApiKey(request.headers.authorization, parts.apiKeys)
      request.evidenceClient = parts.clients.idOf(request.evidenceKey.name)
    })
    // After the hook above: the limit is the API key's, wherever it is used from.
    await scope.register(rateLimit, {
      max: deps.ratePerMinute,
      timeWindow: '1 minute',
      hook: 'preParsing',
      keyGenerator: (request) => request.evidenceKey.id,
    })
    for (const routes of API_KEY_ROUTES) routes(scope, parts)
  })
  await server.register(async (plugin) => {
    await plugin.register(rateLimit, { max: OPEN_RATE_PER_MINUTE, timeWindow: '1 minute' })
    anchorRoutes(plugin as HttpServer, parts)
  })
  return server
}
