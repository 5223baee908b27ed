import { Type } from 'typebox'
import { BYTES32_PATTERN } from '../../../protocol/hex.ts'
import { SERIAL_PATTERN } from '../../../protocol/serial.ts'

const Bytes32 = Type.String({ pattern: BYTES32_PATTERN })
const Serial = Type.String({
  pattern: SERIAL_PATTERN,
  description: 'ULID, made by the proxy',
})
const UnixSeconds = Type.Integer({ description: 'Unix seconds' })
const strict = { additionalProperties: false }

export const AnswerRequest = Type.Object(
  {
    serial: Serial,
    type: Type.String({ minLength: 1, maxLength: 40 }),
    subject: Type.String({ minLength: 1, maxLength: 256 }),
    parameters: Type.Optional(
      Type.Record(
        Type.String({ maxLength: 64 }),
        Type.Union([Type.String({ maxLength: 256 }), Type.Number(), Type.Boolean()]),
        { maxProperties: 20 },
      ),
    ),
    disclosure: Type.Optional(Type.Union([Type.Literal('result'), Type.Literal('digest')])),
  },
  strict,
)

export const AnswerReply = Type.Object({
  receipt: Type.Any({ description: 'application/vnd.countersign.receipt+json' }),
  mode: Type.Union([Type.Literal('strict'), Type.Literal('contemporaneous')]),
})

export const AuditRequest = Type.Object({ serial: Serial, nonce: Bytes32 }, strict)

const Content = Type.Object({ digest: Bytes32, result: Type.Optional(Type.Any()) })
export const AuditReply = Type.Object({
  serial: Serial,
  provider: Type.String(),
  stored: Content,
  derived: Content,
  salt: Type.Optional(Bytes32),
  erased: Type.Boolean(),
  nonce: Bytes32,
  answeredAt: UnixSeconds,
  signature: Type.String(),
  location: Type.Optional(Type.Object({ transactionHash: Bytes32, blockNumber: Type.Integer() })),
})

export const StatusReply = Type.Object({
  provider: Type.String(),
  name: Type.String(),
  queryType: Type.String(),
  chainId: Type.Integer(),
  registry: Type.String(),
  mode: AnswerReply.properties.mode,
  recordWithinSeconds: Type.Integer(),
  book: Type.Object({
    loadedAt: UnixSeconds,
    tables: Type.Array(
      Type.Object({ table: Type.String(), loaded: Type.Integer(), refused: Type.Integer() }),
    ),
  }),
  outbox: Type.Object({
    pending: Type.Integer({ description: 'Wait to be sent' }),
    submitted: Type.Integer({ description: 'Sent, in no block yet' }),
    unclear: Type.Integer({
      description: 'Of those: their nonce is used, no node shows by which transaction',
    }),
    recorded: Type.Integer({ description: 'In a block, not final yet' }),
    conflict: Type.Integer({ description: 'The chain has another digest under their key' }),
    overdue: Type.Integer({ description: 'Not on chain by the time promised' }),
    isChainUsable: Type.Boolean(),
  }),
})
