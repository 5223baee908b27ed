import { CountersignError } from '../../../protocol/errors.ts'
import { readBlockHeaders } from '../../chain/block-source.ts'
import type { RpcClient } from '../../chain/rpc-client.ts'
import type { StoreReader } from '../../store/store.ts'
import { type AsOfBound, parseAsOf } from '../as-of.ts'
import type { BlockBound } from '../cursor.ts'

/** Unix seconds by chain. */
export type ChainTimes = readonly (readonly [chainId: number, time: number])[]

/** Tells, of each chain, whether a time had come at the block that an answer stands at. */
export interface StateClock {
  /** @throws PROOF_UNAVAILABLE when it depends on the time of a block that the index does not keep, and no node tells it */
  hasCome(time: bigint, chainId: number): Promise<boolean>
}

/** Of an answer that stands at these times. */
export const clockOf = (times: ChainTimes): StateClock => ({
  hasCome: async (time, chainId) => times.some(([id, now]) => id === chainId && BigInt(now) >= time),
})

/** Of an answer with `asOf`: as of a time that is the time; as of a block, the block's. */
export function clockAsOf(
  asOf: string,
  bounds: readonly AsOfBound[],
  rpcOf: (chainId: number) => RpcClient,
): StateClock {
  const point = parseAsOf(asOf)
  if ('timestamp' in point) return clockOf(bounds.map(({ chainId }) => [chainId, point.timestamp]))
  const read = new Map<number, Promise<number>>()
  return {
    async hasCome(time, chainId) {
      const bound = bounds.find((candidate) => candidate.chainId === chainId)
      if (bound === undefined) return false
      const { block, number, view } = bound
      // Between two kept blocks the index knows no times; it lies between theirs.
      if (block !== undefined && BigInt(block.timestamp) >= time) return true
      if (block?.number === number || BigInt(view.checkpoint!.timestamp) < time) return false
      let own = read.get(chainId)
      if (own === undefined) {
        own = timeOfBlock(rpcOf(chainId), number)
        read.set(chainId, own)
      }
      return BigInt(await own) >= time
    },
  }
}

/** Of the last blocks of bounds, which are kept while they are bounds. */
export async function timesAt(bounds: readonly BlockBound[], store: StoreReader): Promise<ChainTimes> {
  const times: [number, number][] = []
  for (const { chainId, number } of bounds) {
    const block = await store.findLastBlock(chainId, number)
    if (block !== undefined) times.push([chainId, block.timestamp])
  }
  return times
}

async function timeOfBlock(rpc: RpcClient, number: number): Promise<number> {
  try {
    const [header] = await rpc.withEndpoint((endpoint) => readBlockHeaders(endpoint, number, number))
    return header!.timestamp
  } catch (cause) {
    throw new CountersignError('PROOF_UNAVAILABLE', `no node tells the time of block ${number}`, { cause })
  }
}
