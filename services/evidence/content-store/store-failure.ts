import { CountersignError } from '../../../protocol/errors.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT'])

/**
 * An operating system's or a connection's error as ours. Of the cause only codes are kept: its message has the path, and so the hash of
 * a content, by which a guessed one could be confirmed in a log after it was erased.
 */
export function storeFailure(cause: unknown): CountersignError {
  if (cause instanceof CountersignError) return cause
  const { code: known, syscall } = (cause ?? {}) as { code?: unknown; syscall?: unknown }
  const code = String(known ?? 'unknown')
  const options = { cause: { code, syscall } }
  return FULL.has(code)
    ? new CountersignError('EVIDENCE_STORE_FULL', 'no room is left for the content', options)
    : new CountersignError('EVIDENCE_STORE_UNAVAILABLE', `the content store failed: ${code}`, options)
}
