import { type Static, Type } from 'typebox'
import { type Environment, readEnvironment, Secret, withoutSecrets } from '../party/environment.ts'
import { PARTY_VARIABLES } from '../party/settings.ts'
import { RECORDING_TIERS } from './book/payment-calls.ts'

const DatabaseVariable = Type.Object({
  TAX_OFFICE_DATABASE: Type.String({ default: '.countersign/tax-office.db' }),
})
const BooksVariables = Type.Object({
  ...DatabaseVariable.properties,
  COUNTERSIGN_ADDRESS_BOOK: PARTY_VARIABLES.COUNTERSIGN_ADDRESS_BOOK,
  /** At least 32 random bytes in hex. Lost, no slip can be printed again and no payer tag read. */
  TAX_OFFICE_SECRET: Secret({ pattern: '^(0x)?([0-9a-fA-F]{2}){32,}$' }),
  TAX_OFFICE_RPC_TIMEOUT_MS: Type.Integer({ default: 10_000, minimum: 100, maximum: 120_000 }),
})
const Variables = Type.Object({
  ...PARTY_VARIABLES,
  ...BooksVariables.properties,
  TAX_OFFICE_PORT: Type.Integer({ default: 4030, minimum: 0, maximum: 65_535 }),
  /** Of the chain that this office records on. */
  TAX_OFFICE_CHAIN_ID: Type.Integer({ default: 31_337, minimum: 1 }),
  /** How payments get on chain; one tier for the whole life of a database. */
  TAX_OFFICE_TIER: Type.Enum([...RECORDING_TIERS], { default: 'record' }),
  /** Where others reach this server, for the manifests of anchored roots. Default: where it listens. */
  TAX_OFFICE_PUBLIC_URL: Type.Optional(Type.String({ pattern: '^https?://[^?#]+$', maxLength: 200 })),
  /** The page that slips point to; order id and lookup code go into the fragment. */
  TAX_OFFICE_PAY_PAGE: Type.String({
    default: 'http://127.0.0.1:4000/pay',
    pattern: '^https?://[^#]+$',
    maxLength: 200,
  }),
  /** Milliseconds that a payment waits for others to share its transaction. */
  TAX_OFFICE_FLUSH_MS: Type.Integer({ default: 200, minimum: 0, maximum: 3_600_000 }),
  /** Payments in one transaction at most; its gas and size may make it fewer. */
  TAX_OFFICE_MAX_BATCH: Type.Integer({ default: 1_000, minimum: 1, maximum: 20_000 }),
  /** Transactions under way at once. */
  TAX_OFFICE_MAX_IN_FLIGHT: Type.Integer({ default: 8, minimum: 1, maximum: 64 }),
  /** Payments that may wait for the chain; with more, none are taken. */
  TAX_OFFICE_MAX_WAITING: Type.Integer({ default: 20_000, minimum: 1 }),
  /** Milliseconds after which a transaction that is not mined is sent again or outbid. */
  TAX_OFFICE_RESUBMIT_AFTER_MS: Type.Integer({ default: 30_000, minimum: 100, maximum: 3_600_000 }),
  /** Gwei; no transaction bids more. None: no limit. */
  TAX_OFFICE_MAX_FEE_GWEI: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  /** Requests a minute from one API key. */
  TAX_OFFICE_RATE_PER_MINUTE: Type.Integer({ default: 6_000, minimum: 1, maximum: 10_000_000 }),
})

/** A tax office's settings, by variable name; `.env.example` describes each. */
export type OfficeConfig = Readonly<Static<typeof Variables>>
/** What a look into the office's database from outside needs of them. */
export type OfficeBooksConfig = Readonly<Static<typeof BooksVariables>>

/** @throws CONFIGURATION_INVALID naming every variable at fault */
export const readOfficeConfig = (environment: Environment): OfficeConfig =>
  readEnvironment(Variables, environment)

/** @throws CONFIGURATION_INVALID */
export const readOfficeBooksConfig = (environment: Environment): OfficeBooksConfig =>
  readEnvironment(BooksVariables, environment)

/** What the API key command needs of them. @throws CONFIGURATION_INVALID */
export const readDatabaseFile = (environment: Environment): string =>
  readEnvironment(DatabaseVariable, environment).TAX_OFFICE_DATABASE

/** As a log may show it. */
export const printableOfficeConfig = (config: OfficeConfig): Record<string, unknown> =>
  withoutSecrets(Variables, config)
