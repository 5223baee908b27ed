import { type Static, Type } from 'typebox'
import { type Environment, readEnvironment, withoutSecrets } from '../party/environment.ts'
import { PARTY_VARIABLES } from '../party/settings.ts'

const DatabaseVariable = Type.Object({
  PROXY_DATABASE: Type.String({ default: '.countersign/proxy.db' }),
})
const Variables = Type.Object({
  ...DatabaseVariable.properties,
  ...PARTY_VARIABLES,
  PROXY_PORT: Type.Integer({ default: 4010, minimum: 0, maximum: 65_535 }),
  /** Folder of the query type files. */
  PROXY_QUERY_TYPES: Type.String({ default: 'query-types' }),
  /** Milliseconds each provider has for an answer, and for an answer to an audit. */
  PROXY_PROVIDER_DEADLINE_MS: Type.Integer({ default: 5_000, minimum: 10, maximum: 60_000 }),
  PROXY_AUDIT_DEADLINE_MS: Type.Integer({ default: 10_000, minimum: 10, maximum: 60_000 }),
  /** Bytes of the longest answer that is read from a provider. */
  PROXY_MAX_ANSWER_BYTES: Type.Integer({ default: 1_048_576, minimum: 1_024, maximum: 16_777_216 }),
  /** Requests to one provider at a time, and connections that they share. */
  PROXY_MAX_IN_FLIGHT: Type.Integer({ default: 1_024, minimum: 1, maximum: 100_000 }),
  PROXY_CONNECTIONS: Type.Integer({ default: 64, minimum: 1, maximum: 1_024 }),
  /** Seconds after an answer within which its record has to be promised. */
  PROXY_MAX_PROMISE_S: Type.Integer({ default: 900, minimum: 1, maximum: 604_800 }),
  /** Seconds by which a provider's clock may differ. */
  PROXY_CLOCK_TOLERANCE_S: Type.Integer({ default: 60, minimum: 1, maximum: 3_600 }),
  PROXY_RATE_PER_MINUTE: Type.Integer({ default: 60_000, minimum: 1, maximum: 10_000_000 }),
  PROXY_CAMPAIGN_CONCURRENCY: Type.Integer({ default: 8, minimum: 1, maximum: 64 }),
  PROXY_DIRECTORY_REFRESH_MS: Type.Integer({ default: 3_000, minimum: 100, maximum: 600_000 }),
  PROXY_RPC_TIMEOUT_MS: Type.Integer({ default: 10_000, minimum: 100, maximum: 120_000 }),
})

/** The proxy's settings, by variable name; `.env.example` describes each. */
export type ProxyConfig = Readonly<Static<typeof Variables>>

/** @throws CONFIGURATION_INVALID naming every variable at fault */
export const readProxyConfig = (environment: Environment): ProxyConfig =>
  readEnvironment(Variables, environment)

/** What the API key command needs of them. @throws CONFIGURATION_INVALID */
export const readDatabaseFile = (environment: Environment): string =>
  readEnvironment(DatabaseVariable, environment).PROXY_DATABASE

/** As a log may show it. */
export const printableConfig = (config: ProxyConfig): Record<string, unknown> =>
  withoutSecrets(Variables, config)
