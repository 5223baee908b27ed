import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import { CountersignError } from '../protocol/errors.ts'
import { problemResponse } from './problem.ts'
import { Type } from './schema.ts'
import type { HttpServer } from './server.ts'

const StatusSchema = Type.Object({ status: Type.String() })

export const OPERATIONS_TAG = { name: 'operations', description: 'Whether the server lives and can serve' }

/** Counts and times every request. */
export function addMetrics(server: HttpServer, name: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ service: name })
  collectDefaultMetrics({ register: registry })
  const seconds = new Histogram({
    name: 'countersign_http_request_seconds',
    help: 'Time from request to response, by route pattern and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  server.addHook('onResponse', (request, reply, done) => {
    // The route's pattern, never the path: a path may carry what a log must not.
    seconds.observe(
      { method: request.method, route: request.routeOptions.url ?? 'unknown', status: reply.statusCode },
      reply.elapsedTime / 1000,
    )
    done()
  })
  return registry
}

/** `/openapi.json`, `/healthz`, `/readyz` and `/metrics`. */
export function addOperationRoutes(
  server: HttpServer,
  metrics: Registry,
  notReady: () => string[] | Promise<string[]>,
): void {
  server.get('/openapi.json', { schema: { hide: true } }, () => server.swagger())
  // A rate limit that silenced these would have the process restarted for what a caller did.
  const config = { rateLimit: false } as const
  server.get(
    '/healthz',
    {
      config,
      schema: {
        tags: ['operations'],
        operationId: 'getHealth',
        summary: 'The process lives',
        response: {
          200: { description: 'It does', ...StatusSchema },
          '4xx': problemResponse('The request is malformed'),
          default: problemResponse(),
        },
      },
    },
    () => ({ status: 'ok' }),
  )
  server.get(
    '/readyz',
    {
      config,
      schema: {
        tags: ['operations'],
        operationId: 'getReadiness',
        summary: 'The server can serve',
        response: {
          200: { description: 'It can', ...StatusSchema },
          '4xx': problemResponse('The request is malformed'),
          503: problemResponse('What keeps it from serving'),
          default: problemResponse(),
        },
      },
    },
    async () => {
      const reasons = await notReady()
      if (reasons.length > 0) throw new CountersignError('NOT_READY', reasons.join('; '))
      return { status: 'ready' }
    },
  )
  server.get('/metrics', { config, schema: { hide: true } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  )
}
