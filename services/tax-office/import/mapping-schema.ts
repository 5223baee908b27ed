import { type Static, Type } from 'typebox'

const strict = { additionalProperties: false }
const Column = Type.String({ minLength: 1, maxLength: 100 })
const Text = Type.String({ maxLength: 256 })
/** A regular expression that the whole cell has to match. */
const Pattern = Type.String({ minLength: 1, maxLength: 200 })

/** Where a member comes from: the same for every row, or a column, whose text a table may turn into what is recorded. */
const source = {
  constant: Type.Optional(Text),
  column: Type.Optional(Column),
  pattern: Type.Optional(Pattern),
  /** By the cell's text. A cell that is not here is refused, unless `otherwise` says what it stands for. */
  values: Type.Optional(Type.Record(Type.String(), Text, { maxProperties: 1000 })),
  otherwise: Type.Optional(Text),
}
const Source = Type.Object(source, strict)

const Formats = Type.Array(Type.String({ minLength: 1, maxLength: 40 }), { minItems: 1, maxItems: 20 })
const Condition = {
  column: Column,
  empty: Type.Optional(Type.Literal(true)),
  equals: Type.Optional(Type.Array(Text, { minItems: 1, maxItems: 100 })),
  pattern: Type.Optional(Pattern),
}

const OrderId = Type.Object(
  {
    /** Text with `{column}`, `{@paidAt}` and the like, and `{line}`: which of the rows with equal other parts this is, from 1. */
    template: Type.String({ minLength: 1, maxLength: 300 }),
    /** By column: what its cells have to look like. */
    patterns: Type.Optional(Type.Record(Column, Pattern)),
    /** Columns within which `{line}` starts from 1 again, though they are no part of the id. */
    lineWithin: Type.Optional(Type.Array(Column, { minItems: 1, maxItems: 10 })),
  },
  strict,
)

const Amount = Type.Object(
  {
    column: Column,
    decimal: Type.Enum(['.', ',']),
    /** Between groups of three digits; a number may also be written without. */
    thousands: Type.Optional(Type.Enum([',', '.', ' ', "'"])),
    /** Signs that may stand before or behind the number, each with its currency. */
    symbols: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 8 }), Text)),
    signs: Type.Optional(
      Type.Array(Type.Enum(['minus', 'plus', 'trailing-minus', 'parentheses']), { maxItems: 4 }),
    ),
    /** What a negative amount is. */
    negative: Type.Enum(['refund', 'refuse']),
    /** Default `major`: pounds, not pence. */
    unit: Type.Optional(Type.Enum(['major', 'minor'])),
  },
  strict,
)

const PaidAt = Type.Object(
  {
    constant: Type.Optional(Type.String({ maxLength: 20 })),
    column: Type.Optional(Column),
    /** Of Luxon, or `excel-day`, `excel-day-1904`. */
    formats: Type.Optional(Formats),
    /** Formats instead of those, for the rows that meet a condition; the first that is met counts. */
    cases: Type.Optional(
      Type.Array(Type.Object({ ...Condition, formats: Formats }, strict), { maxItems: 20 }),
    ),
    /** Language of the names of months, default `en-US`. */
    locale: Type.Optional(Type.String({ maxLength: 20 })),
    /** First of the hundred years that two-digit years are of. */
    twoDigitYearsFrom: Type.Optional(Type.Integer({ minimum: 1900, maximum: 2100 })),
    /** The day that stands for a month or year, where a format names none. */
    missing: Type.Optional(Type.Enum(['first-day', 'last-day'])),
    /** Default `day`: a time of day is dropped. */
    precision: Type.Optional(Type.Enum(['day', 'second'])),
    /** IANA name of the zone that times of day are in. */
    zone: Type.Optional(Type.String({ maxLength: 60 })),
    /** `YYYY-MM-DD`, both included. */
    earliest: Type.Optional(Type.String({ maxLength: 10 })),
    latest: Type.Optional(Type.String({ maxLength: 10 })),
  },
  strict,
)

const Period = Type.Object(
  {
    ...source,
    fromPaidAt: Type.Optional(Type.Enum(['day', 'month', 'quarter', 'year', 'uk-tax-year'])),
  },
  strict,
)

/** The version that a row comes after: a number in a column, empty for the first version of an order; or the same for every row. */
const Follows = Type.Object(
  {
    constant: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 32 - 2 })),
    column: Type.Optional(Column),
  },
  strict,
)

export const PaymentMappingSchema = Type.Object(
  {
    description: Type.Optional(Type.String({ maxLength: 1000 })),
    /** Default `csv`. */
    format: Type.Optional(Type.Enum(['csv', 'json-lines'])),
    /** Default a comma. */
    delimiter: Type.Optional(Type.Enum([',', ';', '\t', '|'])),
    /** Whether quoted cells of a CSV file may have line ends; if not, a stray quote spoils one row for certain. */
    multiline: Type.Optional(Type.Boolean()),
    /** The columns of a CSV file that has no heading. */
    header: Type.Optional(Type.Array(Column, { minItems: 1, maxItems: 1000 })),
    visibility: Source,
    orderId: OrderId,
    /** Default `payment`. */
    kind: Type.Optional(Source),
    /** Default: every row is the first version of its order. */
    follows: Type.Optional(Follows),
    amount: Amount,
    currency: Source,
    paidAt: PaidAt,
    period: Type.Optional(Period),
    category: Source,
    authority: Source,
    payerTag: Type.Optional(Type.Object({ column: Column, pattern: Type.Optional(Pattern) }, strict)),
    /** Columns by the name they have in the record; empty cells are left out. */
    fields: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Column)),
    /** Rows that are left out on purpose, with the reason that the report gives. */
    skip: Type.Optional(
      Type.Array(
        Type.Object({ ...Condition, reason: Type.String({ minLength: 1, maxLength: 100 }) }, strict),
        { maxItems: 20 },
      ),
    ),
  },
  strict,
)

/** How the columns of an office's file become payment records; docs/payment-mapping.md describes each member. */
export type PaymentMapping = Static<typeof PaymentMappingSchema>
export type CellSource = Static<typeof Source>
export type AmountRule = Static<typeof Amount>
export type PaidAtRule = Static<typeof PaidAt>
export type PeriodRule = Static<typeof Period>
export type FollowsRule = Static<typeof Follows>
export type OrderIdRule = Static<typeof OrderId>
export type RowCondition = Pick<
  Static<typeof PaidAt>['cases'] extends (infer C)[] | undefined ? C & object : never,
  'column' | 'empty' | 'equals' | 'pattern'
>
