import { eventTopic } from '../../protocol/event-topic.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import type { Projection } from '../projections/projection.ts'
import { type AuthorHead, EMPTY_HEAD_BYTES } from './chain-heads.ts'
import { readBytes32 } from './raw-log.ts'
import type { RpcClient } from './rpc-client.ts'
import { isRpcError } from './rpc-error.ts'

/** Whose head is asked for, and where. */
export interface HeadQuestion {
  contractAddress: Uint8Array
  author: Uint8Array
  /** Default `author`: a record book. */
  owner?: Projection['headOwner']
}

/** First four bytes of keccak256 of the signature: how a call names its function. */
const HEAD_OF = eventTopic('headOf(address)').slice(0, 10)
const HEAD_OF_DIRECTORY = eventTopic('headOfDirectory()').slice(0, 10)
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
  authors: readonly HeadQuestion[],
): Promise<Buffer[]> {
  const block = { blockHash: bytesToHex(blockHash) }
  const heads: Buffer[] = []
  for (let i = 0; i < authors.length; i += CALLS_A_REQUEST) {
    const calls = authors.slice(i, i + CALLS_A_REQUEST).map((asked) => headCall(asked, block))
    const answers = await rpc.withEndpoint(async (endpoint) =>
      (await endpoint.batch<unknown[]>(calls)).map((answer) => readBytes32(answer, 'headOf', endpoint.name)),
    )
    heads.push(...answers)
  }
  return heads
}

/**
 * The heads that the chain had of one author at several blocks.
 * @returns undefined when no endpoint has the state of all of them (any more): most keep that of the last 128 blocks
 * @throws RpcError when nobody answers at all
 */
export async function readPastHeads(
  rpc: RpcClient,
  asked: HeadQuestion,
  blocks: readonly PastBlock[],
): Promise<Uint8Array[] | undefined> {
  const calls = blocks.map(({ number, hash }) =>
    headCall(asked, hash === undefined ? toQuantity(number) : { blockHash: bytesToHex(hash) }),
  )
  try {
    return await rpc.withEndpoint(async (endpoint) =>
      (await endpoint.batch<unknown[]>(calls)).map((answer) =>
        // Nothing comes back from before the contract was there.
        answer === '0x' ? EMPTY_HEAD_BYTES : readBytes32(answer, 'headOf', endpoint.name),
      ),
    )
  } catch (error) {
    if (isRpcError(error) && NO_STATE.includes(error.failure)) return undefined
    throw error
  }
}

export interface PastBlock {
  number: number
  /** Where the block may still be replaced. */
  hash?: Uint8Array | undefined
}

const NO_STATE: readonly string[] = ['not-found', 'refused', 'malformed']

const headCall = ({ contractAddress, author, owner }: HeadQuestion, block: unknown) => ({
  method: 'eth_call',
  params: [
    {
      to: bytesToHex(contractAddress),
      data:
        owner === 'contract'
          ? HEAD_OF_DIRECTORY
          : `${HEAD_OF}${ADDRESS_PADDING}${bytesToHex(author).slice(2)}`,
    },
    block,
  ],
})

export const isHeadEqual = (author: AuthorHead, chainHead: Uint8Array): boolean =>
  Buffer.compare(author.head, chainHead) === 0
