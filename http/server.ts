import { randomUUID } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Ajv } from 'ajv'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import { Type } from 'typebox'
import { CountersignError, toProblem } from '../protocol/errors.ts'
import { PROBLEM_MEDIA_TYPE, ProblemSchema, toCountersignError } from './problem.ts'
import { addReferencePage } from './reference-page.ts'

export type HttpServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface ServerOptions {
  /** Shown in the OpenAPI document and the metrics, e.g. `proxy`. */
  name: string
  description: string
  logger: Logger
  /** Bytes; default 64 KiB. */
  bodyLimit?: number
  /** Requests a minute from one address; default none. Routes may set their own. */
  ratePerMinute?: number
  /** How callers prove who they are, by name, as in an OpenAPI document; routes refer to it in `security`. */
  securitySchemes?: Record<string, { type: 'http'; scheme: string; description?: string }>
  /** Why this server cannot serve right now; empty when it can. */
  notReady?: () => string[] | Promise<string[]>
}

const bodyAjv = new Ajv({ useDefaults: true, strict: false })
const textAjv = new Ajv({ useDefaults: true, coerceTypes: 'array', strict: false })

const VERSION = '0.1.0'
const DEFAULT_BODY_LIMIT = 64 * 1024

/**
 * The shell every HTTP server of the project has: problem documents (RFC 9457) for every error, `/openapi.json` (3.1) and `/docs`,
 * `/healthz` (the process lives), `/readyz` (it can serve), `/metrics` (Prometheus), limits on body, headers and time.
 * Register routes inside `server.register(…)` or after awaiting this.
 */
export async function createServer(
  options: ServerOptions,
): Promise<{ server: HttpServer; metrics: Registry }> {
  const server = fastify({
    loggerInstance: options.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimit ?? DEFAULT_BODY_LIMIT,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 72_000,
    routerOptions: { maxParamLength: 256 },
    genReqId: () => randomUUID(),
    // Of URLs that no route ever sees: malformed, or too long.
    frameworkErrors: answerAsProblem,
    // Open keep-alive connections do not hold up a shutdown.
    forceCloseConnections: 'idle',
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as HttpServer

  answerErrorsAsProblems(server)
  closeConnectionsWhenClosing(server)
  // Query strings and headers are text and are converted; a JSON body says itself what is a number.
  server.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? bodyAjv : textAjv).compile(schema as object),
  )
  server.addSchema(ProblemSchema)
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: `Countersign ${options.name}`,
        description: options.description,
        version: VERSION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      ...(options.securitySchemes && { components: { securitySchemes: options.securitySchemes } }),
    },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, i) => String(json.$id ?? `schema-${i}`) },
  })
  if (options.ratePerMinute !== undefined)
    await server.register(rateLimit, { max: options.ratePerMinute, timeWindow: '1 minute' })
  const metrics = addMetrics(server, options.name)
  addOperationRoutes(server, metrics, options.notReady ?? (() => []))
  addReferencePage(server)
  return { server, metrics }
}

/** A kept connection whose request is under way at a shutdown would hold it up until it times out, once that request is answered. */
function closeConnectionsWhenClosing(server: HttpServer): void {
  let isClosing = false
  server.addHook('preClose', (done) => {
    isClosing = true
    done()
  })
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing) reply.header('connection', 'close')
    done(null, payload)
  })
}

function answerErrorsAsProblems(server: HttpServer): void {
  server.setErrorHandler(answerAsProblem)
  server.setNotFoundHandler((request) => {
    throw new CountersignError('ROUTE_UNKNOWN', `there is no ${request.method} route at this path`)
  })
}

function answerAsProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = toCountersignError(error)
  if (known.httpStatus >= 500)
    request.log.error({ code: known.code, err: known.cause ?? known }, 'request failed')
  else request.log.debug({ code: known.code, route: request.routeOptions.url }, 'request refused')
  reply
    .code(known.httpStatus)
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(toProblem(known)))
}

function addMetrics(server: HttpServer, name: string): Registry {
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

function addOperationRoutes(
  server: HttpServer,
  metrics: Registry,
  notReady: () => string[] | Promise<string[]>,
): void {
  server.get('/openapi.json', { schema: { hide: true } }, () => server.swagger())
  server.get(
    '/healthz',
    {
      schema: {
        tags: ['operations'],
        summary: 'The process lives',
        response: { 200: Type.Object({ status: Type.String() }) },
      },
    },
    () => ({ status: 'ok' }),
  )
  server.get(
    '/readyz',
    {
      schema: {
        tags: ['operations'],
        summary: 'The server can serve',
        response: { 200: Type.Object({ status: Type.String() }), 503: Type.Ref('Problem') },
      },
    },
    async () => {
      const reasons = await notReady()
      if (reasons.length > 0) throw new CountersignError('NOT_READY', reasons.join('; '))
      return { status: 'ready' }
    },
  )
  server.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  )
}
