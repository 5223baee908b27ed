import pg from 'pg'
import { CountersignError } from '../../../protocol/errors.ts'
import { unescapeText } from './text-escape.ts'

export interface PostgresDatabase {
  /** Without what is ours in it. */
  url: string
  schema: string
  /** For messages: no password. */
  name: string
}

const DEFAULT_SCHEMA = 'countersign'
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/
const CONNECT_MS = 2_000
/** A dead peer is found out so soon; together with the kernel's end of a dead process's connections. */
const KEEPALIVE_MS = 1_000

/**
 * `?schema=` names the schema that everything is in; default `countersign`. The rest of the URL is for the driver.
 * @throws CONFIGURATION_INVALID
 */
export function parseDatabaseUrl(text: string): PostgresDatabase {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new CountersignError('CONFIGURATION_INVALID', 'the URL of the PostgreSQL database is not a URL')
  }
  const schema = url.searchParams.get('schema') ?? DEFAULT_SCHEMA
  if (!SCHEMA.test(schema) || schema.startsWith('pg_'))
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      `schema ${JSON.stringify(schema)} in the URL of the database is not a lower-case name of letters, digits and _`,
    )
  url.searchParams.delete('schema')
  return { url: url.href, schema, name: `${url.host}${url.pathname} (schema ${schema})` }
}

export interface SessionOptions {
  /** Settings of the server for this session. */
  settings?: Readonly<Record<string, string | number>>
}

export function clientConfig(
  { url, schema }: PostgresDatabase,
  { settings = {} }: SessionOptions = {},
): pg.ClientConfig {
  const own = new URL(url)
  const options = {
    search_path: schema,
    jit: 'off',
    client_min_messages: 'warning',
    client_connection_check_interval: 500,
    tcp_keepalives_idle: 1,
    tcp_keepalives_interval: 1,
    tcp_keepalives_count: 2,
    tcp_user_timeout: 2_000,
    ...settings,
  }
  const text = Object.entries(options).map(([name, value]) => `-c ${name}=${value}`)
  const given = own.searchParams.get('options')
  own.searchParams.delete('options')
  return {
    connectionString: own.href,
    options: [...text, ...(given === null ? [] : [given])].join(' '),
    application_name: own.searchParams.get('application_name') ?? 'countersign-indexer',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    types: TYPES,
  }
}

/** Every 64-bit number of ours is one that a double carries exactly. */
const TYPES = new pg.TypeOverrides()
TYPES.setTypeParser(pg.types.builtins.INT8, Number)
TYPES.setTypeParser(pg.types.builtins.TEXT, unescapeText)
