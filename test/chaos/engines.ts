import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../indexer/store/open-store.ts'
import { queryOnce, startOwnPostgres } from './own-postgres.ts'
import { scratchDirectory } from './scratch.ts'
import { ScenarioSkipped } from './skipped.ts'

export type EngineName = 'sqlite' | 'postgres'

/** Where the indexer of one run keeps its rows. */
export interface Engine {
  name: EngineName
  newDatabase(): Promise<{ database: string; drop(): Promise<void> }>
}

const SQLITE: Engine = {
  name: 'sqlite',
  newDatabase: async () => {
    const directory = mkdtempSync(join(scratchDirectory(), 'chaos-'))
    return {
      database: join(directory, 'index.db'),
      drop: async () => rmSync(directory, { recursive: true, force: true }),
    }
  },
}

/** Databases on one server: that of COUNTERSIGN_TEST_POSTGRES, or one that is started for the run. */
async function postgresEngine(): Promise<Engine & { close(): Promise<void> }> {
  const given = process.env.COUNTERSIGN_TEST_POSTGRES
  const own = given === undefined ? await startOwnPostgres() : undefined
  const server = given ?? own!.url
  let made = 0
  return {
    name: 'postgres',
    async newDatabase() {
      const name = `chaos_${process.pid}_${made++}`
      await queryOnce(server, `CREATE DATABASE ${name}`)
      const url = new URL(server)
      url.pathname = `/${name}`
      return {
        database: url.href,
        drop: async () => void (await queryOnce(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
      }
    },
    close: async () => own?.close(),
  }
}

/** Both, or the one that is asked for; `close` ends what was started for them. */
export async function startEngines(
  wanted: EngineName | 'both',
): Promise<{ engines: Engine[]; skipped: string[]; close(): Promise<void> }> {
  const engines = wanted === 'postgres' ? [] : [SQLITE]
  if (wanted === 'sqlite') return { engines, skipped: [], close: async () => {} }
  try {
    const postgres = await postgresEngine()
    return { engines: [...engines, postgres], skipped: [], close: postgres.close }
  } catch (error) {
    if (!(error instanceof ScenarioSkipped)) throw error
    return { engines, skipped: [`postgres: ${error.message}`], close: async () => {} }
  }
}

/** Everything in the store that follows from the chain, a line each. Nobody else may have it open. */
export const dumpOf = async (database: string): Promise<string[]> =>
  (await checkpointAndDumpOf(database)).lines

/** As `dumpOf`, with the block up to which the first chain is indexed; undefined when it never was. */
export async function checkpointAndDumpOf(
  database: string,
): Promise<{ checkpoint: number | undefined; lines: string[] }> {
  const store = await openStore(database)
  try {
    const lines: string[] = []
    for await (const line of store.dump()) lines.push(line)
    return { checkpoint: (await store.listChains())[0]?.checkpoint.number, lines }
  } finally {
    await store.close()
  }
}

/** The first lines that differ, for a report. */
export function differenceOf(actual: readonly string[], expected: readonly string[]): string[] {
  const [had, should] = [new Set(actual), new Set(expected)]
  const surplus = actual.filter((line) => !should.has(line)).map((line) => `surplus: ${line}`)
  const missing = expected.filter((line) => !had.has(line)).map((line) => `missing: ${line}`)
  const found = [...missing.slice(0, 5), ...surplus.slice(0, 5)]
  return found.length === 0 && actual.join('\n') !== expected.join('\n')
    ? ['the same lines in another order, or repeated']
    : found
}
