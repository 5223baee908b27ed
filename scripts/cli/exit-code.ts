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
