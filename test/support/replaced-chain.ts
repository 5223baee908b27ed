import type { Bytes32 } from '../../protocol/hex.ts'
import { type AnvilChain, startAnvil } from './anvil.ts'
import { type RpcRelay, startRpcRelay } from './rpc-relay.ts'

/** A chain behind a relay, and one that was started afresh under its id, which can take its place. */
export interface ReplacedChain {
  chain: AnvilChain
  /** Nothing is on it. */
  afresh: AnvilChain
  /** Before the chain, until it is replaced. */
  relay: RpcRelay
  /** Which of the two answers at the relay's URL from here on. Connections end, as those of a node that is replaced do. */
  becomes(target: AnvilChain): void
  /** Ends all but the chain. */
  end(): Promise<void>
}

/** @param chain of anvil's usual id, and of now */
export async function replaceChain(chain: AnvilChain): Promise<ReplacedChain> {
  const afresh = await startAnvil({ flags: ['--timestamp', '1700000000'] })
  const relay = await startRpcRelay(chain.url)
  return {
    chain,
    afresh,
    relay,
    becomes(target) {
      relay.retarget(target.url)
      relay.disconnect()
    },
    async end() {
      await relay.stop()
      await afresh.kill()
    },
  }
}

/** Hash of a chain's first block. */
export const genesisOf = async (chain: AnvilChain): Promise<Bytes32> =>
  (await chain.request<{ hash: Bytes32 }>('eth_getBlockByNumber', ['0x0', false])).hash
