import { randomBytes } from 'node:crypto'
import { mkdtempSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

export interface BenchDatabase {
  /** As `INDEXER_DATABASE` takes it. */
  url: string
  /** On disk, once nobody has it open. */
  bytes(): Promise<number>
  drop(): Promise<void>
}

export interface BenchEngine {
  kind: 'bare' | 'sqlite' | 'postgres'
  name: string
  create(): Promise<BenchDatabase>
}

export const BARE: BenchEngine = {
  kind: 'bare',
  name: 'nothing kept',
  create: async () => ({ url: 'none', bytes: async () => 0, drop: async () => {} }),
}

export const SQLITE: BenchEngine = {
  kind: 'sqlite',
  name: 'SQLite',
  async create() {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
    const url = join(folder, 'index.db')
    return {
      url,
      bytes: async () => statSync(url).size,
      drop: () => rm(folder, { recursive: true, force: true }),
    }
  },
}

/** @param serverUrl of a role that may create databases */
export const postgres = (serverUrl: string): BenchEngine => ({
  kind: 'postgres',
  name: 'PostgreSQL',
  async create() {
    const name = `countersign_bench_${randomBytes(4).toString('hex')}`
    await administer(serverUrl, `CREATE DATABASE ${name}`)
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    const size = async () => {
      const [row] = await administer(serverUrl, `SELECT pg_database_size('${name}') AS bytes`)
      return Number(row!.bytes)
    }
    // A new database holds some megabytes of catalogues.
    const sizeWhenEmpty = await size()
    return {
      url: url.href,
      bytes: async () => (await size()) - sizeWhenEmpty,
      drop: async () => void (await administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
    }
  },
})

async function administer(serverUrl: string, sql: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: serverUrl })
  await client.connect()
  try {
    return (await client.query<Record<string, string>>(sql)).rows
  } finally {
    await client.end()
  }
}
