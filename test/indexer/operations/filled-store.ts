import { randomBytes } from 'node:crypto'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import type { AnvilChain } from '../../support/anvil.ts'
import type { DeployedContracts } from '../../support/contracts.ts'
import { caughtUp, startTestIndexer, testChain } from '../../support/indexer.ts'

/** Indexes a chain to its head into a database, and ends. */
export async function indexInto(
  database: string,
  chain: AnvilChain,
  contracts: DeployedContracts,
  finalityDepth = 4,
): Promise<void> {
  const indexer = await startTestIndexer([testChain(chain, contracts, { finalityDepth })], { database })
  try {
    await caughtUp(indexer, chain)
  } finally {
    await indexer.stop()
  }
}

/** Opens a store that nobody else has open, for as long as `use` takes. */
export async function withStore<Result>(
  database: string,
  use: (store: Store) => Promise<Result>,
): Promise<Result> {
  const store = await openStore(database, { mode: 'writer' })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

export const dumpOfDatabase = (database: string): Promise<string[]> =>
  withStore(database, (store) => Array.fromAsync(store.dump()))

export const someWebhook = () => ({
  id: `webhook-${randomBytes(4).toString('hex')}`,
  url: 'https://example.org/hook',
  secret: `whsec_${randomBytes(24).toString('base64')}`,
  deliver: 'both' as const,
  filter: { author: null },
  cursor: { version: 3 },
  createdAt: 1_700_000_000_000,
  disabledAt: null,
})
