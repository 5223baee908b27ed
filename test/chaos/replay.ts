import { setTimeout as sleep } from 'node:timers/promises'
import { startTestIndexer, testChain } from '../support/indexer.ts'
import type { ChaosChain } from './chain.ts'
import { FINALITY_DEPTH } from './script.ts'

const TIMEOUT_MS = 30_000

/** What a store must hold: the same chain, read from scratch with nothing in between. */
export async function replay({ anvil, contracts, truth }: ChaosChain): Promise<string[]> {
  const indexer = await startTestIndexer([testChain(anvil, contracts, { finalityDepth: FINALITY_DEPTH })])
  try {
    const view = indexer.views.get(anvil.chainId)!
    const isThere = () =>
      view.state === 'following' &&
      view.completeness === 'complete' &&
      Buffer.from(view.checkpoint!.hash).toString('hex') === truth.head.hash.slice(2)
    const deadline = Date.now() + TIMEOUT_MS
    while (!isThere()) {
      if (Date.now() > deadline)
        throw new Error(
          `the replay does not catch up: ${view.state}, ${view.completeness}, ${view.lastError}`,
        )
      await sleep(5)
    }
    const lines: string[] = []
    for await (const line of indexer.store.dump()) lines.push(line)
    return lines
  } finally {
    await indexer.stop()
  }
}
