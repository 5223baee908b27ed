import type { ChainView } from '../chain/chain-view.ts'

/**
 * Up to which block of each chain events may be called final. Not while the index differs from the chain, or has not been
 * compared with it: a record that a node left out would come late, and one that it made up would have to be taken back.
 */
export function settledBlocks(views: Iterable<ChainView>): Map<number, number> {
  const settled = new Map<number, number>()
  for (const { config, checkpoint, completeness, state } of views)
    if (checkpoint !== undefined && completeness === 'complete' && state !== 'stopped')
      settled.set(config.chainId, Math.min(checkpoint.finalNumber, checkpoint.number))
  return settled
}
