import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { buildEventProof, type EventProof } from '../../protocol/event-proof.ts'
import { type Bytes32, bytesToHex } from '../../protocol/hex.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import type { RawBlock, RawReceipt } from '../../protocol/raw-rpc.ts'
import { digestSlot } from '../../protocol/record-slots.ts'
import { buildStorageProof, type StorageProof } from '../../protocol/storage-proof.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { RpcClient } from '../chain/rpc-client.ts'
import { isRpcError } from '../chain/rpc-error.ts'

/** Where an event stands. */
export interface EventPlace {
  chainId: number
  transactionHash: string
  block: { hash: string }
  logIndex: number
}

/** Whose book in which registry. */
export interface BookPlace {
  chainId: number
  registry: string
  author: string
}

/** Makes proofs from the chain when they are asked for, and keeps the last ones. */
export interface Proofs {
  /** That the block has the record's event. @throws PROOF_UNAVAILABLE */
  event(record: EventPlace): Promise<EventProof>
  /** That the book's storage has the record's digest at the checkpoint; published records have no slot. @throws PROOF_UNAVAILABLE */
  storage(book: BookPlace, key: Bytes32): Promise<StorageProof>
}

const KEPT_PROOFS = 2_000
/** Of `_digests` in a `RecordBook`; stated in its interface and tested there. */
const DIGESTS_SLOT = 2
const RECEIPTS_A_REQUEST = 100

export function createProofs(
  views: ReadonlyMap<number, ChainView>,
  rpcOf: (chainId: number) => RpcClient,
): Proofs {
  const kept = new Map<string, Promise<EventProof>>()

  async function makeEventProof(record: EventPlace): Promise<EventProof> {
    const { block, receipts } = await readBlockWithReceipts(rpcOf(record.chainId), record.block.hash)
    const receipt = receipts.find(({ transactionHash }) => transactionHash === record.transactionHash)
    const logs = (receipt?.logs ?? []) as { logIndex?: unknown }[]
    const logPosition = logs.findIndex(({ logIndex }) => logIndex === toQuantity(record.logIndex))
    if (logPosition < 0)
      throw new CountersignError(
        'PROOF_UNAVAILABLE',
        `the node does not show log ${record.logIndex} in transaction ${record.transactionHash}`,
      )
    return buildEventProof({
      block,
      receipts,
      transactionHash: record.transactionHash as Bytes32,
      logPosition,
    })
  }

  return {
    event(record) {
      const name = `${record.chainId}:${record.block.hash}:${record.logIndex}`
      let proof = kept.get(name)
      if (proof === undefined) {
        proof = orUnavailable(() => makeEventProof(record))
        if (kept.size >= KEPT_PROOFS) kept.delete(kept.keys().next().value!)
        kept.set(name, proof)
        // A failure is not kept: the next one who asks may be luckier.
        proof.catch(() => kept.delete(name))
      }
      return proof
    },
    storage({ chainId, registry, author }, key) {
      const checkpoint = views.get(chainId)!.checkpoint!
      const slot = digestSlot(author as Bytes32, key, DIGESTS_SLOT)
      return orUnavailable(async () => {
        const hash = bytesToHex(checkpoint.hash)
        const [proof, block] = await rpcOf(chainId).batch<[RawBlock | null, RawBlock | null]>([
          { method: 'eth_getProof', params: [registry, [slot], toQuantity(checkpoint.number)] },
          { method: 'eth_getBlockByHash', params: [hash, false] },
        ])
        if (proof === null || block === null)
          throw new CountersignError('PROOF_UNAVAILABLE', `the node does not serve block ${hash}`)
        return buildStorageProof({ block, proof, slot })
      })
    },
  }
}

async function readBlockWithReceipts(
  rpc: RpcClient,
  blockHash: string,
): Promise<{ block: RawBlock; receipts: RawReceipt[] }> {
  return rpc.withEndpoint(async (endpoint) => {
    const block = await endpoint.request<RawBlock | null>('eth_getBlockByHash', [blockHash, false])
    if (block === null) throw new CountersignError('PROOF_UNAVAILABLE', `the node has no block ${blockHash}`)
    const receipts = await endpoint
      .request<RawReceipt[] | null>('eth_getBlockReceipts', [blockHash])
      .catch((error: unknown) => {
        // Not every node has the method.
        if (isRpcError(error, 'refused') || isRpcError(error, 'not-found')) return null
        throw error
      })
    if (receipts !== null) return { block, receipts }
    const hashes = Array.isArray(block.transactions) ? block.transactions : []
    const single: RawReceipt[] = []
    for (let i = 0; i < hashes.length; i += RECEIPTS_A_REQUEST)
      single.push(
        ...(await endpoint.batch<RawReceipt[]>(
          hashes
            .slice(i, i + RECEIPTS_A_REQUEST)
            .map((hash) => ({ method: 'eth_getTransactionReceipt', params: [hash] })),
        )),
      )
    return { block, receipts: single }
  })
}

/** A node that cannot or will not prove is no fault of whoever asked. */
async function orUnavailable<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (cause) {
    if (isCountersignError(cause, 'PROOF_UNAVAILABLE')) throw cause
    if (isRpcError(cause) || isCountersignError(cause))
      throw new CountersignError('PROOF_UNAVAILABLE', 'the node did not give what the proof is made of', {
        cause,
      })
    throw cause
  }
}
