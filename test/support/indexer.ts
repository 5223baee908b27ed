import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { IndexerConfig } from '../../indexer/config.ts'
import { type RunningIndexer, startIndexer } from '../../indexer/indexer.ts'
import type { AddressBook } from '../../protocol/address-book.ts'
import type { AnvilChain } from './anvil.ts'
import type { DeployedContracts } from './contracts.ts'
import { eventually } from './eventually.ts'

export interface TestChain {
  chainId: number
  rpcUrls: string[]
  contracts: DeployedContracts
  finalityDepth?: number
  finalizedTag?: true
  webSocketUrls?: string[]
  name?: string
}

/** The chain as the indexer is told of it; `rpcUrl` when it shall go through a relay. */
export const testChain = (
  chain: AnvilChain,
  contracts: DeployedContracts,
  { rpcUrl, finalityDepth }: { rpcUrl?: string; finalityDepth?: number } = {},
): TestChain => ({
  chainId: chain.chainId,
  rpcUrls: [rpcUrl ?? chain.url],
  contracts,
  finalityDepth: finalityDepth ?? 0,
})

/** The directory is on the first chain. */
export function addressBookOf(chains: readonly TestChain[]): AddressBook {
  const first = chains[0]!
  return {
    version: 1,
    directory: { chainId: first.chainId, address: first.contracts.ParticipantDirectory },
    chains: chains.map(({ chainId, rpcUrls, contracts, finalityDepth, name, ...optional }) => {
      const { startBlock, ...addresses } = contracts
      return {
        chainId,
        name: name ?? `chain-${chainId}`,
        rpcUrls,
        ...optional,
        finalityDepth: finalityDepth ?? 0,
        contracts: Object.fromEntries(
          Object.entries(addresses).map(([kind, address]) => [kind, { address, startBlock }]),
        ),
      }
    }),
  }
}

export const databasePath = (): string => join(mkdtempSync(join(tmpdir(), 'indexer-')), 'index.db')

export const testConfig = (
  chains: readonly TestChain[],
  overrides: Partial<IndexerConfig> = {},
): IndexerConfig => ({
  addressBook: addressBookOf(chains),
  host: '127.0.0.1',
  port: 0,
  database: databasePath(),
  role: 'writer',
  pollMs: 20,
  readerPollMs: 20,
  completenessCheckMs: 300,
  requestTimeoutMs: 2_000,
  logLevel: 'silent',
  rpcRequestsPerSecond: 0,
  maxRangeBlocks: 100_000,
  webSocket: true,
  ratePerMinute: 0,
  corsOrigins: [],
  trustedProxies: [],
  maxStreams: 200,
  adminToken: undefined,
  storageRootMaxRecords: 2_000_000,
  feedKeepDays: 7,
  ...overrides,
})

export const startTestIndexer = (
  chains: readonly TestChain[],
  overrides: Partial<IndexerConfig> = {},
): Promise<RunningIndexer> => startIndexer(testConfig(chains, overrides), pino({ level: 'silent' }))

/** Waits until the index stands at the chain's head and every author's head is the chain's. */
export async function caughtUp(indexer: RunningIndexer, chain: AnvilChain): Promise<void> {
  const view = indexer.views.get(chain.chainId)!
  await eventually(`chain ${chain.chainId} is indexed to its head and complete`, async () => {
    const head = await chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
    const indexed = view.checkpoint && `0x${Buffer.from(view.checkpoint.hash).toString('hex')}`
    return indexed === head.hash && view.state === 'following' && view.completeness === 'complete'
  })
}

/** What the index of these chains must be: made anew, with nothing between indexer and chain. */
export async function replayDump(
  chains: readonly { chain: AnvilChain; contracts: DeployedContracts; finalityDepth?: number }[],
): Promise<string[]> {
  const replay = await startTestIndexer(
    chains.map(({ chain, contracts, finalityDepth }) =>
      testChain(chain, contracts, finalityDepth === undefined ? {} : { finalityDepth }),
    ),
  )
  try {
    for (const { chain } of chains) await caughtUp(replay, chain)
    return await dumpOf(replay)
  } finally {
    await replay.stop()
  }
}

export const dumpOf = (indexer: RunningIndexer): Promise<string[]> => Array.fromAsync(indexer.store.dump())
