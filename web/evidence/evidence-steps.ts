import type { CredentialStanding } from '../../protocol/credentials/credential-standing.ts'
import { ZERO_BYTES32 } from '../../protocol/hex.ts'
import type { Check } from '../../protocol/verification.ts'
import type { TextKey } from '../language/en.ts'
import { isTextKey } from '../language/language.ts'
import type { Step } from '../order/version-steps.ts'

/** What a rule comes to on the page. */
export interface Finding {
  /** Start of the texts that say it: `evidence.<text>.title` and `evidence.<text>`. */
  text: FindingText
  tone: 'good' | 'doubtful' | 'bad'
}
export type FindingText = {
  [Key in TextKey]: Key extends `evidence.${infer Text}.title` ? Text : never
}[TextKey]

const FINDINGS: Readonly<Record<string, Finding>> = {
  'kept-signed-and-chain-agree': { text: 'intact', tone: 'good' },
  'content-or-metadata-differs': { text: 'otherFile', tone: 'bad' },
  'chain-has-another-digest': { text: 'otherRecord', tone: 'bad' },
  'revoked-on-chain': { text: 'revoked', tone: 'bad' },
  'past-its-expiry': { text: 'expired', tone: 'doubtful' },
  'not-on-chain': { text: 'pending', tone: 'doubtful' },
  'not-final': { text: 'notFinal', tone: 'doubtful' },
  'head-too-old': { text: 'oldHead', tone: 'doubtful' },
  'receipt-not-on-chain': { text: 'otherChain', tone: 'bad' },
  'credential-malformed': { text: 'malformed', tone: 'bad' },
  'credential-invalid': { text: 'invalid', tone: 'bad' },
  'unknown-issuer': { text: 'unknownIssuer', tone: 'bad' },
  'unknown-registry': { text: 'unknownRegistry', tone: 'bad' },
  'issuer-not-active': { text: 'notActive', tone: 'doubtful' },
  'content-not-checked': { text: 'noFile', tone: 'doubtful' },
}

export const findingOf = (rule: string): Finding => FINDINGS[rule]!

/** What later steps stand on: after one that failed, what is left was not looked at. */
const GATES = new Set(['document', 'digest', 'signature', 'record', 'issuer', 'known-registry'])

/**
 * The checks as steps. What waits for the chain is pending here; what was left out as an earlier step failed is said once.
 * @param standing null as long as it is not known
 */
export function stepsOfEvidence(checks: readonly Check[], standing: CredentialStanding | null): Step[] {
  const steps: Step[] = []
  let isCut = false
  let isSkipped = false
  let isPending = false
  for (const { name, outcome, detail } of checks) {
    if (outcome === 'not-checked') {
      if (name === 'record' && !isCut) isPending = true
      const key = [`evidence.step.${name}.not-checked`, `step.${name}.not-checked`].find(isTextKey)
      if (key !== undefined && (!isCut || name === 'content')) steps.push({ key, outcome, detail })
      else isSkipped ||= isCut || !isPending
      continue
    }
    isCut ||= outcome === 'failed' && GATES.has(name)
    const isWaiting = name === 'finality' || (name === 'registry' && isPending && isEmpty(standing))
    const shown = outcome === 'failed' && isWaiting ? 'pending' : outcome
    const isSlotless = name === 'registry' && shown === 'passed' && standing !== null && isEmpty(standing)
    const key = isSlotless ? 'evidence.step.registry.slotless' : (`evidence.step.${name}.${shown}` as TextKey)
    steps.push({ key, outcome: shown, detail })
  }
  if (isSkipped) steps.push({ key: 'step.skipped', outcome: 'not-checked' })
  return steps
}

/** Nothing speaks against a credential whose slot is empty, where it needs none or waits for it. */
const isEmpty = (standing: CredentialStanding | null): boolean =>
  standing === null || standing.held === ZERO_BYTES32
