import type { FastifyReply } from 'fastify'
import { problemResponse } from '../../../http/problem.ts'
import { Type } from '../../../http/schema.ts'
import type { HttpServer } from '../../../http/server.ts'
import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import { toAddress } from '../../../protocol/hex.ts'
import { confirmAmount } from '../../../protocol/payments/amount-confirmation.ts'
import { type LookupCode, readLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { toMinorUnits } from '../../../protocol/payments/minor-units.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { answer } from '../answer-schema.ts'
import { AsOfSchema } from '../as-of.ts'
import type { ApiDeps } from '../records.ts'
import { AddressSchema, AsOfAnswerSchema, PROBLEM_RESPONSES, StandingsSchema } from '../schemas.ts'
import { FailureLimit, networkOf } from './failure-limit.ts'
import { type AskedOrder, findOrder, readAskedOrder } from './order-lookup.ts'
import { answerHistories, type Opener, placeOfPayment } from './payment-answers.ts'
import { type HistoryAnswer, OrderIdSchema } from './payment-schemas.ts'
import { ORDER_MEMBERS } from './payments.ts'

/** Opening one takes a tenth of a millisecond. */
const MAX_VERSIONS = 100
const FAILURES_A_MINUTE = 10
const MAX_AT_ONCE = 100

const LookupRequest = Type.Object(
  {
    orderId: OrderIdSchema,
    lookupCode: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'As it is printed on the payment slip; case, blanks and hyphens are forgiven',
    }),
    office: Type.Optional({ ...AddressSchema, description: 'What this office recorded, alone' }),
    asOf: Type.Optional(AsOfSchema),
    confirm: Type.Optional(
      Type.Object(
        {
          amount: Type.String({
            minLength: 1,
            maxLength: 40,
            description: 'Decimal, in units of the currency',
            examples: ['1234.56'],
          }),
          currency: Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217' }),
        },
        {
          additionalProperties: false,
          description: 'Only say whether the order comes to this amount; nothing of the record is shown',
        },
      ),
    ),
  },
  { additionalProperties: false },
)

const ConfirmationSchema = Type.Object({
  chainId: Type.Integer(),
  registry: Type.String(),
  office: Type.String(),
  registered: Type.Boolean(),
  equal: Type.Boolean({ description: 'The order comes to just this amount' }),
})

/** Orders with their lookup codes, opened here: for terminals that cannot. What was opened, and the code, are kept nowhere. */
export function addPaymentLookups(server: HttpServer, deps: ApiDeps): void {
  const limit = new FailureLimit({ max: FAILURES_A_MINUTE, windowMs: 60_000, maxAtOnce: MAX_AT_ONCE })

  server.post(
    '/v1/payment-lookups',
    {
      schema: {
        tags: ['payments'],
        operationId: 'createPaymentLookup',
        summary: 'Open an order with its lookup code, or have its amount confirmed',
        description: `Nothing of the body is kept or logged. Whoever can should open sealed records where they are shown instead (protocol/payments runs in browsers). A wrong code, and a record that its code does not open, are one error. After ${FAILURES_A_MINUTE} failures a minute of an address, and of more than ${MAX_AT_ONCE} at once, 429.`,
        body: LookupRequest,
        response: {
          ...answer(
            'The order with what the code opened; with `confirm` in its stead whether the amount is right, of each office whose versions all could be read.',
            Type.Object({
              orderKey: ORDER_MEMBERS.orderKey,
              orderId: ORDER_MEMBERS.orderId,
              histories: Type.Optional(ORDER_MEMBERS.histories),
              confirmations: Type.Optional(Type.Array(ConfirmationSchema)),
              truncated: ORDER_MEMBERS.truncated,
              asOf: AsOfAnswerSchema,
              standings: StandingsSchema,
            }),
          ),
          404: problemResponse('Nothing is recorded under the order id; names the heads it was looked up at'),
          409: problemResponse('asOf is past what is indexed'),
          413: problemResponse('The body is larger than a megabyte'),
          415: problemResponse('The body is not application/json'),
          422: problemResponse('The code does not open the order, or the amount is none'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async ({ body, ip }, reply) => {
      reply.header('cache-control', 'no-store')
      const asked = readAskedOrder(body.orderId)
      if (asked.orderId === undefined)
        throw new CountersignError('ORDER_ID_MALFORMED', 'an order is opened by its id, not by its key')
      const code = readLookupCode(body.lookupCode)
      const claimed = body.confirm && {
        amountMinor: toMinorUnits(body.confirm.amount, body.confirm.currency),
        currency: body.confirm.currency,
      }
      // Of an address alone: a code is not guessed, and failures for an order would keep its payer out.
      const attempt = orRetryAfter(reply, () => limit.begin(networkOf(ip)))
      try {
        const office = body.office === undefined ? undefined : toAddress(body.office)
        const order = await findOrder(asked, { office, asOf: body.asOf, limit: MAX_VERSIONS }, deps)
        const histories = answerHistories(order.rows, order.books, {
          participants: order.participants,
          wholeOffices: order.wholeOffices,
          orderId: asked.orderId,
          open: await createOpener(asked, code),
        })
        const isSealed = order.rows.some(({ visibility }) => visibility === 'sealed')
        // What others wrote sealed under a public order does not keep that from being read.
        if (isSealed && !showsAny(histories))
          throw new CountersignError('PAYMENT_NOT_OPENED', 'the order does not open with this lookup code')
        return {
          orderKey: asked.orderKey,
          orderId: asked.orderId,
          ...(claimed === undefined ? { histories } : { confirmations: confirmations(histories, claimed) }),
          truncated: order.isTruncated,
          ...order.asOfPart,
          standings: order.standings,
        }
      } catch (error) {
        if (isCountersignError(error, 'PAYMENT_NOT_OPENED')) orRetryAfter(reply, attempt.failed)
        throw error
      } finally {
        attempt.ended()
      }
    },
  )
}

function orRetryAfter<Result>(reply: FastifyReply, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (isCountersignError(error, 'RATE_LIMITED')) reply.header('retry-after', error.details.retryAfter)
    throw error
  }
}

const showsAny = (histories: readonly HistoryAnswer[]): boolean =>
  histories.some(({ versions }) => versions.some(({ record }) => record !== undefined))

/** The cipher is loaded where it is needed. */
async function createOpener({ orderId }: AskedOrder, code: LookupCode): Promise<Opener> {
  const { openPayment } = await import('../../../protocol/payments/payment-seal.ts')
  return (row, previousDigest, book): PaymentRecord | undefined => {
    const { version, digest, payload } = row
    const place = placeOfPayment(row, book)
    try {
      return openPayment({ orderId: orderId!, version, previousDigest, place, digest, payload }, code)
    } catch (error) {
      if (isCountersignError(error, 'PAYMENT_NOT_OPENED')) return undefined
      throw error
    }
  }
}

/** Of an order whose versions are not all there or do not all open nothing is said. */
const confirmations = (
  histories: readonly HistoryAnswer[],
  claimed: { amountMinor: number; currency: string },
) =>
  histories.flatMap(({ chainId, registry, office, registered, net }) =>
    net === undefined ? [] : [{ chainId, registry, office, registered, ...confirmAmount(net, claimed) }],
  )
