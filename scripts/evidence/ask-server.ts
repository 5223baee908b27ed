import { type EvidenceCredential, readCredential } from '../../protocol/credentials/evidence-credential.ts'
import {
  type EvidenceStatement,
  parseEvidenceStatement,
  serializeEvidenceStatement,
  verifyEvidenceStatement,
} from '../../protocol/credentials/evidence-statement.ts'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import type { Check } from '../../protocol/verification.ts'
import type { EvidenceClient } from '../cli/evidence-client.ts'
import type { CredentialOutcome } from './credential-outcome.ts'

/** The part of an outcome that the server's statement gives. */
export type ServerAnswer = Pick<CredentialOutcome, 'verdict' | 'rule' | 'checks' | 'reason'> & {
  /** Undefined when the server has no such evidence. */
  statement?: EvidenceStatement
}

/**
 * Has the server verify what it keeps. The server is not believed: its statement has to verify here, and to be of this very credential.
 * @throws what the server answers, PROOF_INVALID
 */
export async function askServer(
  client: EvidenceClient,
  credential: EvidenceCredential,
): Promise<ServerAnswer> {
  const { credentialId } = readCredential(credential)
  let answer: object
  try {
    answer = await client.verify(credentialId, credential)
  } catch (error) {
    if (!isCountersignError(error, 'EVIDENCE_NOT_FOUND')) throw error
    return { verdict: 'unknown', rule: 'no-such-evidence', checks: [] }
  }
  const statement = readStatement(answer)
  requireOf(statement, credential)
  const { verdict, checks } = await verifyEvidenceStatement(statement)
  if (verdict === null)
    throw new CountersignError('PROOF_INVALID', `the server's statement: ${firstFault(checks)}`)
  const { revocation } = statement.evidence
  return {
    ...{ verdict, rule: statement.rule, statement },
    checks: [
      ...checks.map((check) => ({ ...check, name: STEP_NAMES[check.name] ?? check.name })),
      ...hashesOf(statement, credential),
    ],
    ...(revocation !== null && { reason: revocation.reason }),
  }
}

/** What is wrong with it says nothing of the credential. @throws PROOF_INVALID */
function readStatement(answer: object): EvidenceStatement {
  try {
    return parseEvidenceStatement(serializeEvidenceStatement(answer as EvidenceStatement))
  } catch (cause) {
    throw new CountersignError('PROOF_INVALID', `the server's statement: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** The credential has steps of the same names. */
const STEP_NAMES: Readonly<Record<string, string>> = {
  document: 'statement',
  signature: 'statement-signature',
  verdict: 'statement-verdict',
}

function requireOf(statement: EvidenceStatement, credential: EvidenceCredential): void {
  const said = readCredential(credential)
  for (const member of ['chainId', 'registry', 'issuer', 'credentialId'] as const)
    if (statement[member] !== said[member])
      throw new CountersignError('PROOF_INVALID', `the server's statement is of another ${member}`)
  if (statement.evidence.signedDigest !== said.digest)
    throw new CountersignError('PROOF_INVALID', "the server's statement is of another digest")
}

/** What is kept beside what the credential says, as steps. */
function hashesOf({ evidence }: EvidenceStatement, credential: EvidenceCredential): Check[] {
  const said = readCredential(credential)
  const { kept, recorded, searchedTo } = evidence
  const step = (name: string, isSame: boolean, detail: string): Check => ({
    ...{ name, detail },
    outcome: isSame ? 'passed' : 'failed',
  })
  const steps: Check[] = []
  if (kept.state !== 'kept') steps.push(step('kept', false, `the content is ${kept.state}`))
  else {
    const { contentHashNow, metadataHashNow } = kept
    steps.push(
      step(
        'kept-content',
        contentHashNow === said.contentHash,
        `kept ${contentHashNow}, handed in ${said.contentHash}`,
      ),
      step(
        'kept-metadata',
        metadataHashNow === said.metadataHash,
        `kept ${metadataHashNow}, handed in ${said.metadataHash}`,
      ),
    )
  }
  const where = recorded === null ? 'nothing yet' : `${recorded.digest} in block ${recorded.blockNumber}`
  steps.push(
    step(
      'on-chain',
      recorded?.digest === said.digest,
      `the chain has ${where}, asked up to block ${searchedTo.blockNumber}`,
    ),
  )
  return steps
}

const firstFault = (checks: readonly Check[]): string | undefined =>
  checks.find(({ outcome }) => outcome === 'failed')?.detail
