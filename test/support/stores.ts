import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, postgresMissing, queryOnce, startPostgresServer } from './postgres-server.ts'

/** An engine that the store runs on: what is tested of the store is tested on each of `STORES`. */
export interface StoreEngine {
  name: 'SQLite' | 'PostgreSQL'
  /** Why it cannot be tested here. */
  skipReason?: string
  /** An empty database, as `INDEXER_DATABASE` names it. */
  newDatabase(): Promise<{ database: string; drop(): Promise<void> }>
}

const SQLITE: StoreEngine = {
  name: 'SQLite',
  async newDatabase() {
    const folder = mkdtempSync(join(tmpdir(), 'store-'))
    return {
      database: join(folder, 'index.db'),
      drop: async () => rmSync(folder, { recursive: true, force: true }),
    }
  },
}

const GIVEN = process.env.COUNTERSIGN_TEST_POSTGRES
const missing = GIVEN === undefined || GIVEN === '' ? postgresMissing() : undefined
let own: Promise<PostgresServer> | undefined
let made = 0

/** One server for all tests of the process: the one that is given, or one that is started when it is first asked for. */
async function serverUrl(): Promise<string> {
  if (GIVEN !== undefined && GIVEN !== '') return GIVEN
  own ??= startPostgresServer()
  return (await own).url
}

const POSTGRES: StoreEngine = {
  name: 'PostgreSQL',
  ...(missing === undefined ? {} : { skipReason: missing }),
  async newDatabase() {
    const server = await serverUrl()
    const name = `test_${process.pid}_${Date.now().toString(36)}_${made++}`
    await queryOnce(server, `CREATE DATABASE ${name}`)
    const url = new URL(server)
    url.pathname = `/${name}`
    return {
      database: url.href,
      drop: async () => void (await queryOnce(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
    }
  },
}

export const STORES: readonly StoreEngine[] = [SQLITE, POSTGRES]

/** `describe` for each engine; one that is missing is shown as skipped, with the reason. */
export function describeStores(what: string, tests: (engine: StoreEngine) => void): void {
  for (const engine of STORES) {
    if (engine.skipReason === undefined) describe(`${what} (${engine.name})`, () => tests(engine))
    else describe.skip(`${what} (${engine.name}: ${engine.skipReason})`, () => tests(engine))
  }
}
