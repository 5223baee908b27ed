import type { EvidenceVerdict } from '../../protocol/credentials/evidence-verdict.ts'
import type { CountersignError } from '../../protocol/errors.ts'
import type { Check } from '../../protocol/verification.ts'
import { EXIT, type ExitCode, exitCodeOfEvidence } from '../cli/exit-code.ts'

/**
 * What came of verifying a credential.
 * - `recorded`: the credential holds, and no content was held against it
 * - `refused`: it proves nothing, or not by an issuer and registry that are known
 * - `unknown`: the server has no such evidence
 * - `error`: it could not be told
 */
export type CredentialVerdict = EvidenceVerdict | 'recorded' | 'refused' | 'unknown' | 'error'

/** What was asked, and so how far a verdict reaches. */
export const SCOPES = {
  offline: 'the credential alone, up to the block hash',
  server: 'what the server keeps now, and the chain, as the server says and signs',
  everything:
    'what the server keeps now, as it says and signs; the credential, and a file where one was given, with nodes of the chain',
  chain: 'the credential, with nodes of the chain',
  file: 'the file here and the credential, with nodes of the chain',
} as const
export type Scope = keyof typeof SCOPES

export interface CredentialOutcome {
  /** The credential's file. */
  file: string
  /** Null when the file could not be read that far. */
  credentialId: string | null
  /** Of the document, as its client called it. */
  name: string | null
  verdict: CredentialVerdict
  /** What decided, or why there is no verdict. */
  rule: string
  scope: Scope
  checks: readonly Check[]
  /** Of a revoked one. */
  reason?: string
  error?: CountersignError
}

export function exitCodeOfOutcome({ verdict }: Pick<CredentialOutcome, 'verdict'>): ExitCode {
  if (verdict === 'recorded') return EXIT.consistent
  if (verdict === 'refused') return EXIT.contradicted
  if (verdict === 'unknown') return EXIT.notFound
  return verdict === 'error' ? EXIT.error : exitCodeOfEvidence(verdict)
}
