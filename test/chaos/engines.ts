import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../indexer/store/open-store.ts'
import { STORES } from '../support/stores.ts'
import { scratchDirectory } from './scratch.ts'

export type EngineName = 'sqlite' | 'postgres'

/** Where the indexer of one run keeps its rows. */
export interface Engine {
  name: EngineName
  /** Why it cannot be used here. */
  skipReason?: string
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

const POSTGRES = STORES.find(({ name }) => name === 'PostgreSQL')!

export const ENGINES: readonly Engine[] = [SQLITE, { ...POSTGRES, name: 'postgres' }]

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
