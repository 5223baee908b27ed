import type { Verdict } from '../../protocol/verdict.ts'
import type { ReadVersion } from '../../web/order/read-history.ts'
import { standingOf, stepsOfVersion } from '../../web/order/version-steps.ts'
import type { VerificationVerdict } from '../../web/verification/verify-voucher.ts'
import { EXIT, type ExitCode, exitCodeOf } from '../cli/exit-code.ts'
import type { VerifiedHistory } from './order-lookup.ts'

/** What a version comes to, as scripts end: `sealed` when it was not opened, `unreadable` when its bytes are no record. */
export type VersionVerdict = VerificationVerdict | 'sealed' | 'unreadable'

/**
 * What was found of a version, and how a script ends with it.
 * @throws whatever hindered asking the chain, CHAIN_UNREACHABLE for one
 */
export function exitCodeOfVersion(
  version: ReadVersion,
  history: VerifiedHistory,
): { verdict: VersionVerdict; exitCode: ExitCode } {
  const chain = history.chain.get(version.answer.entryDigest)
  const standing = standingOf(version, chain, stepsOfVersion(version, history.answer, chain))
  if (version.reading === 'sealed' || version.reading === 'not-opened')
    return { verdict: 'sealed', exitCode: EXIT.consistent }
  if (chain === undefined) return { verdict: 'unreadable', exitCode: EXIT.contradicted }
  if ('error' in chain) throw chain.error
  const { verdict } = chain.verification
  if (standing === 'failed' && !isContradicted(verdict))
    return { verdict: 'changed', exitCode: EXIT.contradicted }
  return { verdict, exitCode: isContradicted(verdict) ? EXIT.contradicted : exitCodeOf(asVerdict(verdict)) }
}

/** There is something else, or nothing, where the indexer shows a record. */
const isContradicted = (verdict: VerificationVerdict): boolean =>
  verdict === 'changed' || verdict === 'unrecorded' || verdict === 'unknown-office'

/** A version is no less true for a later one. */
const asVerdict = (verdict: VerificationVerdict): Verdict =>
  verdict === 'superseded' || verdict === 'unknown-office' ? 'consistent' : verdict
