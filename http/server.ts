import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
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
import type { Registry } from 'prom-client'
import { CountersignError, toProblem } from '../protocol/errors.ts'
import { answerClientError } from './client-error.ts'
import { readJsonBodies } from './json-body.ts'
import { lazyCompilers } from './lazy-compilers.ts'
import { LIMITS, limitOptions } from './limits.ts'
import { addMetrics, addOperationRoutes, OPERATIONS_TAG } from './operations.ts'
import { PROBLEM_MEDIA_TYPE, ProblemSchema, toCountersignError } from './problem.ts'
import { addReferencePage } from './reference-page.ts'
import { endSlowReaders } from './slow-readers.ts'

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
  /** Requests a minute from one address (of IPv6: from one /64); default none, and 0 is none. Routes may set their own. */
  ratePerMinute?: number
  /** Origins whose pages may read the answers; default none. */
  corsOrigins?: readonly string[]
  /** Addresses and networks of reverse proxies that are believed whose request they pass on; default none. */
  trustProxy?: readonly string[]
  /** Milliseconds from the first byte of a request to its last. Default 30,000; routes that take no longer see to that themselves. */
  requestMs?: number
  /** Milliseconds without a byte either way while a request is under way. Default 60,000. */
  silenceMs?: number
  /** Connections at a time; one more is closed at once. Default: as many as the system has. */
  maxConnections?: number
  /** What the groups of routes are about, for the OpenAPI document. */
  tags?: readonly { name: string; description: string }[]
  /** How callers prove who they are, by name, as in an OpenAPI document; routes refer to it in `security`. */
  securitySchemes?: Record<string, { type: 'http'; scheme: string; description?: string }>
  /** Why this server cannot serve right now; empty when it can. */
  notReady?: () => string[] | Promise<string[]>
}

const VERSION = '0.1.0'
/** Beyond those that every page may read. */
const READABLE_HEADERS = ['ETag', 'Retry-After', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']

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
    bodyLimit: options.bodyLimit ?? LIMITS.bodyBytes,
    ...limitOptions,
    ...(options.requestMs !== undefined && { requestTimeout: options.requestMs }),
    ...(options.silenceMs !== undefined && { connectionTimeout: options.silenceMs }),
    ...(options.trustProxy?.length && { trustProxy: [...options.trustProxy] }),
    routerOptions: { maxParamLength: LIMITS.pathParameterLength },
    // No request has more than one line in the log: a name and a logger of its own are not worth their time, but where a route has a level.
    childLoggerFactory: (logger, _name, options) =>
      options.level === undefined ? logger : logger.child({}, options),
    schemaController: { compilersFactory: lazyCompilers as never },
    // Of URLs that no route ever sees: malformed, or too long.
    frameworkErrors: answerAsProblem,
    clientErrorHandler: answerClientError,
    // Open keep-alive connections do not hold up a shutdown.
    forceCloseConnections: 'idle',
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as HttpServer

  answerErrorsAsProblems(server)
  closeConnectionsWhenClosing(server)
  readJsonBodies(server as unknown as FastifyInstance)
  if (options.maxConnections !== undefined) server.server.maxConnections = options.maxConnections
  // What is expected beyond 100-continue may be ignored; Node would answer 417 with nothing in it.
  server.server.on('checkExpectation', (request, response) =>
    server.server.emit('request', request, response),
  )
  const stopLooking = endSlowReaders(server.server)
  server.addHook('onClose', async () => stopLooking())
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
      security: [],
      tags: [...(options.tags ?? []), OPERATIONS_TAG],
      ...(options.securitySchemes && { components: { securitySchemes: options.securitySchemes } }),
    },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, i) => String(json.$id ?? `schema-${i}`) },
  })
  if (options.corsOrigins !== undefined && options.corsOrigins.length > 0)
    await server.register(cors, {
      origin: [...options.corsOrigins],
      exposedHeaders: READABLE_HEADERS,
      maxAge: 600,
    })
  if (options.ratePerMinute !== undefined && options.ratePerMinute > 0)
    await server.register(rateLimit, {
      max: options.ratePerMinute,
      timeWindow: '1 minute',
      // Headers by the names of the IETF draft: RateLimit-Limit, -Remaining and -Reset.
      enableDraftSpec: true,
    })
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
