import { Type } from 'typebox'
import { toAddress } from '../../../protocol/hex.ts'
import { RECEIPT_MEDIA_TYPE } from '../../../protocol/receipt.ts'
import { readReceiptFile } from '../receipt-service.ts'
import type { RouteGroup } from './proxy-parts.ts'
import { AddressSchema, fileContent, problems, SECURITY, SerialSchema } from './schemas.ts'
import { sendText } from './send-text.ts'
import { getVisibleQuery } from './visible-query.ts'

export const receiptRoutes: RouteGroup = (scope, { store, chains }) => {
  scope.get(
    '/v1/receipts/:serial/:provider',
    {
      schema: {
        tags: ['receipts'],
        summary: 'The receipt of an answer, with its proof as soon as it is on chain',
        description:
          'Header `countersign-record` says what the chain holds: `recorded` this digest; `contradicted`: another one, which the proof in ' +
          'the file proves; `promised`: none yet, the file is the signed promise; `unknown`: the chain cannot be asked now.',
        security: SECURITY,
        params: Type.Object({ serial: SerialSchema, provider: AddressSchema }),
        response: {
          200: {
            ...fileContent(RECEIPT_MEDIA_TYPE, 'The receipt file'),
            headers: {
              'countersign-record': {
                description: 'What the chain holds',
                type: 'string',
                enum: ['recorded', 'contradicted', 'promised', 'unknown'],
              },
            },
          },
          ...problems(404),
        },
      },
    },
    async (request, reply) => {
      const { serial, provider } = request.params
      const query = getVisibleQuery(store.queries, serial, request.caller)
      const { file, state } = await readReceiptFile(query, toAddress(provider), chains)
      reply.header('countersign-record', state)
      return sendText(reply, RECEIPT_MEDIA_TYPE, file)
    },
  )
}
