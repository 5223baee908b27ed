import { type Static, Type } from 'typebox'
import { CountersignError } from '../../protocol/errors.ts'
import { isLocalChain } from '../party/development-keys.ts'
import { type Environment, readEnvironment, Secret, withoutSecrets } from '../party/environment.ts'
import { PARTY_VARIABLES } from '../party/settings.ts'
import { RECORDING_TIERS } from './book/credential-calls.ts'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
/** What an S3-compatible store takes in one request. */
const MAX_OBJECT_BYTES = 5 * GiB

const DatabaseVariable = Type.Object({
  EVIDENCE_DATABASE: Type.String({ default: '.countersign/evidence.db' }),
})
const Variables = Type.Object({
  ...PARTY_VARIABLES,
  ...DatabaseVariable.properties,
  EVIDENCE_PORT: Type.Integer({ default: 4040, minimum: 0, maximum: 65_535 }),
  /** Of the chain that this server records on. */
  EVIDENCE_CHAIN_ID: Type.Integer({ default: 31_337, minimum: 1 }),
  /** At least 32 random bytes in hex. Lost, no salt can be derived again. */
  EVIDENCE_SECRET: Secret({ pattern: '^(0x)?([0-9a-fA-F]{2}){32,}$' }),
  /** How credentials get on chain; one tier for the whole life of a database. */
  EVIDENCE_TIER: Type.Enum([...RECORDING_TIERS], { default: 'record' }),
  /** Where others reach this server, for the manifests of anchored roots. Default, on a local chain only: where it listens. */
  EVIDENCE_PUBLIC_URL: Type.Optional(Type.String({ pattern: '^https?://[^?#]+$', maxLength: 200 })),
  /** Milliseconds that a credential waits for others to share its transaction. */
  EVIDENCE_FLUSH_MS: Type.Integer({ default: 500, minimum: 0, maximum: 3_600_000 }),
  /** Credentials in one transaction at most; its gas and size may make it fewer. */
  EVIDENCE_MAX_BATCH: Type.Integer({ default: 1_000, minimum: 1, maximum: 20_000 }),
  /** Transactions under way at once. */
  EVIDENCE_MAX_IN_FLIGHT: Type.Integer({ default: 8, minimum: 1, maximum: 64 }),
  /** Seconds within which a credential is promised to be on chain. */
  EVIDENCE_RECORD_WITHIN: Type.Integer({ default: 600, minimum: 1, maximum: 31_536_000 }),
  /** Credentials and revocations that may wait for the chain; with more, no evidence is taken. */
  EVIDENCE_MAX_WAITING: Type.Integer({ default: 50_000, minimum: 1 }),
  /** Of those, one client's. */
  EVIDENCE_CLIENT_MAX_WAITING: Type.Integer({ default: 10_000, minimum: 1 }),
  /** Milliseconds after which a transaction that is not mined is sent again or outbid. */
  EVIDENCE_RESUBMIT_AFTER_MS: Type.Integer({ default: 30_000, minimum: 100, maximum: 3_600_000 }),
  /** Gwei; no transaction bids more. None: no limit. */
  EVIDENCE_MAX_FEE_GWEI: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  /** Seconds that a node's newest block may be before or after the clock; past it nothing is said. On local chains any. */
  EVIDENCE_MAX_BLOCK_AGE: Type.Integer({ default: 900, minimum: 1, maximum: 31_536_000 }),
  EVIDENCE_RPC_TIMEOUT_MS: Type.Integer({ default: 10_000, minimum: 100, maximum: 120_000 }),
  /** Milliseconds that `?wait=recorded` waits at most. */
  EVIDENCE_WAIT_MS: Type.Integer({ default: 60_000, minimum: 0, maximum: 600_000 }),
  /** A folder, or `s3://bucket/prefix` with the variables below. */
  EVIDENCE_STORE: Type.String({ default: '.countersign/evidence', minLength: 1 }),
  EVIDENCE_S3_ENDPOINT: Type.Optional(Type.String({ pattern: '^https?://[^?#]+$' })),
  EVIDENCE_S3_REGION: Type.String({ default: 'us-east-1' }),
  EVIDENCE_S3_ACCESS_KEY_ID: Type.Optional(Secret()),
  EVIDENCE_S3_SECRET_ACCESS_KEY: Type.Optional(Secret()),
  /** Milliseconds without progress after which the object store counts as away. */
  EVIDENCE_S3_STALL_MS: Type.Integer({ default: 30_000, minimum: 100, maximum: 600_000 }),
  /** A folder for uploads that are under way. Default: in the store's folder, or beside the database. */
  EVIDENCE_STAGING: Type.Optional(Type.String({ minLength: 1 })),
  /** Bytes of one content. */
  EVIDENCE_MAX_BYTES: Type.Integer({ default: 4 * GiB, minimum: 0, maximum: MAX_OBJECT_BYTES }),
  /** Bytes of a request with a JSON document. */
  EVIDENCE_MAX_JSON_BYTES: Type.Integer({ default: MiB, minimum: KiB, maximum: 64 * MiB }),
  /** Milliseconds that an upload may take, and that it may pause. */
  EVIDENCE_UPLOAD_MS: Type.Integer({ default: 7_200_000, minimum: 1_000, maximum: 86_400_000 }),
  EVIDENCE_UPLOAD_STALL_MS: Type.Integer({ default: 20_000, minimum: 100, maximum: 600_000 }),
  /** What one client may keep, and send at a time. */
  EVIDENCE_CLIENT_BYTES: Type.Integer({ default: 64 * GiB, minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  EVIDENCE_CLIENT_DOCUMENTS: Type.Integer({ default: 1_000_000, minimum: 0 }),
  EVIDENCE_CLIENT_UPLOADS: Type.Integer({ default: 32, minimum: 1, maximum: 1_000 }),
  /** What one client may hand in on one day (UTC), erased ones too. */
  EVIDENCE_CLIENT_DOCUMENTS_A_DAY: Type.Integer({ default: 100_000, minimum: 0, maximum: 10_000_000 }),
  /** Contents that one client may read at a time, and requests with `?wait=recorded` of it that are waited with. */
  EVIDENCE_CLIENT_DOWNLOADS: Type.Integer({ default: 32, minimum: 1, maximum: 1_000 }),
  EVIDENCE_CLIENT_WAITS: Type.Integer({ default: 64, minimum: 0, maximum: 10_000 }),
  /** Connections at a time. */
  EVIDENCE_MAX_CONNECTIONS: Type.Integer({ default: 1_000, minimum: 1, maximum: 100_000 }),
  /** Requests a minute from one API key. */
  EVIDENCE_RATE_PER_MINUTE: Type.Integer({ default: 6_000, minimum: 1, maximum: 10_000_000 }),
  /** How fast everything stored is read again and checked, and milliseconds from the end of one round to the next. */
  EVIDENCE_RECHECK_BYTES_PER_SECOND: Type.Integer({
    default: 8 * MiB,
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
  }),
  EVIDENCE_RECHECK_DOCUMENTS_PER_SECOND: Type.Integer({ default: 50, minimum: 1, maximum: 1_000_000 }),
  EVIDENCE_RECHECK_PAUSE_MS: Type.Integer({ default: 86_400_000, minimum: 0, maximum: 31_536_000_000 }),
  /** Where clients may point webhooks at: `host` or `host:port`, separated by commas; `*` for https to the open internet. */
  EVIDENCE_WEBHOOK_HOSTS: Type.String({ default: '*', maxLength: 4_096 }),
})

/** An evidence server's settings, by variable name; `.env.example` describes each. */
export type EvidenceConfig = Readonly<Static<typeof Variables>>

/** @throws CONFIGURATION_INVALID naming every variable at fault */
export function readEvidenceConfig(environment: Environment): EvidenceConfig {
  const config = readEnvironment(Variables, environment)
  // It is written on chain with each root, for good.
  if (
    config.EVIDENCE_TIER === 'anchor' &&
    config.EVIDENCE_PUBLIC_URL === undefined &&
    !isLocalChain(config.EVIDENCE_CHAIN_ID)
  )
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      'EVIDENCE_PUBLIC_URL is not set; with EVIDENCE_TIER=anchor others read there what is under each root',
    )
  return config
}

/** What the API key command needs of them. @throws CONFIGURATION_INVALID */
export const readDatabaseFile = (environment: Environment): string =>
  readEnvironment(DatabaseVariable, environment).EVIDENCE_DATABASE

/** As a log may show it. */
export const printableEvidenceConfig = (config: EvidenceConfig): Record<string, unknown> =>
  withoutSecrets(Variables, config)
