import type { ChainHeads } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import { readLogRanges } from './log-source.ts'
import type { RpcClient } from './rpc-client.ts'

export interface UnknownAuthors {
  authors: Uint8Array[]
  /** Who answered. */
  endpoints: string[]
}

/** So many at once: the rest is found when these are repaired. */
const MAX_AUTHORS = 10_000

/**
 * Reads the logs of a book again and looks only at who wrote them: whoever is there and has nothing in the index.
 * @param avoid endpoints that are asked only when no other answers
 * @param maxBlocks of one question: who cuts long answers short, and does not say so, has all of a short one
 */
export async function findUnknownAuthors(
  { rpc, heads, signal }: { rpc: RpcClient; heads: ChainHeads; signal: AbortSignal },
  { stored, projection }: IndexedContract,
  range: { from: number; to: number },
  avoid: ReadonlySet<string>,
  maxBlocks = Number.POSITIVE_INFINITY,
): Promise<UnknownAuthors> {
  const filter = {
    address: [`0x${Buffer.from(stored.address).toString('hex')}`],
    topics: [[...projection.events.keys()]],
  }
  const preferring: RpcClient = { ...rpc, withEndpoint: (task) => rpc.withEndpoint(task, avoid) }
  const found = new Set<string>()
  const endpoints = new Set<string>()
  for await (const { logs, endpoint } of readLogRanges({
    rpc: preferring,
    filter,
    ...range,
    maxBlocks,
    signal,
  })) {
    endpoints.add(endpoint)
    for (const { topics } of logs) {
      // The author is the second indexed value of every event of a book.
      const author = topics[2]?.slice(26).toLowerCase()
      if (author?.length !== 40 || found.size >= MAX_AUTHORS) continue
      if ((heads.find(stored.contractId, author)?.entryCount ?? 0) === 0) found.add(author)
    }
  }
  return { authors: [...found].map((author) => Buffer.from(author, 'hex')), endpoints: [...endpoints] }
}
