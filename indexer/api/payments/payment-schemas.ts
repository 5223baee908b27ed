import { type Static, Type } from '../../../http/schema.ts'
import { PAYMENT_KINDS } from '../../../protocol/payments/payment-record.ts'
import { PARTICIPANT_STATUSES } from '../../../protocol/roles.ts'
import { RECORD_TIERS } from '../../store/tables.ts'
import {
  BlockSchema,
  Bytes32Schema,
  CompletenessSchema,
  HeadSchema,
  nullableString,
  OrphanSchema,
  TimeSchema,
} from '../schemas.ts'

const oneOf = <Value extends string>(values: readonly Value[], description?: string) =>
  Type.Enum([...values] as Value[], { type: 'string', ...(description === undefined ? {} : { description }) })

export const OrderIdSchema = Type.String({
  minLength: 1,
  maxLength: 256,
  description:
    'Order id of the payment slip, percent-encoded; blanks around it and its Unicode form are forgiven. Or its order key: 0x and 64 hexadecimal digits.',
  examples: ['INV-2024-000123'],
})
export const CategorySchema = Type.String({
  pattern: '^[a-z0-9][a-z0-9-]{0,31}$',
  description: 'What is paid for',
  examples: ['income-tax'],
})
export const PeriodSchema = Type.String({
  maxLength: 10,
  pattern: '^[0-9Q/-]*$',
  description: 'As the office writes it: YYYY, YYYY-MM, YYYY-Qn, YYYY-MM-DD, YYYY/YYYY, or nothing',
  examples: ['2024-Q2'],
})
export const KindSchema = oneOf(PAYMENT_KINDS, 'Of the version')

/** Without what the record is already named by. */
const PaymentContentSchema = Type.Object(
  {
    orderId: Type.Optional(Type.String({ description: 'Where it was asked by' })),
    kind: KindSchema,
    category: Type.String(),
    period: Type.String(),
    amountMinor: Type.Integer({ description: "In the currency's minor unit" }),
    currency: Type.String({ description: 'ISO 4217' }),
    paidAt: Type.String({ description: 'YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ' }),
    authority: Type.String({ description: 'Who collected it' }),
    payerTag: Type.Optional(Type.String({ description: 'Of a sealed record that was opened' })),
    fields: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: 'Whatever else the office keeps' }),
    ),
  },
  { description: 'Of a public record, or one that was opened' },
)

export const VERIFICATIONS = ['verified', 'different', 'unchecked'] as const

export const PaymentSchema = Type.Object(
  {
    chainId: Type.Integer(),
    registry: Type.String(),
    office: Type.String({ description: 'Who recorded it: the account' }),
    orderKey: Bytes32Schema,
    version: Type.Integer({ description: 'From 1; each follows the one before it' }),
    visibility: Type.Unsafe<'public' | 'sealed' | null>({
      enum: ['public', 'sealed', null],
      description: 'Null: the payload is none, and nothing of it can be told',
    }),
    kind: nullableString('payment, correction, reversal or refund; null when nothing can be told'),
    category: nullableString('What is paid for; null when nothing can be told'),
    period: nullableString('"" for none; null when nothing can be told'),
    record: Type.Optional(PaymentContentSchema),
    digest: { ...Bytes32Schema, description: 'Of the content' },
    payload: Type.String({ description: '0x and hexadecimal digits: what the chain has of it' }),
    verification: oneOf(
      VERIFICATIONS,
      'verified: the content has this digest; different: it has another, do not rely on it; unchecked: sealed, or asked without the order id, or the version before is not there',
    ),
    key: { ...Bytes32Schema, description: "The book's key: of order and version" },
    entryDigest: { ...Bytes32Schema, description: "The book's digest: of digest and payload" },
    tier: oneOf(RECORD_TIERS, 'recorded: with a storage slot; published: in the event only'),
    transactionHash: Bytes32Schema,
    block: BlockSchema,
    logIndex: Type.Integer({ description: 'Position among the logs of the block' }),
    entryIndex: Type.Integer({ description: 'Position in its publication; 0 otherwise' }),
    finality: oneOf(['pending', 'final']),
    completeness: CompletenessSchema,
    authorStatus: oneOf(
      PARTICIPANT_STATUSES,
      "The office's status in the directory at the time of the block",
    ),
    suspended: Type.Boolean({ description: 'Recorded while the office was suspended' }),
    repeated: Type.Boolean({ description: 'The office wrote this version earlier: that one counts' }),
    late: Type.Boolean({ description: 'Published before the version that it follows' }),
  },
  { description: 'One version of an order' },
)
export type PaymentAnswer = Static<typeof PaymentSchema>

export const HistorySchema = Type.Object(
  {
    chainId: Type.Integer(),
    registry: Type.String(),
    office: Type.String(),
    name: nullableString('Of the office, in the directory; null when it is not there'),
    registered: Type.Boolean({ description: 'The directory has it as a tax office' }),
    versions: Type.Array(
      Type.Object({
        ...PaymentSchema.properties,
        proof: Type.Optional(Type.Object({}, { additionalProperties: true })),
      }),
      { description: 'In order of version, and of the chain' },
    ),
    net: Type.Optional(
      Type.Object(
        { amountMinor: Type.Integer(), currency: Type.String(), upToVersion: Type.Integer() },
        {
          description:
            'What the order comes to after all its versions; may be negative. Only where they are all there, can be read, and were held against their digests: not of an order that was asked for by its key.',
        },
      ),
    ),
  },
  { description: 'What one office recorded of an order in one registry' },
)
export type HistoryAnswer = Static<typeof HistorySchema>

/** Components of the OpenAPI document. */
export const PAYMENT_SCHEMAS = { Payment: PaymentSchema, PaymentHistory: HistorySchema }
export const PaymentRef = Type.Unsafe<PaymentAnswer>({ $ref: 'Payment' })
export const HistoryRef = Type.Unsafe<HistoryAnswer>({ $ref: 'PaymentHistory' })

export const OrphanedPaymentSchema = Type.Object({
  ...OrphanSchema.properties,
  orderKey: Bytes32Schema,
  version: Type.Integer(),
})

export const OfficeHeadSchema = Type.Object({
  office: Type.String(),
  name: nullableString('In the directory'),
  ...HeadSchema.properties,
})

export const TotalSchema = Type.Object(
  {
    chainId: Type.Integer(),
    registry: Type.String(),
    office: Type.String(),
    category: nullableString('Null: of payloads that are none'),
    period: nullableString('"" for none'),
    currency: nullableString('Null: of sealed records, which do not say'),
    orders: Type.Integer({ description: 'Orders whose newest version is one of these' }),
    records: Type.Object(
      {
        payment: Type.Integer(),
        correction: Type.Integer(),
        reversal: Type.Integer(),
        refund: Type.Integer(),
        unreadable: Type.Integer(),
      },
      {
        description:
          'Versions by kind; one that was written again counts once, and one past version 250 of its order nowhere',
      },
    ),
    sealed: Type.Integer({ description: 'Versions that are sealed' }),
    publicOrders: Type.Integer({ description: 'Of the orders, those whose every version is public' }),
    netAmountMinor: Type.String({
      description: 'What these come to, in minor units: decimal digits, exact, may be negative',
    }),
  },
  { description: 'Of one office, category, period and currency' },
)
export type TotalAnswer = Static<typeof TotalSchema>

export const FromSchema = Type.Optional({
  ...TimeSchema,
  description: 'Unix seconds of the block, inclusive',
})
export const ToSchema = Type.Optional({ ...TimeSchema, description: 'Unix seconds of the block, exclusive' })
