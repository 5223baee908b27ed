import { evidenceContentHash } from '../../../protocol/credentials/content-hasher.ts'
import { newCredentialId } from '../../../protocol/credentials/credential-key.ts'
import type { EvidenceCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { type CredentialContent, issueCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { keccak256Hex, toAddress, utf8ToBytes } from '../../../protocol/hex.ts'
import { addressOf, signHash } from '../../../protocol/signature.ts'

export const ISSUER_KEY = keccak256Hex(utf8ToBytes('an issuer'))
export const CONTENT = utf8ToBytes('the content of a document')

export const someContent = (change: Partial<CredentialContent> = {}): CredentialContent => ({
  chainId: 31337,
  registry: toAddress(`0x${'5f'.repeat(20)}`),
  issuer: addressOf(ISSUER_KEY),
  credentialId: newCredentialId(),
  contentHash: evidenceContentHash(CONTENT),
  metadata: {
    name: 'Übersicht 2024.pdf',
    mediaType: 'application/pdf',
    size: CONTENT.length,
    validUntil: '2099-12-31T23:59:59Z',
    fields: { case: 'A-17', pages: [1, 2, { odd: true, note: null }] },
  },
  salt: keccak256Hex(utf8ToBytes('a salt')),
  validFrom: '2026-03-01T12:00:00Z',
  recordBy: 1_772_366_460,
  created: '2026-03-01T12:00:01Z',
  ...change,
})

/** A pending credential. */
export const someCredential = (
  change: Partial<CredentialContent> = {},
  key = ISSUER_KEY,
): EvidenceCredential =>
  issueCredential(someContent({ issuer: addressOf(key), ...change }), (hash) => signHash(hash, key))
