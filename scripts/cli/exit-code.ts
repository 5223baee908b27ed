import type { EvidenceVerdict } from '../../protocol/credentials/evidence-verdict.ts'
import type { Verdict } from '../../protocol/verdict.ts'

/** What every script's exit code means. */
export const EXIT = { consistent: 0, error: 1, contradicted: 2, notFound: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const BY_VERDICT: Record<Verdict, ExitCode> = {
  consistent: EXIT.consistent,
  changed: EXIT.contradicted,
  misreported: EXIT.contradicted,
  late: EXIT.contradicted,
  'suspended-author': EXIT.contradicted,
  unrecorded: EXIT.notFound,
  unconfirmed: EXIT.notFound,
  erased: EXIT.notFound,
  unreachable: EXIT.error,
}

export const exitCodeOf = (verdict: Verdict): ExitCode => BY_VERDICT[verdict]

const BY_EVIDENCE_VERDICT: Record<EvidenceVerdict, ExitCode> = {
  intact: EXIT.consistent,
  tampered: EXIT.contradicted,
  revoked: EXIT.contradicted,
  expired: EXIT.contradicted,
  missing: EXIT.notFound,
  unconfirmed: EXIT.notFound,
  erased: EXIT.notFound,
}

export const exitCodeOfEvidence = (verdict: EvidenceVerdict): ExitCode => BY_EVIDENCE_VERDICT[verdict]

/** Of several: a contradiction outweighs an error, an error outweighs what was not found. Nothing at all is not found. */
export function worstExitCode(codes: readonly ExitCode[]): ExitCode {
  for (const code of [EXIT.contradicted, EXIT.error, EXIT.notFound] as const)
    if (codes.includes(code)) return code
  return codes.length === 0 ? EXIT.notFound : EXIT.consistent
}
