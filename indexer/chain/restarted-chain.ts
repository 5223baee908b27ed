import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import { readHeader } from './raw-log.ts'
import type { SyncContext } from './sync-context.ts'

/**
 * Whether the node behind a chain began anew: same genesis block, but nothing is left of what was indexed as final, and
 * it is not catching up either. Asks every endpoint; one that still has the blocks, or says it is syncing, is enough
 * for a no.
 * @returns the alarm to show, or undefined
 */
export async function restartedChain({
  config,
  store,
  rpc,
  view,
}: SyncContext): Promise<CountersignError | undefined> {
  const checkpoint = view.checkpoint!
  const finalNumber = Math.min(checkpoint.number, checkpoint.finalNumber)
  const final = await store.findBlock(config.chainId, finalNumber)
  if (final === undefined) return undefined
  const answers = await rpc.withEach(async (endpoint) => {
    const [latest, known] = await endpoint.batch<[unknown, unknown]>([
      { method: 'eth_getBlockByNumber', params: ['latest', false] },
      { method: 'eth_getBlockByHash', params: [bytesToHex(final.hash), false] },
    ])
    const head = readHeader(latest, endpoint.name).number
    if (known !== null || head >= finalNumber) return undefined
    // A node that does not know the question is a development node, which does not sync.
    const syncing = await endpoint.request('eth_syncing', []).catch(() => false)
    return syncing === false ? head : undefined
  })
  const heads = answers.flatMap(({ result }) => (result === undefined ? [] : [result]))
  if (heads.length === 0 || heads.length < answers.length) return undefined
  return new CountersignError(
    'CHAIN_RESTARTED_EMPTY',
    `the node of chain ${config.chainId} has nothing of what is indexed: its head is block ${Math.max(...heads)}, block ${finalNumber} was final`,
  )
}
