import type { Hex } from '../../protocol/hex.ts'
import { ChainIdentity } from '../chain/chain-identity.ts'
import type { ChainConfig } from '../chain/chain-view.ts'
import { createRpcClient, type RpcClient } from '../chain/rpc-client.ts'
import { RpcError } from '../chain/rpc-error.ts'
import type { IndexerConfig } from '../config.ts'
import type { IndexerMetrics } from '../metrics.ts'

/**
 * A reader's own way to a chain's nodes, for proofs: each is held to the chain that the writer indexed before it is believed.
 * @param genesisOf undefined while the writer has not read the chain
 */
export function createReaderRpc(
  config: ChainConfig,
  { requestTimeoutMs, rpcRequestsPerSecond, maxRangeBlocks }: IndexerConfig,
  metrics: IndexerMetrics,
  genesisOf: (chainId: number) => string | undefined,
): RpcClient {
  return createRpcClient({
    urls: config.rpcUrls,
    name: config.name,
    timeoutMs: requestTimeoutMs,
    requestsPerSecond: rpcRequestsPerSecond,
    maxRangeBlocks,
    identify(endpoint) {
      const genesis = genesisOf(config.chainId)
      if (genesis === undefined)
        throw new RpcError('unreachable', endpoint.name, `chain ${config.chainId} has not been indexed yet`)
      const identity = new ChainIdentity(config.chainId)
      identity.expect(genesis as Hex)
      return identity.check(endpoint)
    },
    onAnswer: (endpoint, seconds) => metrics.endpointAnswered(config.chainId, endpoint, seconds),
    onFailure: ({ endpoint, failure }) => metrics.endpointFailed(config.chainId, endpoint, failure),
    onAside: (endpoint, reason) => metrics.endpointAside(config.chainId, endpoint, reason),
  })
}
