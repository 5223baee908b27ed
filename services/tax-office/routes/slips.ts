import { isCountersignError } from '../../../protocol/errors.ts'
import { hexToBytes } from '../../../protocol/hex.ts'
import { formatLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { orderKeyOf, readOrderId } from '../../../protocol/payments/order-id.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import type { OfficeParts, Routes } from './office-parts.ts'
import { SlipsReply, SlipsRequest } from './schemas.ts'

/** Lookup codes leave the office here and nowhere else. */
export const slipRoutes: Routes = (scope, parts) => {
  scope.post(
    '/v1/slips',
    {
      schema: {
        tags: ['slips'],
        summary: 'Lookup codes of orders, for their payers; needs the scope slips',
        security: [{ apiKey: [] }],
        body: SlipsRequest,
        response: { 200: SlipsReply },
      },
    },
    (request, reply) => {
      requireApiKeyScope(request.officeKey, 'slips')
      void reply.header('cache-control', 'no-store')
      const { orderIds } = request.body as { orderIds: string[] }
      return { slips: orderIds.map((orderId) => slipOf(orderId, parts)) }
    },
  )
}

function slipOf(typed: string, { payments, secrets, payPage }: OfficeParts) {
  try {
    const orderId = readOrderId(typed)
    const orderKey = orderKeyOf(orderId)
    const order = payments.findOrder(hexToBytes(orderKey, 32))
    if (order === undefined) return { orderId, code: 'PAYMENT_UNKNOWN' }
    const lookupCode = formatLookupCode(secrets.lookupCode(orderKey, order.share))
    return { orderId, orderKey, lookupCode, url: slipUrl(payPage, orderId, lookupCode) }
  } catch (error) {
    if (!isCountersignError(error)) throw error
    return { orderId: typed, code: error.code }
  }
}

/** Order id and code are in the fragment only, which no browser sends to a server. */
const slipUrl = (payPage: string, orderId: string, lookupCode: string): string =>
  `${payPage}#o=${encodeURIComponent(orderId)}&c=${encodeURIComponent(lookupCode)}`
