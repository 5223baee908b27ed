import { problemResponse } from '../../../http/problem.ts'
import { Type } from '../../../http/schema.ts'
import type { HttpServer } from '../../../http/server.ts'
import { type Bytes32, toAddress } from '../../../protocol/hex.ts'
import { TaggedHeaders, taggedAnswer } from '../answer-schema.ts'
import { AsOfSchema, isFinal } from '../as-of.ts'
import type { Proofs } from '../proofs.ts'
import type { ApiDeps } from '../records.ts'
import {
  AddressSchema,
  AsOfAnswerSchema,
  Bytes32Schema,
  nullableString,
  PROBLEM_RESPONSES,
  StandingsSchema,
} from '../schemas.ts'
import { findOrder, readAskedOrder } from './order-lookup.ts'
import { answerHistories } from './payment-answers.ts'
import { type HistoryAnswer, HistoryRef, OrderIdSchema, OrphanedPaymentSchema } from './payment-schemas.ts'

/** More than any order has whose office means well. */
const MAX_VERSIONS = 500
/** Each proof is made of a block's receipts. */
const MAX_PROVEN = 50

const LookupQuery = Type.Object(
  {
    office: Type.Optional({ ...AddressSchema, description: 'What this office recorded, alone' }),
    proof: Type.Optional(
      Type.Enum(['none', 'event', 'storage'], {
        type: 'string',
        default: 'none',
        description: `event: the log in the receipts trie of its block; storage: the slot by eth_getProof, at the indexed block whatever asOf says. Of ${MAX_PROVEN} versions at most`,
      }),
    ),
    asOf: Type.Optional(AsOfSchema),
  },
  { additionalProperties: false },
)

export const ORDER_MEMBERS = {
  orderKey: Bytes32Schema,
  orderId: nullableString('As it was asked for; null when it was asked for by its key'),
  histories: Type.Array(HistoryRef, {
    description: 'One of each office and registry; those of registered tax offices first',
  }),
  truncated: Type.Boolean({ description: 'There are more versions than are shown; ask with `office`' }),
}

/** Orders by their ids. */
export function addPaymentLookup(server: HttpServer, deps: ApiDeps & { proofs: Proofs }): void {
  const { freshness, proofs } = deps

  server.get(
    '/v1/payments/:orderId',
    {
      schema: {
        tags: ['payments'],
        operationId: 'getPayment',
        summary: 'Every version of an order, of every office that recorded any',
        description:
          'Public records are shown and held against their digests. Sealed ones come as they are on chain: whoever has the lookup code opens them, in a browser (protocol/payments) or by `POST /v1/payment-lookups`. Anybody may record anything under any order id; `registered` tells whether the directory has the office. 404 names the heads of the offices against which nothing was found.',
        params: Type.Object({ orderId: OrderIdSchema }),
        headers: TaggedHeaders,
        querystring: LookupQuery,
        response: {
          ...taggedAnswer(
            'The order.',
            Type.Object({
              ...ORDER_MEMBERS,
              orphaned: Type.Array(OrphanedPaymentSchema, {
                description: 'Versions in blocks that their chain took back; 100 at most',
              }),
              asOf: AsOfAnswerSchema,
              standings: StandingsSchema,
            }),
          ),
          404: problemResponse(
            'Nothing is recorded; names the tax offices of the directory (200 at most), and their heads at which nothing was found',
          ),
          409: problemResponse('asOf is past what is indexed'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const { asOf, proof = 'none' } = request.query
      const asked = readAskedOrder(request.params.orderId)
      const office = request.query.office === undefined ? undefined : toAddress(request.query.office)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const limit = proof === 'none' ? MAX_VERSIONS : MAX_PROVEN
      const order = await findOrder(asked, { office, asOf, limit }, deps)
      const histories = answerHistories(order.rows, order.books, { ...order, orderId: asked.orderId })
      freshness.mark(reply, tag, order.bounds?.every(isFinal) === true && proof !== 'storage')
      return {
        orderKey: asked.orderKey,
        orderId: asked.orderId ?? null,
        histories: proof === 'none' ? histories : await Promise.all(histories.map(withProofs(proof))),
        truncated: order.isTruncated,
        orphaned: order.orphaned,
        ...order.asOfPart,
        standings: order.standings,
      }
    },
  )

  const withProofs =
    (proof: string) =>
    async (history: HistoryAnswer): Promise<HistoryAnswer> => ({
      ...history,
      versions: await Promise.all(
        history.versions.map(async (version) => {
          // A published one has no slot.
          const made =
            proof === 'storage' && version.tier === 'recorded'
              ? await proofs.storage({ ...version, author: version.office }, version.key as Bytes32)
              : await proofs.event(version)
          return { ...version, proof: made }
        }),
      ),
    })
}
