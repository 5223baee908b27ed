import { Type } from 'typebox'
import { ADDRESS_PATTERN } from '../../../protocol/hex.ts'
import { SERIAL_PATTERN } from '../../../protocol/serial.ts'
import { VERDICTS } from '../../../protocol/verdict.ts'

export const AddressSchema = Type.String({
  pattern: ADDRESS_PATTERN,
  description: 'An Ethereum address',
})
export const SerialSchema = Type.String({
  pattern: SERIAL_PATTERN,
  description: 'A ULID, as POST /v1/queries answered it',
})
export const TimeSchema = Type.String({
  pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,3})?)?(Z|[+-]\\d\\d:\\d\\d))?$',
  description: 'A time of RFC 3339, or a date (then its first instant in UTC)',
})
export const DisclosureSchema = Type.Union([Type.Literal('result'), Type.Literal('digest')], {
  description: '`digest`: the proxy and its users get only the digest',
})
export const VerdictSchema = Type.Enum([...VERDICTS])

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        'Any text of your own: a repetition within 24 hours is answered with what the first request made',
    }),
  ),
})

/** Errors a route answers with, beside those of every route. */
export const problems = (...statuses: number[]): Record<number, ReturnType<typeof Type.Ref>> =>
  Object.fromEntries([400, 401, 429, ...statuses].map((status) => [status, Type.Ref('Problem')]))

/** A file answered byte for byte. */
export const fileContent = (mediaType: string, description: string) => ({
  description,
  content: { [mediaType]: { schema: Type.Object({}, { additionalProperties: true }) } },
})

export const SECURITY = [{ apiKey: [] }]
