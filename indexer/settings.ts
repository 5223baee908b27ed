import { type Static, Type } from '../http/schema.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const ROLES = ['writer', 'reader'] as const
const DAY_MS = 86_400_000

export const TRUSTED_PROXY_FAULT = 'is neither an address like 10.0.0.1 nor a network like 10.0.0.0/8'

const integer = (environment: string, fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ environment, default: fallback, minimum, maximum })

/** How often each of a chain's nodes may be asked is counted per node; 0 stands for no limit wherever a limit is one of rate. */
export const SettingsSchema = Type.Object(
  {
    /** Path of the address book file. */
    addressBook: Type.String({
      environment: 'COUNTERSIGN_ADDRESS_BOOK',
      default: '.countersign/address-book.json',
      pattern: '\\S',
    }),
    host: Type.String({ environment: 'HOST', default: '127.0.0.1', pattern: '\\S' }),
    /** 0: a free port. */
    port: integer('INDEXER_PORT', 4000, 0, 65_535),
    /** `postgres://…` for PostgreSQL; anything else is the path of an SQLite file. */
    database: Type.String({
      environment: 'INDEXER_DATABASE',
      default: '.countersign/indexer.db',
      pattern: '\\S',
      isSecret: true,
    }),
    /** One writer follows the chains and answers; readers only answer, from the same PostgreSQL or a replica of it. */
    role: Type.Enum([...ROLES], { environment: 'INDEXER_ROLE', default: 'writer' }),
    /** Time between two looks at a chain whose node does not call. */
    pollMs: integer('INDEXER_POLL_MS', 200, 10, 600_000),
    /** Time between a reader's looks at the store. */
    readerPollMs: integer('INDEXER_READER_POLL_MS', 50, 5, 60_000),
    /** Every author's head is compared with the chain's at least so often. */
    completenessCheckMs: integer('INDEXER_COMPLETENESS_CHECK_MS', 60_000, 100, DAY_MS),
    /** A request to a chain is given up after so long. */
    requestTimeoutMs: integer('INDEXER_REQUEST_TIMEOUT_MS', 30_000, 100, 600_000),
    logLevel: Type.Enum([...LOG_LEVELS], { environment: 'LOG_LEVEL', default: 'info' }),
    /** Of each endpoint; 0: no limit of our own. */
    rpcRequestsPerSecond: integer('INDEXER_RPC_REQUESTS_PER_SECOND', 0, 0, 1_000_000),
    /** Blocks of one `eth_getLogs` at most. */
    maxRangeBlocks: integer('INDEXER_MAX_RANGE_BLOCKS', 100_000, 1, 10_000_000),
    /** Let the nodes call when there is a block, beside the looks of `pollMs`. */
    webSocket: Type.Boolean({ environment: 'INDEXER_WEB_SOCKET', default: true }),
    /** Requests a minute of one address; 0: no limit. */
    ratePerMinute: integer('INDEXER_RATE_PER_MINUTE', 60_000, 0, 100_000_000),
    /** Pages of these origins may ask from a browser; `*` for all. In the environment with commas between. */
    corsOrigins: Type.Array(Type.String({ pattern: '^(\\*|https?://[^/\\s]+)$' }), {
      environment: 'INDEXER_CORS_ORIGINS',
      default: [],
      maxItems: 100,
      itemFault: 'is neither an origin like https://example.org nor *',
    }),
    /** Addresses or networks of reverse proxies: of what these pass on, X-Forwarded-For names the address. As above. */
    trustedProxies: Type.Array(Type.String(), {
      environment: 'INDEXER_TRUSTED_PROXIES',
      default: [],
      maxItems: 100,
      itemFault: TRUSTED_PROXY_FAULT,
    }),
    /** Live streams at once. */
    maxStreams: integer('INDEXER_MAX_STREAMS', 200, 0, 100_000),
    /** Who sends it may manage webhooks; without one there are none. */
    adminToken: Type.Optional(
      Type.String({ environment: 'INDEXER_ADMIN_TOKEN', minLength: 16, maxLength: 1024, isSecret: true }),
    ),
    /** A file with nothing but the token in it. */
    adminTokenFile: Type.Optional(Type.String({ environment: 'INDEXER_ADMIN_TOKEN_FILE', pattern: '\\S' })),
    /** A registry's storage root is rebuilt from at most so many records; 0: never. */
    storageRootMaxRecords: integer('INDEXER_STORAGE_ROOT_MAX_RECORDS', 2_000_000, 0, 1_000_000_000),
    /** Who was away for longer cannot resume a stream where it left off. */
    feedKeepDays: integer('INDEXER_FEED_KEEP_DAYS', 7, 1, 3_650),
  },
  { additionalProperties: false },
)

export type Settings = Static<typeof SettingsSchema>
export type SettingName = keyof Settings

/** What the loader reads of a setting's schema beside what JSON Schema knows. */
export interface SettingSchema {
  type?: string
  enum?: readonly string[]
  default?: unknown
  minimum?: number
  maximum?: number
  minLength?: number
  /** What is wrong with an item that does not match. */
  itemFault?: string
  environment: string
  isSecret?: boolean
}

export const SETTINGS = Object.entries(SettingsSchema.properties) as unknown as [SettingName, SettingSchema][]

/** Variable that names the JSON file; `--config` does too. */
export const CONFIG_FILE_VARIABLE = 'INDEXER_CONFIG'
