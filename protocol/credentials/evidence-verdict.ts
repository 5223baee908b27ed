import type { Bytes32 } from '../hex.ts'
import type { CredentialTier } from './credential-event.ts'

/**
 * What verifying a piece of evidence can say.
 * - `intact`: what is kept gives the digest that the credential carries and the chain has
 * - `tampered`: what is kept, what the issuer signed and what the chain has do not agree
 * - `missing`: the content is not where it was kept
 * - `revoked`: the issuer took the credential back, with a reason on chain
 * - `expired`: the credential ceased to be valid
 * - `unconfirmed`: not on chain yet, or not final yet
 * - `erased`: content and salt share were destroyed by request; the digest can no longer be linked to anything
 */
export const EVIDENCE_VERDICTS = [
  'intact',
  'tampered',
  'missing',
  'revoked',
  'expired',
  'unconfirmed',
  'erased',
] as const
export type EvidenceVerdict = (typeof EVIDENCE_VERDICTS)[number]

/** What the issuer has of the content at the time of verification. The hashes are of what was read again, not remembered. */
export type KeptEvidence =
  | { state: 'kept'; contentHashNow: Bytes32; metadataHashNow: Bytes32; digestNow: Bytes32 }
  | { state: 'missing' }
  | { state: 'erased' }

/** Everything a verdict is derived from. */
export interface VerdictEvidence {
  kept: KeptEvidence
  /** The digest in the credential that the issuer signed. */
  signedDigest: Bytes32
  /** The first digest on chain under this issuer and credential. */
  recorded: { digest: Bytes32; blockNumber: number; tier: CredentialTier } | null
  revocation: { reason: string; blockNumber: number } | null
  /** Unix seconds; null when the credential does not expire. */
  expiresAt: number | null
  /** Unix seconds: the time of the block searched to. */
  now: number
  /** The block up to which the chain was read. */
  searchedTo: { blockNumber: number; timestamp: number }
  /** Blocks after which a block is final. */
  finalityDepth: number
}

/** The rules, in the order in which the first that holds decides. */
const RULES: readonly {
  rule: string
  verdict: EvidenceVerdict
  holds: (evidence: VerdictEvidence) => boolean
}[] = [
  { rule: 'erased-by-issuer', verdict: 'erased', holds: ({ kept }) => kept.state === 'erased' },
  { rule: 'content-not-found', verdict: 'missing', holds: ({ kept }) => kept.state === 'missing' },
  {
    rule: 'content-or-metadata-differs',
    verdict: 'tampered',
    holds: ({ kept, signedDigest }) => kept.state === 'kept' && kept.digestNow !== signedDigest,
  },
  {
    rule: 'chain-has-another-digest',
    verdict: 'tampered',
    holds: ({ signedDigest, recorded }) => recorded !== null && recorded.digest !== signedDigest,
  },
  { rule: 'revoked-on-chain', verdict: 'revoked', holds: ({ revocation }) => revocation !== null },
  {
    rule: 'past-its-expiry',
    verdict: 'expired',
    holds: ({ expiresAt, now }) => expiresAt !== null && now >= expiresAt,
  },
  { rule: 'not-on-chain', verdict: 'unconfirmed', holds: ({ recorded }) => recorded === null },
  {
    rule: 'not-final',
    verdict: 'unconfirmed',
    holds: ({ recorded, searchedTo, finalityDepth }) =>
      recorded !== null && recorded.blockNumber + finalityDepth > searchedTo.blockNumber,
  },
]
const AGREEMENT = { rule: 'kept-signed-and-chain-agree', verdict: 'intact' } as const

export interface DerivedEvidenceVerdict {
  verdict: EvidenceVerdict
  /** The rule that decided. */
  rule: string
  /** Every rule that holds, the deciding one first. */
  findings: string[]
}

/** Derives the verdict of a verification. The same evidence gives the same verdict to everybody. */
export function deriveEvidenceVerdict(evidence: VerdictEvidence): DerivedEvidenceVerdict {
  const held = RULES.filter(({ holds }) => holds(evidence))
  const deciding = held[0] ?? AGREEMENT
  return { verdict: deciding.verdict, rule: deciding.rule, findings: held.map(({ rule }) => rule) }
}
