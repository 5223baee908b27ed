import { LIMIT_DIALECTS } from './fault-dialects.ts'
import { fractionOf, type Random } from './fault-random.ts'

/** Everything that an endpoint may do wrong, by name. */
export const FAULTS = {
  'http-429': 'too many requests, without saying for how long',
  'http-429-retry-after': 'too many requests, with Retry-After',
  'http-5xx': 'an error of the server, with a page of HTML',
  'time-out': 'no answer',
  'half-body': 'the connection ends in the middle of the answer',
  'malformed-json': 'an answer that is not JSON',
  'connection-cut': 'the connection ends without an answer',
  'batch-refused': 'a batch is answered with one error object',
  'batch-shuffled': 'the answers of a batch come in another order, which JSON-RPC allows',
  'batch-incomplete': 'one answer of a batch is missing',
  'range-too-large': 'a limit of blocks or logs a request, enforced, in the words of a real service',
  'block-not-found': 'the newest block is announced before it can be read',
  'old-head': 'answers like a node some blocks behind',
  'other-chain': 'answers from another chain',
  'drop-some-logs': 'leaves single logs out',
  'drop-all-logs': 'leaves all logs of an answer out',
  'drop-block-logs': 'leaves all logs of single blocks out',
  'duplicate-logs': 'logs come twice',
  'reorder-logs': 'logs come in another order',
  'alter-log': 'a log has other data than on chain',
  'wrong-type': 'null, a number for a string, an object for an array, or a member missing',
  'subscription-refused': 'no WebSocket',
  'subscription-cut': 'the connection ends when a block should be announced',
  'subscription-silent': 'blocks are not announced',
  'subscription-repeated': 'blocks are announced twice',
  'subscription-out-of-order': 'blocks are announced after the next one',
} as const
export type FaultName = keyof typeof FAULTS
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[]

/** Only what follows from JSON: a plan that was printed can be played again. */
export interface PlannedFault {
  fault: FaultName
  /** How likely it strikes a request, a log or an announcement. */
  probability: number
  /** Active from this step of the run to that one, both included. */
  fromStep: number
  toStep: number
  /** Position of the endpoint; all of them when left out. */
  endpoint?: number
  /** Once struck, the same request or log is struck each time, as when an endpoint's own index has a gap. */
  sticky?: boolean
  /** Of `range-too-large`: which words, and how many blocks or logs. */
  dialect?: number
  limit?: number
  /** Of `old-head`: how many blocks behind. */
  depth?: number
}

export interface FaultPlan {
  seed: string
  faults: PlannedFault[]
}

export const NO_FAULTS: FaultPlan = { seed: '', faults: [] }

/** A few faults, each for some of the steps, at one endpoint or at all. */
export function randomFaultPlan(
  random: Random,
  {
    steps,
    endpoints,
    names = FAULT_NAMES,
  }: { steps: number; endpoints: number; names?: readonly FaultName[] },
): FaultPlan {
  const faults = Array.from({ length: random.integer(2, 8) }, (): PlannedFault => {
    const fault = random.pick(names)
    const fromStep = random.integer(0, Math.max(steps - 2, 0))
    return {
      fault,
      probability: random.pick([0.05, 0.2, 0.5, 0.9]),
      fromStep,
      toStep: Math.min(fromStep + random.integer(2, 10), steps - 1),
      ...(random.chance(0.5) ? { endpoint: random.integer(0, endpoints - 1) } : {}),
      ...(random.chance(0.5) ? { sticky: true } : {}),
      ...(fault === 'range-too-large'
        ? { dialect: random.integer(0, LIMIT_DIALECTS.length - 1), limit: random.pick([1, 3, 10, 50]) }
        : {}),
      ...(fault === 'old-head' ? { depth: random.integer(1, 6) } : {}),
    }
  })
  return { seed: random.fork('faults').seed, faults }
}

/** Decides, for one endpoint, which faults strike. */
export interface FaultDecisions {
  /** Faults that are planned for now, whether or not they strike. */
  planned(name: FaultName): PlannedFault[]
  /** The first planned fault of this name that strikes what `key` names. */
  strikes(name: FaultName, key: string): PlannedFault | undefined
  /** From 0 to below 1: how exactly it strikes. */
  variant(name: FaultName, key: string): number
  /** How often each struck. */
  readonly struck: Map<FaultName, number>
}

const MAX_COUNTED = 100_000

export function faultDecisions(plan: FaultPlan, endpoint: number, step: () => number): FaultDecisions {
  const asked = new Map<string, number>()
  const struck = new Map<FaultName, number>()
  const planned = (name: FaultName) =>
    plan.faults.filter(
      (fault) =>
        fault.fault === name &&
        (fault.endpoint ?? endpoint) === endpoint &&
        step() >= fault.fromStep &&
        step() <= fault.toStep,
    )
  // What is asked about decides, and how often it was asked: not what else is asked at the same time.
  const time = (name: FaultName, key: string): number => {
    if (asked.size > MAX_COUNTED) asked.clear()
    const times = (asked.get(name + key) ?? 0) + 1
    asked.set(name + key, times)
    return times
  }
  return {
    planned,
    strikes(name, key) {
      const active = planned(name)
      if (active.length === 0) return undefined
      const times = time(name, key)
      const found = active.find(
        ({ sticky, probability }) =>
          fractionOf(plan.seed, endpoint, name, key, sticky === true ? 0 : times) < probability,
      )
      if (found !== undefined) struck.set(name, (struck.get(name) ?? 0) + 1)
      return found
    },
    variant: (name, key) => fractionOf(plan.seed, endpoint, 'variant', name, key, asked.get(name + key) ?? 0),
    struck,
  }
}
