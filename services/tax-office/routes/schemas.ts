import { Type } from 'typebox'
import { BYTES32_PATTERN } from '../../../protocol/hex.ts'
import { CATEGORY_PATTERN, PAYMENT_KINDS } from '../../../protocol/payments/payment-record.ts'

const Bytes32 = Type.String({ pattern: BYTES32_PATTERN })
const strict = { additionalProperties: false }

export const MAX_BATCH_ROWS = 1_000
export const MAX_SLIPS = 500

/** For readers of the OpenAPI document: payments are checked by the rules of the protocol, so that one refused keeps no other back. */
export const PaymentRequest = Type.Object({
  orderId: Type.String({ maxLength: 96 }),
  follows: Type.Optional(
    Type.Integer({ minimum: 1, description: 'For an amendment: the version that it comes after' }),
  ),
  kind: Type.Enum([...PAYMENT_KINDS]),
  category: Type.String({ pattern: CATEGORY_PATTERN }),
  period: Type.String({ description: 'YYYY, YYYY-MM, YYYY-Qn, YYYY-MM-DD, YYYY/YYYY or empty' }),
  amountMinor: Type.Integer({ minimum: 0, description: 'In the minor unit of the currency' }),
  currency: Type.String({ description: 'ISO 4217' }),
  paidAt: Type.String({ description: 'YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ' }),
  authority: Type.String({ maxLength: 64 }),
  payerTag: Type.Optional(Type.String({ maxLength: 64, description: 'Sealed payments only' })),
  fields: Type.Optional(Type.Any({ description: 'An object of at most 512 bytes of canonical JSON' })),
  visibility: Type.Optional(Type.Enum(['sealed', 'public'], { default: 'sealed' })),
})

export const PaymentBatchRequest = Type.Object(
  { payments: Type.Array(PaymentRequest, { minItems: 1, maxItems: MAX_BATCH_ROWS }) },
  strict,
)

const Kept = {
  orderKey: Bytes32,
  version: Type.Integer(),
  digest: Bytes32,
}
export const PaymentReply = Type.Object({ outcome: Type.Enum(['queued', 'duplicate']), ...Kept })
export const PaymentBatchReply = Type.Object({
  outcomes: Type.Array(
    Type.Object({
      outcome: Type.Enum(['queued', 'duplicate', 'refused']),
      orderKey: Type.Optional(Kept.orderKey),
      version: Type.Optional(Kept.version),
      digest: Type.Optional(Kept.digest),
      code: Type.Optional(Type.String({ description: 'A row of the error catalogue' })),
      detail: Type.Optional(Type.String()),
      member: Type.Optional(Type.String({ description: 'What is to be corrected' })),
    }),
    { description: 'One for each payment, in the order given' },
  ),
})

export const OrderParams = Type.Object({ orderKey: Bytes32 })
export const OrderReply = Type.Object({
  orderId: Type.String(),
  orderKey: Bytes32,
  versions: Type.Array(
    Type.Object({
      version: Type.Integer(),
      state: Type.Enum(['pending', 'submitted', 'recorded', 'final', 'conflict']),
      visibility: Type.Enum(['sealed', 'public']),
      kind: Type.Enum([...PAYMENT_KINDS]),
      category: Type.String(),
      period: Type.String(),
      amountMinor: Type.Integer(),
      currency: Type.String(),
      paidAt: Type.String(),
      authority: Type.String(),
      digest: Bytes32,
      payload: Type.String(),
      receivedAt: Type.String({ description: 'ISO 8601' }),
      transactionHash: Type.Optional(Bytes32),
      blockNumber: Type.Optional(Type.Integer()),
    }),
  ),
})

export const UploadsReply = Type.Object({
  office: Type.String(),
  chainId: Type.Integer(),
  registry: Type.String(),
  tier: Type.Enum(['record', 'publish', 'anchor']),
  payments: Type.Integer({ description: 'Kept in all' }),
  queued: Type.Integer({ description: 'Wait to be sent' }),
  sent: Type.Integer({ description: 'Sent, in no block yet' }),
  onChain: Type.Integer({ description: 'In a block, not final yet' }),
  final: Type.Integer(),
  conflict: Type.Integer({ description: 'The chain has something else under their key' }),
  isChainUsable: Type.Boolean(),
})

export const SlipsRequest = Type.Object(
  {
    orderIds: Type.Array(Type.String({ minLength: 1, maxLength: 96 }), { minItems: 1, maxItems: MAX_SLIPS }),
  },
  strict,
)
export const SlipsReply = Type.Object({
  slips: Type.Array(
    Type.Object({
      orderId: Type.String(),
      orderKey: Type.Optional(Bytes32),
      lookupCode: Type.Optional(Type.String({ description: 'Seven groups of four characters' })),
      url: Type.Optional(
        Type.String({ description: 'For the QR code; all that is secret is in the fragment' }),
      ),
      code: Type.Optional(Type.String({ description: 'Of the error, where there is no slip' })),
    }),
  ),
})

export const AnchorParams = Type.Object({ root: Bytes32 })
export const AnchorReply = Type.Object({
  root: Bytes32,
  leafCount: Type.Integer(),
  payments: Type.Array(
    Type.Object({ orderKey: Bytes32, version: Type.Integer(), digest: Bytes32, payload: Type.String() }),
    { description: 'In the order of the leaves' },
  ),
})
