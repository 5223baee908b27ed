import { setTimeout as sleep } from 'node:timers/promises'
import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { Standing } from './schemas.ts'

/** Where a chain stood when an answer was made. Kept as long as it holds: every answer carries it. */
export function standingOf(view: ChainView): Standing | undefined {
  const { checkpoint, config, state, completeness, tip, replica } = view
  if (checkpoint === undefined) return undefined
  const kept = standings.get(view)
  if (
    kept !== undefined &&
    kept.checkpoint === checkpoint &&
    kept.standing.state === state &&
    kept.standing.completeness === completeness &&
    kept.standing.tipBlock === tip?.number &&
    kept.standing.replica?.lagSeconds === replica?.lagSeconds
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
    ...(replica === undefined ? {} : { replica }),
  }
  standings.set(view, { checkpoint, standing })
  return standing
}

const standings = new WeakMap<ChainView, { checkpoint: object; standing: Standing }>()

/** Of every chain that has been read at all. */
export const standingsOf = (views: Iterable<ChainView>): Standing[] => {
  const made: Standing[] = []
  for (const view of views) {
    const standing = standingOf(view)
    if (standing !== undefined) made.push(standing)
  }
  return made
}

/** Views that are made from the store, and may be behind it. */
export interface RefreshableViews extends ReadonlyMap<number, ChainView> {
  /** Brings them up to the store as it is now, or later. */
  refresh?(): Promise<void>
}

const MAX_ATTEMPTS = 5
/** A rollback takes milliseconds: one that hangs in the store, or a chain that takes back more and more, holds no answer up for longer. */
const ROLLBACKS_MS = 5_000

/**
 * What `read` finds, with the standings it is true for: those from before it, as long as no chain moved on meanwhile. Rows of a later
 * block would do no harm; but that a row is missing may not be said of a block that it was not looked up at, nor one be found that
 * was taken back.
 * @param read given those standings; whatever else the views say in the answer, of finality say, is to be read within it
 * @throws what `read` throws, STORE_UNAVAILABLE when blocks were taken back all the time for `rollbacksMs`
 */
export async function atOneStanding<Found>(
  views: ReadonlyMap<number, ChainView>,
  read: (standings: Standing[]) => Promise<Found>,
  rollbacksMs = ROLLBACKS_MS,
): Promise<{ found: Found; standings: Standing[] }> {
  const deadline = performance.now() + rollbacksMs
  for (let attempt = 1; ; attempt++) {
    const standings = standingsOf(views.values())
    const rollbacks = rollbacksOf(views)
    let found: Found
    try {
      found = await read(standings)
    } catch (error) {
      // What was refused at one standing may be right at the next.
      await (views as RefreshableViews).refresh?.()
      if (await rollbacksShown(views, rollbacks, deadline)) continue
      if (attempt >= MAX_ATTEMPTS || areCurrent(standings, views)) throw error
      continue
    }
    // Who only reads learns from the store alone that it moved on.
    await (views as RefreshableViews).refresh?.()
    // Rows that a rollback took are gone before the view says so.
    if (await rollbacksShown(views, rollbacks, deadline)) continue
    if (attempt >= MAX_ATTEMPTS || areCurrent(standings, views)) return { found, standings }
  }
}

/**
 * Waits until the views show the rollbacks under way. @returns whether there were any, or `before` fewer than now
 * @throws STORE_UNAVAILABLE when there were, and it is past `deadline`
 */
async function rollbacksShown(
  views: ReadonlyMap<number, ChainView>,
  before: number,
  deadline: number,
): Promise<boolean> {
  const pending = [...views.values()].flatMap(({ changing }) => (changing === undefined ? [] : [changing]))
  if (pending.length === 0 && rollbacksOf(views) === before) return false
  const late = new AbortController()
  const timeLeft = sleep(Math.max(deadline - performance.now(), 0), undefined, { signal: late.signal })
  await Promise.race([Promise.all(pending), timeLeft])
  late.abort()
  await timeLeft.catch(() => {})
  if (performance.now() >= deadline)
    throw new CountersignError('STORE_UNAVAILABLE', 'blocks were being taken back the whole time')
  return true
}

function rollbacksOf(views: ReadonlyMap<number, ChainView>): number {
  let sum = 0
  for (const { reorganisations } of views.values()) sum += reorganisations
  return sum
}

function areCurrent(standings: readonly Standing[], views: ReadonlyMap<number, ChainView>): boolean {
  let i = 0
  for (const view of views.values()) {
    const standing = standingOf(view)
    if (standing !== undefined && standing !== standings[i++]) return false
  }
  return i === standings.length
}
