import { ApiKeyStore } from '../../party/api-keys/api-key-store.ts'
import { GroupCommit } from '../../party/group-commit.ts'
import { genesisOfChain, type KeptGenesis } from '../../party/known-genesis.ts'
import type { ProxyScope } from '../api-key-scopes.ts'
import { AuditStore } from './audit-store.ts'
import { CampaignStore } from './campaign-store.ts'
import { openProxyDatabase } from './database.ts'
import { IdempotencyStore } from './idempotency-store.ts'
import { QueryStore } from './query-store.ts'

/** Everything the proxy keeps, in one database file. */
export interface ProxyStore {
  apiKeys: ApiKeyStore<ProxyScope>
  queries: QueryStore
  idempotency: IdempotencyStore
  audits: AuditStore
  campaigns: CampaignStore
  /** By which first block a chain is known that the queries and reports kept here are about. */
  genesisOf(chainId: number): KeptGenesis
  /** Applies a write in the next transaction; resolves when it is durable. */
  commit<T>(write: () => T): Promise<T>
  close(): Promise<void>
}

/** @throws DATABASE_IN_USE, DATABASE_NEWER */
export function openProxyStore(file: string): ProxyStore {
  const { db, close } = openProxyDatabase(file)
  const commits = new GroupCommit(db)
  return {
    apiKeys: new ApiKeyStore(db),
    queries: new QueryStore(db),
    idempotency: new IdempotencyStore(db),
    audits: new AuditStore(db),
    campaigns: new CampaignStore(db),
    genesisOf: (chainId) => genesisOfChain(db, chainId),
    commit: (write) => commits.write(write),
    async close() {
      await commits.drain()
      close()
    },
  }
}
