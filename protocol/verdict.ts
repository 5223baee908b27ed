import { isErased } from './audit-statement.ts'
import type { Bytes32, Hex } from './hex.ts'
import type { ParticipantStatus } from './roles.ts'

/**
 * What an audit can say, never a bare boolean.
 * - `consistent`: what the user was given, what is on chain and what is said now agree
 * - `changed`: what is said now differs from the chain
 * - `misreported`: what the user was given differs from the chain
 * - `late`: recorded after the deadline it was promised for
 * - `unrecorded`: not on chain, and no promise is still open
 * - `unconfirmed`: not on chain yet within the promise, or not final yet
 * - `unreachable`: the author gave no usable answer to the audit
 * - `erased`: the author destroyed content and salt share; the digest can no longer be linked to anything
 * - `suspended-author`: all agree, but the author was not active in the directory when it recorded
 */
export const VERDICTS = [
  'consistent',
  'changed',
  'misreported',
  'late',
  'unrecorded',
  'unconfirmed',
  'unreachable',
  'erased',
  'suspended-author',
] as const
export type Verdict = (typeof VERDICTS)[number]

/** The rules, in the order in which the first that holds decides. Each gives its verdict and says when it holds. */
const RULES: readonly { rule: string; verdict: Verdict; holds: (evidence: AuditEvidence) => boolean }[] = [
  {
    rule: 'promise-still-open',
    verdict: 'unconfirmed',
    holds: (e) => e.recorded === null && isPromiseOpen(e),
  },
  { rule: 'nothing-on-chain', verdict: 'unrecorded', holds: (e) => e.recorded === null && !isPromiseOpen(e) },
  { rule: 'record-not-final', verdict: 'unconfirmed', holds: isNotFinal },
  {
    rule: 'given-differs-from-chain',
    verdict: 'misreported',
    holds: ({ given, recorded }) => given !== null && recorded !== null && given.digest !== recorded.digest,
  },
  {
    rule: 'no-answer-to-the-audit',
    verdict: 'unreachable',
    holds: ({ now }) => now.outcome === 'unreachable',
  },
  {
    rule: 'author-erased-it',
    verdict: 'erased',
    holds: ({ now }) => now.outcome === 'answered' && isErased(now),
  },
  {
    rule: 'stored-answer-differs-from-chain',
    verdict: 'changed',
    holds: (e) => differsNow(e, 'storedDigest'),
  },
  {
    rule: 'derived-answer-differs-from-chain',
    verdict: 'changed',
    holds: (e) => differsNow(e, 'derivedDigest'),
  },
  { rule: 'recorded-after-the-promise', verdict: 'late', holds: isLate },
  {
    rule: 'author-not-active-when-recording',
    verdict: 'suspended-author',
    holds: ({ recorded, authorStatus }) => recorded !== null && authorStatus !== 'active',
  },
]
const AGREEMENT = { rule: 'given-chain-and-now-agree', verdict: 'consistent' } as const

/** Block producers' clocks may run ahead; a strict record may carry a time this many seconds after its answer. */
export const CLOCK_TOLERANCE_S = 15

/** The answer the user was given, as its provider signed it. */
export interface GivenAnswer {
  digest: Bytes32
  /** Unix seconds. */
  answeredAt: number
  /** Unix seconds; zero when it was on chain before the answer. */
  recordBy: number
  signature: Hex
}

/** What the author says when audited, or that it says nothing usable. */
export type AnswerNow =
  | {
      outcome: 'answered'
      storedDigest: Bytes32
      derivedDigest: Bytes32
      nonce: Bytes32
      /** Unix seconds. */
      answeredAt: number
      signature: Hex
    }
  | { outcome: 'unreachable'; reason: string }

/** Everything a verdict is derived from. */
export interface AuditEvidence {
  /** Null when the provider gave the user no answer. */
  given: GivenAnswer | null
  /** The first digest on chain under this author and serial. */
  recorded: { digest: Bytes32; blockNumber: number; timestamp: number } | null
  /** The block up to which the chain was read. */
  searchedTo: { blockNumber: number; timestamp: number }
  /** Blocks after which a block is final. */
  finalityDepth: number
  now: AnswerNow
  /** The author's status in the directory when it recorded; now, when nothing is recorded. */
  authorStatus: ParticipantStatus
}

export interface DerivedVerdict {
  verdict: Verdict
  /** The rule that decided. */
  rule: string
  /** Every rule that holds, the deciding one first. */
  findings: string[]
}

/** Derives the verdict of an audit. The same evidence gives the same verdict to everybody. */
export function deriveVerdict(evidence: AuditEvidence): DerivedVerdict {
  const held = RULES.filter(({ holds }) => holds(evidence))
  const deciding = held[0] ?? AGREEMENT
  return { verdict: deciding.verdict, rule: deciding.rule, findings: held.map(({ rule }) => rule) }
}

function isPromiseOpen({ given, searchedTo }: AuditEvidence): boolean {
  return given !== null && given.recordBy > 0 && searchedTo.timestamp <= given.recordBy
}

function isNotFinal({ recorded, searchedTo, finalityDepth }: AuditEvidence): boolean {
  return recorded !== null && recorded.blockNumber + finalityDepth > searchedTo.blockNumber
}

function differsNow({ now, recorded }: AuditEvidence, digest: 'storedDigest' | 'derivedDigest'): boolean {
  return recorded !== null && now.outcome === 'answered' && !isErased(now) && now[digest] !== recorded.digest
}

function isLate({ given, recorded }: AuditEvidence): boolean {
  return given !== null && recorded !== null && isRecordedLate(given, recorded.timestamp)
}

/** True when a record of `timestamp` breaks the promise made with the answer (all in unix seconds). */
export const isRecordedLate = (
  promise: Pick<GivenAnswer, 'answeredAt' | 'recordBy'>,
  timestamp: number,
): boolean => timestamp > lastTimeOf(promise)

/** The latest time, in unix seconds, that a record may carry and keep the promise made with the answer. */
export const lastTimeOf = ({ answeredAt, recordBy }: Pick<GivenAnswer, 'answeredAt' | 'recordBy'>): number =>
  recordBy === 0 ? answeredAt + CLOCK_TOLERANCE_S : recordBy
