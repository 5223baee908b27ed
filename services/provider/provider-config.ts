import { type Static, Type } from 'typebox'
import { type Environment, readEnvironment, Secret, withoutSecrets } from '../party/environment.ts'
import { PARTY_VARIABLES } from '../party/settings.ts'

const DatabaseVariable = Type.Object({
  PROVIDER_DATABASE: Type.String({ default: '.countersign/provider.db' }),
})
const Variables = Type.Object({
  ...DatabaseVariable.properties,
  ...PARTY_VARIABLES,
  PROVIDER_PORT: Type.Integer({ default: 4021, minimum: 0, maximum: 65_535 }),
  /** The book's declaration. */
  PROVIDER_BOOK: Type.String(),
  /** Folder of the data that declarations name without `./`. */
  COUNTERSIGN_DATA: Type.Optional(Type.String()),
  /** Folder of the query type files. */
  PROVIDER_QUERY_TYPES: Type.String({ default: 'query-types' }),
  /** Of the chain that this provider records on. */
  PROVIDER_CHAIN_ID: Type.Integer({ default: 31_337, minimum: 1 }),
  /** At least 32 random bytes in hex. Lost, no answer can be audited any more. */
  PROVIDER_SALT_SECRET: Secret({ pattern: '^(0x)?([0-9a-fA-F]{2}){32,}$' }),
  PROVIDER_MODE: Type.Enum(['strict', 'contemporaneous'], { default: 'contemporaneous' }),
  /** Seconds after an answer by which its digest is promised on chain. */
  PROVIDER_RECORD_WITHIN_S: Type.Integer({ default: 60, minimum: 1, maximum: 604_800 }),
  /** Milliseconds that a strict answer waits for its record. */
  PROVIDER_STRICT_TIMEOUT_MS: Type.Integer({ default: 20_000, minimum: 100, maximum: 29_000 }),
  /** Milliseconds that a digest waits for others to share its transaction. */
  PROVIDER_FLUSH_MS: Type.Integer({ default: 500, minimum: 0, maximum: 3_600_000 }),
  /** Digests in one transaction at most. */
  PROVIDER_MAX_BATCH: Type.Integer({ default: 500, minimum: 1, maximum: 5_000 }),
  /** Digests that may wait for the chain; with more, queries are refused. */
  PROVIDER_MAX_WAITING: Type.Integer({ default: 1_000_000, minimum: 1 }),
  /** Milliseconds after which a transaction that is not mined is sent again or outbid. */
  PROVIDER_RESUBMIT_AFTER_MS: Type.Integer({ default: 30_000, minimum: 100, maximum: 3_600_000 }),
  /** Gwei; no transaction bids more. None: no limit. */
  PROVIDER_MAX_FEE_GWEI: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  PROVIDER_RPC_TIMEOUT_MS: Type.Integer({ default: 5_000, minimum: 100, maximum: 120_000 }),
  PROVIDER_DIRECTORY_REFRESH_MS: Type.Integer({ default: 3_000, minimum: 100, maximum: 600_000 }),
})

/** A provider's settings, by variable name; `.env.example` describes each. */
export type ProviderConfig = Readonly<Static<typeof Variables>>

/** @throws CONFIGURATION_INVALID naming every variable at fault */
export const readProviderConfig = (environment: Environment): ProviderConfig =>
  readEnvironment(Variables, environment)

/** What the command that erases needs of them. @throws CONFIGURATION_INVALID */
export const readDatabaseFile = (environment: Environment): string =>
  readEnvironment(DatabaseVariable, environment).PROVIDER_DATABASE

/** As a log may show it. */
export const printableProviderConfig = (config: ProviderConfig): Record<string, unknown> =>
  withoutSecrets(Variables, config)
