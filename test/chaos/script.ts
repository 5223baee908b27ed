import { type FaultName, type FaultPlan, randomFaultPlan } from '../support/fault-plan.ts'
import { type Random, seededRandom } from '../support/fault-random.ts'
import { randomEntry } from './serials.ts'

export interface WrittenEntry {
  key: `0x${string}`
  digest: `0x${string}`
}

/** One transaction; `author` and `account` are positions among the accounts of the chain. */
export type Write =
  | { write: 'record'; author: number; entries: WrittenEntry[] }
  | { write: 'publish'; author: number; entries: WrittenEntry[] }
  | { write: 'anchor'; author: number; root: `0x${string}`; leafCount: number }
  | { write: 'register'; account: number }
  | { write: 'update'; account: number; name: string }
  | { write: 'setStatus'; account: number; status: number }

export type Step =
  /** A block each, with these transactions. */
  | { step: 'mine'; blocks: Write[][] }
  /** The chain replaces its last blocks by as many others at once, `times` times in a row. */
  | { step: 'reorganise'; depth: number; times: number; writes: Write[] }
  /** The chain takes its last blocks back, and after a while goes on otherwise. */
  | { step: 'cutBack'; depth: number; pauseMs: number; blocks: Write[][] }
  | { step: 'kill' }
  | { step: 'stop' }
  /** `listen`: the next step waits until it listens. */
  | { step: 'start'; listen: boolean }
  | { step: 'wait'; ms: number }

/** All of a run that follows from its seed; what takes how long does not, which is why a run is not repeated exactly. */
export interface Script {
  seed: string
  /** Of the indexer, by position. */
  endpoints: number
  /** Written before the indexer first starts. */
  history: Write[][]
  steps: Step[]
  faults: FaultPlan
}

export const AUTHORS = 6
export const FINALITY_DEPTH = 8

export function scriptOf(seed: string, names?: readonly FaultName[]): Script {
  const random = seededRandom(seed)
  const writes = random.fork('writes')
  const known: WrittenEntry[] = []
  const block = () => Array.from({ length: writes.integer(0, 3) }, () => randomWrite(writes, known))
  const blocks = (most: number) => Array.from({ length: writes.integer(1, most) }, block)
  const history = [[{ write: 'register', account: 1 } as const], ...blocks(40)]

  const order = random.fork('steps')
  const steps: Step[] = [{ step: 'start', listen: order.chance(0.8) }]
  let isRunning = true
  const count = order.integer(14, 24)
  while (steps.length < count) {
    const kind = isRunning
      ? order.pick(['mine', 'mine', 'mine', 'reorganise', 'reorganise', 'cutBack', 'process'])
      : order.pick(['mine', 'reorganise', 'cutBack', 'process', 'process'])
    if (kind === 'mine') steps.push({ step: 'mine', blocks: blocks(order.chance(0.2) ? 45 : 4) })
    if (kind === 'reorganise')
      steps.push({
        step: 'reorganise',
        depth: order.integer(1, FINALITY_DEPTH),
        times: order.chance(0.3) ? order.integer(2, 4) : 1,
        writes: block(),
      })
    if (kind === 'cutBack')
      steps.push({
        step: 'cutBack',
        depth: order.integer(1, FINALITY_DEPTH),
        pauseMs: order.integer(0, 100),
        blocks: blocks(6),
      })
    if (kind === 'process') {
      steps.push(
        isRunning
          ? { step: order.chance(0.7) ? 'kill' : 'stop' }
          : { step: 'start', listen: order.chance(0.7) },
      )
      isRunning = !isRunning
    }
    steps.push({ step: 'wait', ms: order.pick([0, 10, 50, 150, 250]) })
  }
  const endpoints = order.integer(1, 2)
  const faults = randomFaultPlan(random.fork('plan'), {
    steps: steps.length,
    endpoints,
    ...(names === undefined ? {} : { names }),
  })
  return { seed, endpoints, history, steps, faults }
}

/**
 * Of a batch no entry is written again: it would fail as a whole, and anvil then keeps the slots that it read before, as zeros, in
 * its storage trie. No other chain does, and no storage root is right after it.
 * @param known entries written so far: some are written again, by the same author or another
 */
function randomWrite(random: Random, known: WrittenEntry[]): Write {
  const author = random.integer(1, AUTHORS)
  const entries = (most: number, repeats = true): WrittenEntry[] =>
    Array.from({ length: random.integer(1, most) }, () => {
      const isAgain = repeats && known.length > 0 && random.chance(0.15)
      const entry = isAgain ? random.pick(known) : randomEntry(random)
      known.push(entry)
      return entry
    })
  switch (random.pick(['record', 'record', 'batch', 'publish', 'anchor', 'directory'])) {
    case 'record':
      return { write: 'record', author, entries: entries(1) }
    case 'batch':
      return { write: 'record', author, entries: entries(8, false) }
    case 'publish':
      return { write: 'publish', author, entries: entries(6) }
    case 'anchor':
      return { write: 'anchor', author, root: random.hex(32), leafCount: random.integer(1, 1_000) }
    default:
      return random.pick<Write>([
        { write: 'register', account: author },
        { write: 'update', account: author, name: `author ${random.integer(0, 999)}` },
        { write: 'setStatus', account: author, status: random.integer(1, 2) },
      ])
  }
}
