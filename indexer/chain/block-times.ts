import { toQuantity } from '../../protocol/quantity.ts'
import type { CommitDraft } from './commit-draft.ts'
import type { BlocksWithoutTime } from './decode-logs.ts'
import { readHeader } from './raw-log.ts'
import type { RpcClient } from './rpc-client.ts'
import { RpcError } from './rpc-error.ts'

const HEADERS_A_REQUEST = 100

/** Asks for the headers of blocks whose logs came without a time, and adds the blocks to the draft. */
export async function readBlockTimes(
  rpc: RpcClient,
  blocks: BlocksWithoutTime,
  draft: CommitDraft,
): Promise<void> {
  const numbers = [...blocks.keys()]
  for (let i = 0; i < numbers.length; i += HEADERS_A_REQUEST) {
    const asked = numbers.slice(i, i + HEADERS_A_REQUEST)
    await rpc.withEndpoint(async (endpoint) => {
      const answers = await endpoint.batch<unknown[]>(
        asked.map((number) => ({ method: 'eth_getBlockByNumber', params: [toQuantity(number), false] })),
      )
      answers.forEach((answer, at) => {
        const number = asked[at]!
        const header = readHeader(answer, endpoint.name)
        const { hash } = blocks.get(number)!
        if (Buffer.compare(Buffer.from(header.hash.slice(2), 'hex'), hash) !== 0)
          throw new RpcError(
            'contradiction',
            endpoint.name,
            `${endpoint.name}: logs and header of block ${number} name different hashes`,
          )
        draft.blocks.set(number, { number, hash, timestamp: header.timestamp })
      })
    })
  }
}
