import { readChainHeads } from '../../indexer/chain/head-check.ts'
import { repairAuthor } from '../../indexer/chain/repair.ts'
import { createRpcClient } from '../../indexer/chain/rpc-client.ts'
import { ServedBy } from '../../indexer/chain/served-by.ts'
import type { RunningIndexer } from '../../indexer/indexer.ts'
import type { Store } from '../../indexer/store/store.ts'
import { type Address, hexToBytes } from '../../protocol/hex.ts'
import type { AnvilChain } from './anvil.ts'

/** Settings with which nothing is compared again by itself, so that a test repairs by hand. */
export const NEVER_COMPARED = { completenessCheckMs: 3_600_000, storageRootMaxRecords: 0 }

/** Holds an author's rows in the one book of this kind against the chain, from its start, and repairs them. */
export async function repairByHand(
  { chain, indexer }: { chain: AnvilChain; indexer: RunningIndexer },
  kind: string,
  account: Address,
): Promise<{ missing: number; surplus: number }> {
  const view = indexer.views.get(chain.chainId)!
  const contract = view.contracts.find(({ projection }) => projection.kind === kind)!
  const { contractId, address } = contract.stored
  const author = view.heads.find(contractId, account.slice(2).toLowerCase())!
  const { number, hash, finalNumber } = view.checkpoint!
  const rpc = createRpcClient({ urls: [chain.url], name: 'repair' })
  const [chainHead] = await readChainHeads(rpc, hash, [
    { contractAddress: address, author: hexToBytes(account) },
  ])
  try {
    return await repairAuthor(
      {
        ...{ author, contract, chainHead: chainHead!, toBlock: number, finalNumber },
        ...{ usesHistory: true, isFromStart: true },
      },
      {
        ...{ store: indexer.store as Store, rpc, chainId: chain.chainId },
        signal: new AbortController().signal,
        served: new ServedBy(),
        exclusively: (write) => write(),
        rolledBackTo: () => Number.POSITIVE_INFINITY,
        checkpoint: () => number,
        onRows: async () => {},
        onHeads: () => {},
      },
    )
  } finally {
    await rpc.close()
  }
}
