import { eventTopic } from '../../protocol/event-topic.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import type { AuthorHead } from './chain-heads.ts'
import { readBytes32 } from './raw-log.ts'
import type { RpcClient } from './rpc-client.ts'

/** First four bytes of keccak256 of the signature: how a call names its function. */
const HEAD_OF = eventTopic('headOf(address)').slice(0, 10)
const ADDRESS_PADDING = '0'.repeat(24)
const CALLS_A_REQUEST = 100

/**
 * The heads that the chain has at a block, in the order of `authors`. Asked by block hash: after a reorganisation the
 * node refuses instead of answering for another block.
 * @throws RpcError; `not-found` when the node does not have the block or its state (any more)
 */
export async function readChainHeads(
  rpc: RpcClient,
  blockHash: Uint8Array,
  authors: readonly { contractAddress: Uint8Array; author: Uint8Array }[],
): Promise<Buffer[]> {
  const block = { blockHash: bytesToHex(blockHash) }
  const heads: Buffer[] = []
  for (let i = 0; i < authors.length; i += CALLS_A_REQUEST) {
    const calls = authors.slice(i, i + CALLS_A_REQUEST).map(({ contractAddress, author }) => ({
      method: 'eth_call',
      params: [
        {
          to: bytesToHex(contractAddress),
          data: `${HEAD_OF}${ADDRESS_PADDING}${bytesToHex(author).slice(2)}`,
        },
        block,
      ],
    }))
    const answers = await rpc.withEndpoint(async (endpoint) =>
      (await endpoint.batch<unknown[]>(calls)).map((answer) => readBytes32(answer, 'headOf', endpoint.name)),
    )
    heads.push(...answers)
  }
  return heads
}

export const isHeadEqual = (author: AuthorHead, chainHead: Uint8Array): boolean =>
  Buffer.compare(author.head, chainHead) === 0
