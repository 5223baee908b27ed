import { isCountersignError } from '../../protocol/errors.ts'
import type { PaymentTier } from '../../protocol/payments/payment-event.ts'
import type { TextKey } from '../language/en.ts'
import { isTextKey, type Values } from '../language/language.ts'
import { NodesDisagree } from '../verification/agreeing-nodes.ts'
import type { VerificationVerdict, VoucherVerification } from '../verification/verify-voucher.ts'
import type { HistoryAnswer } from './order-answer.ts'
import type { Reading, ReadVersion } from './read-history.ts'

/** One thing that was looked at, in words, with the figures for who wants them. */
export interface Step {
  key: TextKey
  outcome: 'passed' | 'failed' | 'pending' | 'not-checked'
  /** Names a text that stands in the step's own as `{reason}`. */
  reason?: Message
  values?: Values
  detail?: string
}

export interface Message {
  key: TextKey
  values?: Values
}

/** What the chain said of a version, or why it was not asked. */
export type ChainAnswer = { verification: VoucherVerification } | { error: unknown } | undefined

/** What a version comes to for whoever only looks at its badge. */
export type VersionStanding = 'proven' | 'pending' | 'flagged' | 'failed' | 'sealed' | 'unchecked'

/** What says that content and chain contradict each other; anything else that fails is a reservation. */
const CONTRADICTIONS = new Set([
  'content',
  'entry',
  'known-registry',
  'known-office',
  'registry',
  'event',
  'block',
  'latest',
  'first-recorded',
])

/** That a code does not open a record says nothing against the record. */
const CONTENT_OUTCOMES = {
  read: 'passed',
  sealed: 'not-checked',
  'not-opened': 'not-checked',
  contradicts: 'failed',
  unreadable: 'failed',
} as const satisfies Record<Reading, Step['outcome']>

export function errorMessage(error: unknown): Message {
  if (error instanceof NodesDisagree) return { key: 'error.disagree' }
  const code = isCountersignError(error) ? error.code : 'INTERNAL'
  const key = `error.${code}`
  return isTextKey(key) ? { key } : { key: 'error.other', values: { code } }
}

/** Which text says a verdict: a published record cannot be shown to be the only one of its version. */
export const verdictText = (
  verdict: VerificationVerdict,
  tier: PaymentTier,
): VerificationVerdict | 'published' =>
  verdict === 'consistent' && tier === 'published' ? 'published' : verdict

/** The checks of a voucher as steps. A block that is there but not final passes there, and is pending here. */
export function stepsOfVerification({ checks, verdict }: VoucherVerification, tier: PaymentTier): Step[] {
  const steps: Step[] = []
  let isSkipped = false
  for (const { name, outcome, detail } of checks) {
    if (outcome === 'not-checked') {
      const key = `step.${name}.not-checked`
      if (isTextKey(key)) steps.push({ key, outcome, detail })
      else isSkipped = true
      continue
    }
    const shown = name === 'finality' && verdict === 'unconfirmed' ? 'pending' : outcome
    const isSlotless = name === 'registry' && outcome === 'passed' && tier === 'published'
    const key = isSlotless ? 'step.registry.published' : (`step.${name}.${shown}` as TextKey)
    steps.push({ key, outcome: shown, detail })
  }
  if (isSkipped) steps.push({ key: 'step.skipped', outcome: 'not-checked' })
  return steps
}

export function stepsOfVersion(
  { answer, reading, entryMatches }: ReadVersion,
  { registered, versions }: Pick<HistoryAnswer, 'registered' | 'versions'>,
  chain: ChainAnswer,
): Step[] {
  const counted = (version: number) => versions.find((other) => other.version === version && !other.repeated)
  const contentOutcome = CONTENT_OUTCOMES[reading]
  const step = (name: string, holds: boolean, detail?: string): Step => ({
    key: `step.${name}.${holds ? 'passed' : 'failed'}` as TextKey,
    outcome: holds ? 'passed' : 'failed',
    ...(detail === undefined ? {} : { detail }),
  })
  const steps: Step[] = [
    { key: `step.content.${contentOutcome}`, outcome: contentOutcome, detail: answer.digest },
    step('entry', entryMatches, answer.entryDigest),
  ]
  if (chain !== undefined && 'verification' in chain) {
    const { isSuperseded, recordedAt } = chain.verification
    steps.push(...stepsOfVerification(chain.verification, answer.tier))
    // The registry gives each version one place: what follows this one there has to be shown.
    if (recordedAt !== null && counted(answer.version + 1) === undefined)
      steps.push(step('latest', !isSuperseded))
  } else {
    const isFinal = answer.finality === 'final'
    if (chain !== undefined)
      steps.push({ key: 'step.node.not-checked', outcome: 'not-checked', reason: errorMessage(chain.error) })
    steps.push(step('known-office', registered))
    steps.push({
      key: isFinal ? 'step.indexer.passed' : 'step.indexer.pending',
      outcome: isFinal ? 'passed' : 'pending',
      values: { block: answer.block.number },
      detail: answer.block.hash,
    })
    steps.push(step('office-status', !answer.suspended))
  }
  steps.push(step('completeness', answer.completeness === 'complete'))
  // The registry takes a version once: only one that was published before can have been written before.
  const isImpossible = answer.tier === 'recorded' && counted(answer.version)?.tier !== 'published'
  if (answer.repeated) steps.push(step(isImpossible ? 'first-recorded' : 'first', false))
  if (answer.late) steps.push(step('order', false))
  return steps
}

export function standingOf(
  version: ReadVersion,
  chain: ChainAnswer,
  steps: readonly Step[],
): VersionStanding {
  const failed = steps.filter(({ outcome }) => outcome === 'failed')
  if (failed.some(({ key }) => CONTRADICTIONS.has(key.split('.')[1]!))) return 'failed'
  if (version.record === null) return 'sealed'
  if (failed.length > 0) return 'flagged'
  if (steps.some(({ outcome }) => outcome === 'pending')) return 'pending'
  return chain !== undefined && 'verification' in chain ? 'proven' : 'unchecked'
}
