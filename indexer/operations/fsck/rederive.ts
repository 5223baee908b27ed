import type { Logger } from 'pino'
import { bytesToHex, type Hex, hexToBytes } from '../../../protocol/hex.ts'
import { readBlockHeaders } from '../../chain/block-source.ts'
import { ChainHeads } from '../../chain/chain-heads.ts'
import { ChainIdentity } from '../../chain/chain-identity.ts'
import type { ChainConfig, ChainView, CompletenessState } from '../../chain/chain-view.ts'
import { ChainWriter } from '../../chain/chain-writer.ts'
import { Completeness } from '../../chain/completeness.ts'
import { followContracts, toFollowed } from '../../chain/contracts.ts'
import { blockOf } from '../../chain/linked-headers.ts'
import { RangeReader } from '../../chain/range-reader.ts'
import { createRpcClient } from '../../chain/rpc-client.ts'
import { isRpcError } from '../../chain/rpc-error.ts'
import type { SyncContext } from '../../chain/sync-context.ts'
import type { IndexerConfig } from '../../config.ts'
import { createMetrics } from '../../metrics.ts'
import type { Store } from '../../store/store.ts'

export interface RederiveDeps {
  store: Store
  settings: IndexerConfig
  log: Logger
  signal: AbortSignal
  progress: (block: number) => void
}

export interface Rederived {
  /** Of the block up to which was read, as the chain has it. */
  hash: Hex
  /** `complete`: what was read is held against the heads on chain at that block; `unverified`: its state is not to be had any more. */
  completeness: CompletenessState
  view: ChainView
}

/** Indexes a chain from its beginning up to a block, into a store that has nothing of it. @throws RpcError, CHAIN_REPLACED */
export async function rederive(
  config: ChainConfig,
  genesisHash: Hex,
  upTo: number,
  deps: RederiveDeps,
): Promise<Rederived> {
  const { store, settings, log, signal } = deps
  const identity = new ChainIdentity(config.chainId)
  identity.expect(genesisHash)
  const rpc = createRpcClient({
    urls: config.rpcUrls,
    name: config.name,
    timeoutMs: settings.requestTimeoutMs,
    requestsPerSecond: settings.rpcRequestsPerSecond,
    maxRangeBlocks: settings.maxRangeBlocks,
    identify: (endpoint) => identity.check(endpoint),
  })
  try {
    const view: ChainView = {
      config,
      state: 'syncing',
      checkpoint: undefined,
      tip: undefined,
      heads: ChainHeads.load([], []),
      completeness: 'unverified',
      contracts: [],
      alarm: undefined,
      lastError: undefined,
      reorganisations: 0,
      endpoints: rpc.health,
    }
    const { Registry } = await import('prom-client')
    const metrics = createMetrics(new Registry())
    const context: SyncContext = { config, store, rpc, view, log, metrics, signal }
    const completeness = new Completeness({
      ...context,
      checkEveryMs: 0,
      expectedAuthors: async () => [],
      onRepair: () => {},
    })
    const onCommit = () => deps.progress(view.checkpoint!.number)
    const writer = new ChainWriter({ ...context, completeness, onCommit })
    const ranges = new RangeReader(context, writer)

    const first = Math.max(Math.min(...config.contracts.map(({ startBlock }) => startBlock)) - 1, 0)
    const start = Math.min(first, upTo)
    const [header] = await rpc.withEndpoint((endpoint) => readBlockHeaders(endpoint, start, start))
    const checkpoint = { ...blockOf(header!), finalNumber: start }
    await store.createChain({ chainId: config.chainId, genesisHash: hexToBytes(genesisHash), checkpoint })
    view.checkpoint = checkpoint
    view.contracts = await followContracts(config, store, checkpoint)
    for (const contract of view.contracts) await ranges.catchUp(contract)
    await ranges.backfill(toFollowed(view.contracts), upTo)
    // A node that has dropped the block's state cannot tell its heads; what was read may be right all the same.
    await completeness.checkAll().catch((error: unknown) => {
      if (!isRpcError(error, 'not-found')) throw error
    })
    return { hash: bytesToHex(view.checkpoint.hash), completeness: view.completeness, view }
  } finally {
    await rpc.close()
  }
}
