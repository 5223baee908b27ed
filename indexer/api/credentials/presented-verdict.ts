import {
  deriveEvidenceVerdict,
  type EvidenceVerdict,
  type VerdictEvidence,
} from '../../../protocol/credentials/evidence-verdict.ts'
import { isOldHead } from '../../../protocol/head-age.ts'
import type { Address, Bytes32 } from '../../../protocol/hex.ts'
import { type Participant, statusAt } from '../../projections/participants.ts'
import type { Book } from '../records.ts'
import type { HeadAnswer } from '../schemas.ts'
import type { CredentialAnswer } from './credential-schemas.ts'
import type { Presented, RegistryPlace } from './presented-credential.ts'

/** What the index has to hold it against. */
export interface IndexedEvidence {
  /** The one that counts. */
  credential: CredentialAnswer | undefined
  /** The root that the credential's own receipt leads to. */
  anchor: { block: { number: number; timestamp: number } } | undefined
  /** The issuer wrote more under the id than was looked at. */
  isTruncated: boolean
  /** That were searched. */
  books: readonly Book[]
  /** Of the issuer, in these. */
  heads: readonly HeadAnswer[]
}

export interface PresentedVerdict {
  verdict: EvidenceVerdict
  rule: string
  findings: string[]
  presentedDigest: Bytes32 | null
}

/** Of what an issuer wrote under one id: what is in the book that the directory named for it then, otherwise the earliest. */
export function credentialThatCounts(
  credentials: readonly CredentialAnswer[],
  place: RegistryPlace | undefined,
  participant: Participant | undefined,
): CredentialAnswer | undefined {
  if (place !== undefined)
    return credentials.find(
      ({ chainId, registry }) => chainId === place.chainId && registry === place.registry,
    )
  const timeOf = ({ issue, revocation }: CredentialAnswer): number => (issue ?? revocation!).block.timestamp
  const ordered = credentials.toSorted((a, b) => timeOf(a) - timeOf(b) || a.chainId - b.chainId)
  const isNamed = (credential: CredentialAnswer): boolean => {
    const named = participant?.books
      .filter(({ role, since }) => role === 'credentialIssuer' && since <= timeOf(credential))
      .at(-1)
    return named?.chainId === credential.chainId && named.registry === credential.registry
  }
  return ordered.find(isNamed) ?? ordered[0]
}

/** By the rules of every verification; what is presented takes the place of what an evidence server keeps. */
export function verdictOfPresented(presented: Presented, indexed: IndexedEvidence): PresentedVerdict {
  const { credential, anchor, books } = indexed
  const book = books.find(
    ({ view, registry }) =>
      credential === undefined ||
      (view.config.chainId === credential.chainId && registry === credential.registry),
  )
  const { signedDigest, place, checks } = presented
  // What a digest is depends on the registry: of several, none of which has the credential, it is left open.
  const digestPlace = place ?? (credential === undefined && books.length !== 1 ? undefined : placeOf(book))
  const hashes = digestPlace === undefined ? undefined : presented.hashesIn(digestPlace)
  const presentedDigest = hashes?.digest ?? null
  const say = (verdict: EvidenceVerdict, rule: string, more: readonly string[] = []): PresentedVerdict => ({
    ...{ verdict, rule, findings: [rule, ...more], presentedDigest },
  })
  if (book?.view.checkpoint === undefined) return say('unconfirmed', 'registry-not-indexed')
  const { number, timestamp, finalNumber } = book.view.checkpoint
  const issue = credential?.issue ?? null
  const digest = presentedDigest ?? ZERO_DIGEST
  const evidence: VerdictEvidence = {
    kept: {
      ...{ state: 'kept', digestNow: digest },
      contentHashNow: hashes?.contentHash ?? ZERO_DIGEST,
      metadataHashNow: hashes?.metadataHash ?? ZERO_DIGEST,
    },
    signedDigest: signedDigest ?? digest,
    recorded: recordedOf(issue, anchor, signedDigest ?? digest),
    revocation:
      credential?.revocation == null
        ? null
        : { reason: credential.revocation.reason ?? '', blockNumber: credential.revocation.block.number },
    expiresAt: earlier(presented.expiresAt, credential?.expiry?.expiresAt ?? null),
    // A chain may stand still while a credential expires.
    now: Math.max(Math.floor(Date.now() / 1000), timestamp),
    searchedTo: { blockNumber: number, timestamp },
    // As final as the index takes it to be, whichever way that is known of the chain.
    finalityDepth: Math.max(number - finalNumber, 0),
  }
  const { verdict, rule, findings } = deriveEvidenceVerdict(evidence)
  if (checks?.some(({ outcome }) => outcome === 'failed') === true)
    return say('tampered', 'credential-fails-its-checks', findings)
  // That nothing is there, no revocation either, may only be said by an index that has everything.
  if (verdict === 'intact' || rule === 'not-on-chain') {
    if (indexed.isTruncated || indexed.heads.some(({ completeness }) => completeness !== 'complete'))
      return say('unconfirmed', 'index-not-complete')
    if (books.some(({ view }) => view.state !== 'following'))
      return say('unconfirmed', 'index-behind-the-chain')
    if (isOldHead(timestamp, book.view.config.maxHeadAge)) return say('unconfirmed', 'head-too-old')
  }
  return { verdict, rule, findings, presentedDigest }
}

/** Who the issuer was when it wrote what is presented, whichever tier that is of. */
export function issuerOfPresented(
  participant: Participant | undefined,
  { credential, anchor }: Pick<IndexedEvidence, 'credential' | 'anchor'>,
) {
  const { block } = credential?.issue ?? anchor ?? credential?.revocation ?? {}
  const authorStatus = block === undefined ? null : statusAt(participant, block.timestamp)
  const registered = participant?.roles.includes('credentialIssuer') === true
  const isInactive = authorStatus !== null && authorStatus !== 'active'
  return {
    name: participant?.name ?? null,
    ...{ registered, authorStatus, suspended: authorStatus === 'suspended' },
    findings: registered ? (isInactive ? ['issuer-not-active'] : []) : ['unknown-issuer'],
  }
}

const ZERO_DIGEST: Bytes32 = `0x${'0'.repeat(64)}`

function recordedOf(
  issue: CredentialAnswer['issue'],
  anchor: IndexedEvidence['anchor'],
  leafDigest: Bytes32,
): VerdictEvidence['recorded'] {
  if (issue !== null)
    return { digest: issue.digest as Bytes32, blockNumber: issue.block.number, tier: issue.tier }
  // The receipt's Merkle proof was verified with this digest.
  if (anchor !== undefined) return { digest: leafDigest, blockNumber: anchor.block.number, tier: 'anchored' }
  return null
}

const placeOf = (book: Book | undefined): RegistryPlace | undefined =>
  book && { chainId: book.view.config.chainId, registry: book.registry as Address }

const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b)
