import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import type { StoreEngine } from '../../support/stores.ts'

type UseStore = <Result>(use: (store: Store) => Promise<Result>) => Promise<Result>

/**
 * A new store for each of many runs, to be called in a `describe`. On PostgreSQL each is in a schema of its own: to make and drop a
 * database takes longer than most runs do.
 */
export function emptyStores(engine: StoreEngine): UseStore {
  let shared: ReturnType<StoreEngine['newDatabase']> | undefined
  let made = 0
  after(async () => (await shared)?.drop())

  async function newDatabase(): ReturnType<StoreEngine['newDatabase']> {
    if (engine.name !== 'PostgreSQL') return engine.newDatabase()
    shared ??= engine.newDatabase()
    const { database } = await shared
    return { database: `${database}?schema=run_${made++}`, drop: async () => {} }
  }

  return async (use) => {
    const { database, drop } = await newDatabase()
    const store = await openStore(database)
    try {
      return await use(store)
    } finally {
      await store.close()
      await drop()
    }
  }
}
