import { bytesToHex } from '../../protocol/hex.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { Standing } from './schemas.ts'

/** Where a chain stood when an answer was made. Kept as long as it holds: every answer carries it. */
export function standingOf(view: ChainView): Standing | undefined {
  const { checkpoint, config, state, completeness, tip } = view
  if (checkpoint === undefined) return undefined
  const kept = standings.get(view)
  if (
    kept !== undefined &&
    kept.checkpoint === checkpoint &&
    kept.standing.state === state &&
    kept.standing.completeness === completeness &&
    kept.standing.tipBlock === tip?.number
  )
    return kept.standing
  const standing: Standing = {
    chainId: config.chainId,
    chain: config.name,
    block: { number: checkpoint.number, hash: bytesToHex(checkpoint.hash), timestamp: checkpoint.timestamp },
    finalBlock: Math.min(checkpoint.finalNumber, checkpoint.number),
    ...(tip === undefined ? {} : { tipBlock: tip.number }),
    state,
    completeness,
  }
  standings.set(view, { checkpoint, standing })
  return standing
}

const standings = new WeakMap<ChainView, { checkpoint: object; standing: Standing }>()

/** Of every chain that has been read at all. */
export const standingsOf = (views: Iterable<ChainView>): Standing[] =>
  [...views].flatMap((view) => standingOf(view) ?? [])
