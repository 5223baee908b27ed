import { CountersignError } from '../../../protocol/errors.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT'])

/** An operating system's or a connection's error as ours, without paths in its message. */
export function storeFailure(cause: unknown): CountersignError {
  if (cause instanceof CountersignError) return cause
  const code = String((cause as { code?: unknown })?.code ?? 'unknown')
  return FULL.has(code)
    ? new CountersignError('EVIDENCE_STORE_FULL', 'no room is left for the content', { cause })
    : new CountersignError('EVIDENCE_STORE_UNAVAILABLE', `the content store failed: ${code}`, { cause })
}
