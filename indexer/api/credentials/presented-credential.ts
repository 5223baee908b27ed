import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import { checkCredential, readCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { evidenceDigest } from '../../../protocol/credentials/evidence-digest.ts'
import {
  checkEvidenceMetadata,
  expiresAtOf,
  metadataHashOf,
} from '../../../protocol/credentials/evidence-metadata.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { verifyEventProof } from '../../../protocol/event-proof.ts'
import { type Address, type Bytes32, toAddress, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import type { Check } from '../../../protocol/verification.ts'
import type { Book } from '../records.ts'

/** A registry of one chain. */
export interface RegistryPlace {
  chainId: number
  registry: Address
}

export interface PresentedHashes {
  contentHash: Bytes32
  metadataHash: Bytes32
  digest: Bytes32
}

/** What somebody holds in hand, to be compared with the chain. */
export interface Presented {
  credentialId: string
  issuer: Address
  /** The only registry that it may be in; undefined: any. */
  place: RegistryPlace | undefined
  /** What it comes to in a registry. Of a bare digest, the hashes are zero. */
  hashesIn(place: RegistryPlace): PresentedHashes
  /** What the issuer signed; undefined: nothing signed is presented. */
  signedDigest: Bytes32 | undefined
  /** Unix seconds, by what is presented; null: never. */
  expiresAt: number | null
  /** Of a whole credential. */
  checks: Check[] | undefined
  /** The anchored root that a verified receipt leads to. */
  root: Bytes32 | undefined
}

export interface PresentedBody {
  credential?: object
  credentialId?: string
  issuer?: string
  digest?: string
  contentHash?: string
  metadataHash?: string
  metadata?: object
  salt?: string
}

/** @throws REQUEST_INVALID, CREDENTIAL_INVALID, EVIDENCE_METADATA_INVALID, ADDRESS_MALFORMED; none says what was sent */
export async function readPresented(body: PresentedBody): Promise<Presented> {
  const { credential, ...members } = body
  const given = new Set(
    Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [name])),
  )
  const isJust = (...names: string[]) => given.size === names.length && names.every((name) => given.has(name))
  if (credential !== undefined && given.size === 0) return readWhole(credential)
  if (credential === undefined && isJust('credentialId', 'issuer', 'digest')) return readDigest(body)
  const parts = ['credentialId', 'issuer', 'contentHash', 'salt']
  if (credential === undefined && (isJust(...parts, 'metadataHash') || isJust(...parts, 'metadata')))
    return readParts(body)
  throw new CountersignError(
    'REQUEST_INVALID',
    'body must have either credential; or credentialId, issuer and digest; or credentialId, issuer, contentHash, salt and one of metadataHash and metadata',
  )
}

async function readWhole(value: object): Promise<Presented> {
  const credential = checkCredential(value)
  const content = readCredential(credential)
  const { verdict, checks } = await verifyCredential(credential)
  const { chainId, registry, issuer, credentialId, contentHash, receipt } = content
  const metadataHash = metadataHashOf(content.metadata)
  const digest = evidenceDigest({ ...content, metadataHash })
  return {
    credentialId,
    issuer,
    place: { chainId, registry },
    hashesIn: () => ({ contentHash, metadataHash, digest }),
    signedDigest: content.digest,
    expiresAt: expiresAtOf(content.metadata) ?? null,
    checks,
    root: verdict !== null && receipt?.tier === 'anchored' ? await rootOf(receipt.event) : undefined,
  }
}

/** Of a receipt that was verified. */
async function rootOf(
  event: Omit<Parameters<typeof verifyEventProof>[0], 'transactionHash'>,
): Promise<Bytes32> {
  const { log } = await verifyEventProof({ ...event, transactionHash: ZERO_BYTES32 })
  return log.topics[1] as Bytes32
}

function readDigest({ credentialId, issuer, digest }: PresentedBody): Presented {
  if (digest === ZERO_BYTES32) throw new CountersignError('REQUEST_INVALID', 'body/digest must not be zero')
  const hashes = { contentHash: ZERO_BYTES32, metadataHash: ZERO_BYTES32, digest: digest as Bytes32 }
  return { ...unsigned(credentialId!, issuer!), hashesIn: () => hashes, expiresAt: null }
}

function readParts({ credentialId, issuer, contentHash, salt, ...body }: PresentedBody): Presented {
  const metadata = body.metadata === undefined ? undefined : checkEvidenceMetadata(body.metadata)
  const metadataHash = metadata === undefined ? (body.metadataHash as Bytes32) : metadataHashOf(metadata)
  const hashes = { contentHash: contentHash as Bytes32, metadataHash }
  const presented = unsigned(credentialId!, issuer!)
  const { issuer: account } = presented
  return {
    ...presented,
    hashesIn: (place) => ({
      ...hashes,
      digest: evidenceDigest({
        ...{ ...place, ...hashes, credentialId: credentialId!, issuer: account, salt: salt as Bytes32 },
      }),
    }),
    expiresAt: (metadata && expiresAtOf(metadata)) ?? null,
  }
}

const unsigned = (credentialId: string, issuer: string) => ({
  credentialId,
  issuer: toAddress(issuer),
  ...{ place: undefined, signedDigest: undefined, checks: undefined, root: undefined },
})

/** Books that it may be in. */
export const booksSearched = ({ place }: Presented, books: readonly Book[]): Book[] =>
  books.filter(
    ({ view, registry }) =>
      place === undefined || (view.config.chainId === place.chainId && registry === place.registry),
  )
