import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Counter, Gauge } from 'prom-client'
import type { Static } from 'typebox'
import { createServer, type HttpServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { Serial } from '../../protocol/serial.ts'
import type { BookWriterStatus } from '../party/book-writer/book-writer.ts'
import { type AnsweringDeps, answerQuery } from './answer-query.ts'
import type { ProviderMode } from './answers/answer-keeper.ts'
import type { AuditAnswer } from './answers/audit-answer.ts'
import { AnswerReply, AnswerRequest, AuditReply, AuditRequest, StatusReply } from './routes/schemas.ts'

export interface ProviderDeps extends AnsweringDeps {
  logger: Logger
  mode: ProviderMode
  /** Makes the routes of a scope take requests of registered proxies only. */
  authenticate: (scope: FastifyInstance) => void
  audit: (request: { serial: Serial; nonce: Bytes32 }) => AuditAnswer
  status: () => Static<typeof StatusReply>
  /** Why queries cannot be answered right now; empty when they can. */
  notReady: () => string[]
  /** Digests that may wait for the chain. */
  maxWaiting: number
}

/** Milliseconds for which, at least, a look at the outbox is good enough to decide whether it is full. */
const STATUS_AGE_MS = 1_000

/** A provider's HTTP server, put together of parts that a test or a measurement may replace. */
export async function createProvider(deps: ProviderDeps): Promise<HttpServer> {
  const { server, metrics } = await createServer({
    name: 'provider',
    description: 'Answers queries from a book, keeps what it answered, and answers again when audited.',
    logger: deps.logger,
    notReady: deps.notReady,
  })
  const answers = new Counter({
    name: 'countersign_provider_answers_total',
    help: 'Answers given, by disclosure',
    labelNames: ['disclosure'],
    registers: [metrics],
  })
  new Gauge({
    name: 'countersign_outbox_entries',
    help: 'Digests that are not final on chain yet, by state; overdue ones count twice',
    labelNames: ['state'],
    registers: [metrics],
    collect() {
      const { isChainUsable: _isChainUsable, ...counts } = deps.status().outbox
      for (const [state, count] of Object.entries(counts)) this.set({ state }, count)
    },
  })
  const requireRoom = roomChecker(() => deps.status().outbox, deps.maxWaiting)
  await server.register(async (scope) => {
    deps.authenticate(scope as unknown as FastifyInstance)
    scope.post(
      '/v1/answers',
      {
        schema: {
          tags: ['provider'],
          summary: 'Answer a query (signed, by a registered proxy)',
          body: AnswerRequest,
          response: { 200: AnswerReply },
        },
      },
      async (request) => {
        requireRoom()
        const {
          parameters = {},
          disclosure = 'result',
          ...query
        } = request.body as Static<typeof AnswerRequest>
        const receipt = await answerQuery({ ...query, parameters, disclosure }, deps)
        answers.inc({ disclosure })
        return { receipt, mode: deps.mode }
      },
    )
    scope.post(
      '/v1/audit-answers',
      {
        schema: {
          tags: ['provider'],
          summary: 'Answer a serial again from what is kept of it (signed, by a registered proxy)',
          body: AuditRequest,
          response: { 200: AuditReply },
        },
      },
      (request) =>
        deps.audit(request.body as Static<typeof AuditRequest> as { serial: Serial; nonce: Bytes32 }),
    )
  })
  server.get(
    '/v1/status',
    {
      schema: {
        tags: ['provider'],
        summary: 'The book, the mode, and what waits for the chain',
        response: { 200: StatusReply },
      },
    },
    () => deps.status(),
  )
  return server
}

/** Counting the outbox costs more the fuller it is: it may take a hundredth of the time, never a part of every query. */
function roomChecker(outbox: () => BookWriterStatus, maxWaiting: number): () => void {
  let waiting = 0
  let nextLookAt = 0
  return () => {
    const startedAt = performance.now()
    if (startedAt >= nextLookAt) {
      const { pending, submitted } = outbox()
      waiting = pending + submitted
      const endedAt = performance.now()
      nextLookAt = endedAt + Math.max(STATUS_AGE_MS, 100 * (endedAt - startedAt))
    }
    if (waiting >= maxWaiting)
      throw new CountersignError('NOT_READY', `${waiting} digests wait for the chain, no more are taken`)
  }
}
