import { fsck } from '../../indexer/operations/fsck/fsck.ts'
import { checkOffline } from '../../indexer/operations/fsck/offline-check.ts'
import { openStore } from '../../indexer/store/open-store.ts'
import type { AnvilChain } from './anvil.ts'
import type { DeployedContracts } from './contracts.ts'
import { caughtUp, startTestIndexer, testChain, testConfig } from './indexer.ts'

interface Indexed {
  chain: AnvilChain
  contracts: DeployedContracts
}

/** Indexes a chain into an empty database, and stops. */
export async function indexInto(database: string, { chain, contracts }: Indexed): Promise<void> {
  const indexer = await startTestIndexer([testChain(chain, contracts)], { database })
  await caughtUp(indexer, chain)
  await indexer.stop()
}

/** The tables that fsck names, each with its reason where it gives one, beside the chain and without it. */
export async function fsckFindings(
  database: string,
  { chain, contracts }: Indexed,
): Promise<{ online: string[]; offline: string[] }> {
  const store = await openStore(database)
  const config = testConfig([testChain(chain, contracts)], { database })
  const tables = ({ listed }: Awaited<ReturnType<typeof fsck>>) => [
    ...new Set(listed.map(({ table, reason = '' }) => `${table} ${reason}`.trim())),
  ]
  try {
    return { online: tables(await fsck(store, config)), offline: tables(await checkOffline(store)) }
  } finally {
    await store.close()
  }
}
