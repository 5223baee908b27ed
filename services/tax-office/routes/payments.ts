import { CountersignError, type ErrorCode } from '../../../protocol/errors.ts'
import { type Bytes32, bytesToHex, hexToBytes } from '../../../protocol/hex.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import { keepIdempotencyKey, readIdempotencyKey } from '../idempotency.ts'
import type { RefusedPayment } from '../payment-keeper.ts'
import type { OfficeParts, Routes } from './office-parts.ts'
import {
  MAX_BATCH_ROWS,
  OrderParams,
  OrderReply,
  PaymentBatchReply,
  PaymentBatchRequest,
  PaymentReply,
  PaymentRequest,
} from './schemas.ts'

const BATCH_BODY_BYTES = 4 * 1024 * 1024
/** The protocol checks payments, more exactly than a schema. */
const checkedByProtocol = { validatorCompiler: () => () => true }
const security = [{ apiKey: [] }]

export const paymentRoutes: Routes = (scope, parts) => {
  const { keeper, idempotency, secrets, metrics } = parts

  scope.post(
    '/v1/payments',
    {
      ...checkedByProtocol,
      schema: {
        tags: ['payments'],
        summary: 'Hand in one payment; the same content again is the same payment',
        security,
        body: PaymentRequest,
        response: { 200: PaymentReply },
      },
    },
    async (request) => {
      requireApiKeyScope(request.officeKey, 'upload')
      parts.requireRoom()
      const idempotent = readIdempotencyKey(
        request.headers['idempotency-key'],
        request.officeKey.id,
        request.body,
        { secrets, store: idempotency },
      )
      const [outcome] = await keeper.keep([request.body], (outcomes) => {
        if (idempotent !== undefined && outcomes[0]!.outcome !== 'refused')
          keepIdempotencyKey(idempotent, idempotency)
      })
      metrics.payments.inc({ outcome: outcome!.outcome })
      if (outcome!.outcome === 'refused') throw problemOf(outcome!)
      return outcome!
    },
  )

  scope.post(
    '/v1/payment-batches',
    {
      ...checkedByProtocol,
      bodyLimit: BATCH_BODY_BYTES,
      schema: {
        tags: ['payments'],
        summary: `Hand in up to ${MAX_BATCH_ROWS} payments; each is answered for itself`,
        security,
        body: PaymentBatchRequest,
        response: { 200: PaymentBatchReply },
      },
    },
    async (request) => {
      requireApiKeyScope(request.officeKey, 'upload')
      const payments = paymentsOf(request.body)
      parts.requireRoom()
      const outcomes = await keeper.keep(payments)
      for (const { outcome } of outcomes) metrics.payments.inc({ outcome })
      return { outcomes }
    },
  )

  scope.get(
    '/v1/payments/:orderKey',
    {
      schema: {
        tags: ['payments'],
        summary: 'What the office has of an order, and how far each version is; payer tags are left out',
        security,
        params: OrderParams,
        response: { 200: OrderReply },
      },
    },
    (request) => orderReply(request.params.orderKey as Bytes32, parts),
  )
}

function paymentsOf(body: unknown): unknown[] {
  const { payments } = (body ?? {}) as { payments?: unknown }
  if (!Array.isArray(payments) || payments.length === 0 || payments.length > MAX_BATCH_ROWS)
    throw new CountersignError(
      'REQUEST_INVALID',
      `body/payments is not a list of 1 to ${MAX_BATCH_ROWS} payments`,
    )
  return payments
}

function orderReply(orderKey: Bytes32, { payments, writer }: OfficeParts) {
  const versions = payments.versionsOf(hexToBytes(orderKey, 32))
  if (versions.length === 0)
    throw new CountersignError('PAYMENT_UNKNOWN', 'this office has no order of that key')
  return {
    orderId: versions[0]!.orderId,
    orderKey,
    versions: versions.map(({ digest, payload, receivedAt, entryKey, ...version }) => {
      const entry = writer.find(entryKey)
      return {
        ...version,
        digest: bytesToHex(digest),
        payload: bytesToHex(payload),
        receivedAt: new Date(receivedAt).toISOString(),
        state: entry?.state ?? ('pending' as const),
        ...entry?.location,
      }
    }),
  }
}

const problemOf = ({ code, detail, member }: RefusedPayment): CountersignError =>
  new CountersignError(code as ErrorCode, detail, member === undefined ? {} : { details: { member } })
