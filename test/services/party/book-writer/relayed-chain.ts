import { type ChainRpc, connectChain } from '../../../../services/party/rpc.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { type RpcRelay, startRpcRelay } from '../../../support/rpc-relay.ts'

/** A chain, and a connection to it by way of a relay that may hide and alter what its node says. */
export interface RelayedChain {
  chain: AnvilChain
  relay: RpcRelay
  rpc: ChainRpc
  end(): Promise<void>
}

export async function startRelayedChain(): Promise<RelayedChain> {
  const chain = await startAnvil()
  const relay = await startRpcRelay(chain.url)
  const rpc = connectChain({ chainId: chain.chainId, rpcUrls: [relay.url], timeoutMs: 1_000 })
  return {
    ...{ chain, relay, rpc },
    async end() {
      rpc.destroy()
      await relay.stop()
      await chain.kill()
    },
  }
}
