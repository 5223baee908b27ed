import rateLimit from '@fastify/rate-limit'
import type { Logger } from 'pino'
import { createServer, type HttpServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { authenticateApiKey } from '../party/api-keys/api-key.ts'
import type { BookWriterStatus } from '../party/book-writer/book-writer.ts'
import { createOfficeMetrics } from './office-metrics.ts'
import { anchorRoutes } from './routes/anchors.ts'
import type { OfficeParts } from './routes/office-parts.ts'
import { paymentRoutes } from './routes/payments.ts'
import { slipRoutes } from './routes/slips.ts'
import { uploadRoutes } from './routes/uploads.ts'

export interface OfficeDeps extends Omit<OfficeParts, 'metrics' | 'requireRoom'> {
  logger: Logger
  /** Payments that may wait for the chain. */
  maxWaiting: number
  /** Requests a minute from one API key. */
  ratePerMinute: number
}

const DESCRIPTION =
  'Takes payment records in, keeps them, and puts them on chain: sealed under the lookup code of their order unless they are public.'
/** Requests a minute from one address for what is open to everybody. */
const OPEN_RATE_PER_MINUTE = 300

/** A tax office's HTTP server, put together of parts. */
export async function createOffice(deps: OfficeDeps): Promise<HttpServer> {
  const { server, metrics: registry } = await createServer({
    name: 'tax-office',
    description: DESCRIPTION,
    logger: deps.logger,
    securitySchemes: {
      apiKey: { type: 'http', scheme: 'bearer', description: 'An API key: cs_<id>_<secret>' },
    },
  })
  const parts: OfficeParts = {
    ...deps,
    metrics: createOfficeMetrics(registry, () => deps.writer.status()),
    requireRoom: roomChecker(() => deps.writer.status(), deps.maxWaiting),
  }
  await server.register(async (plugin) => {
    const scope = plugin as HttpServer
    scope.decorateRequest('officeKey', null as never)
    scope.addHook('onRequest', async (request) => {
      request.officeKey = authenticateApiKey(request.headers.authorization, parts.apiKeys)
    })
    // After the hook above: the limit is the API key's, wherever it is used from.
    await scope.register(rateLimit, {
      max: deps.ratePerMinute,
      timeWindow: '1 minute',
      hook: 'preParsing',
      keyGenerator: (request) => request.officeKey.id,
    })
    for (const routes of [paymentRoutes, uploadRoutes, slipRoutes]) routes(scope, parts)
  })
  await server.register(async (plugin) => {
    await plugin.register(rateLimit, { max: OPEN_RATE_PER_MINUTE, timeWindow: '1 minute' })
    anchorRoutes(plugin as HttpServer, parts)
  })
  return server
}

/** Counting the outbox costs more the fuller it is: it may take a hundredth of the time. */
const SHARE_OF_TIME = 100

function roomChecker(outbox: () => BookWriterStatus, maxWaiting: number): () => void {
  let waiting = 0
  let nextLookAt = 0
  return () => {
    const startedAt = performance.now()
    if (startedAt >= nextLookAt) {
      const { pending, submitted } = outbox()
      waiting = pending + submitted
      nextLookAt = startedAt + SHARE_OF_TIME * (performance.now() - startedAt)
    }
    if (waiting >= maxWaiting)
      throw new CountersignError('NOT_READY', `${waiting} payments wait for the chain, no more are taken`)
  }
}
