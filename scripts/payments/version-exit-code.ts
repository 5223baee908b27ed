import type { Verdict } from '../../protocol/verdict.ts'
import type { ReadVersion } from '../../web/order/read-history.ts'
import { standingOf, stepsOfVersion } from '../../web/order/version-steps.ts'
import type { VerificationVerdict } from '../../web/verification/verify-voucher.ts'
import { EXIT, type ExitCode, exitCodeOf } from '../cli/exit-code.ts'
import type { VerifiedHistory } from './order-lookup.ts'

/** What a version comes to, as scripts end: `sealed` when it is closed, `not-opened` for the code given, `unreadable` when it is no record. */
export type VersionVerdict = VerificationVerdict | 'sealed' | 'not-opened' | 'unreadable'

/**
 * What was found of a version, and how a script ends with it.
 * @throws whatever hindered asking the chain, CHAIN_UNREACHABLE for one
 */
export function exitCodeOfVersion(
  version: ReadVersion,
  history: VerifiedHistory,
): { verdict: VersionVerdict; exitCode: ExitCode } {
  const chain = history.chain.get(version.answer.entryDigest)
  const { reading } = version
  const steps = stepsOfVersion(version, history.answer, chain)
  const isFailed = standingOf(version, chain, steps) === 'failed'
  // The chain is not asked about strangers: what they write under an order id says nothing of it.
  if (chain === undefined && !history.answer.registered)
    return { verdict: 'unknown-office', exitCode: EXIT.contradicted }
  if (reading === 'sealed' || reading === 'not-opened') {
    if (isFailed) return { verdict: 'changed', exitCode: EXIT.contradicted }
    return { verdict: reading, exitCode: reading === 'sealed' ? EXIT.consistent : EXIT.error }
  }
  if (chain === undefined) return { verdict: 'unreadable', exitCode: EXIT.contradicted }
  if ('error' in chain) throw chain.error
  const { verdict } = chain.verification
  // A later version that is not shown leaves what is shown true, and not the last word.
  const isWithheld = steps.some(({ key }) => key === 'step.latest.failed')
  if (isFailed && !isContradicted(verdict))
    return { verdict: isWithheld ? 'superseded' : 'changed', exitCode: EXIT.contradicted }
  return { verdict, exitCode: isContradicted(verdict) ? EXIT.contradicted : exitCodeOf(asVerdict(verdict)) }
}

/** There is something else, or nothing, where the indexer shows a record. */
const isContradicted = (verdict: VerificationVerdict): boolean =>
  verdict === 'changed' || verdict === 'unrecorded' || verdict === 'unknown-office'

/** A version is no less true for a later one. */
const asVerdict = (verdict: VerificationVerdict): Verdict =>
  verdict === 'superseded' || verdict === 'unknown-office' ? 'consistent' : verdict
