import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { Signature } from 'ethers'
import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import {
  type CredentialContent,
  type EvidenceCredential,
  issueCredential,
  parseCredential,
  readCredential,
  serializeCredential,
} from '../../../protocol/credentials/evidence-credential.ts'
import { bytesToHex, type Hex, hexToBytes, keccak256Hex, utf8ToBytes } from '../../../protocol/hex.ts'
import { serializeProofFile, withIntegrity } from '../../../protocol/proof-file.ts'
import { signHash } from '../../../protocol/signature.ts'
import { expectError } from '../../support/expect-error.ts'
import { ISSUER_KEY, someContent, someCredential } from './some-credential.ts'

const KNOWN = new URL('known.credential', import.meta.url)
const known = () => someCredential({ credentialId: '01JNQ6Z8Y5W3V2T1S0R9Q8P7N6' })
if (process.env.UPDATE_VECTORS === '1') writeFileSync(KNOWN, serializeCredential(known()))

/** With a member of the proof changed and the integrity hash made anew. */
function withProofValue(credential: EvidenceCredential, proofValue: string): EvidenceCredential {
  const { integrity: _integrity, ...content } = credential
  return withIntegrity({ ...content, proof: [{ ...content.proof[0], proofValue }] })
}

const signatureText = (signature: Hex): string =>
  `u${Buffer.from(hexToBytes(signature)).toString('base64url')}`

describe('evidence credential file', () => {
  it('is written as is committed (UPDATE_VECTORS=1 writes it)', async () => {
    const file = readFileSync(KNOWN)
    expect(serializeCredential(known())).to.equal(file.toString())
    expect(parseCredential(file)).to.deep.equal(known())
    expect((await verifyCredential(parseCredential(file))).verdict).to.equal('unconfirmed')
  })

  it('may lack its last line end, and has no other liberty', () => {
    const file = serializeCredential(known())
    expect(parseCredential(file.slice(0, -1))).to.deep.equal(known())
    for (const other of [` ${file}`, `${file}\n`, `\ufeff${file}`, file.replace(',', ', ')])
      expectError(
        () => parseCredential(other),
        other.startsWith('\ufeff') ? 'PROOF_FILE_MALFORMED' : 'PROOF_FILE_ALTERED',
      )
    expectError(() => parseCredential(JSON.stringify(known(), null, 2)), 'PROOF_FILE_ALTERED')
    expectError(() => parseCredential(''), 'PROOF_FILE_MALFORMED')
    expectError(() => parseCredential('null'), 'PROOF_FILE_MALFORMED')
    expectError(() => parseCredential(Uint8Array.of(0xff)), 'PROOF_FILE_MALFORMED')
  })

  it('is refused for another file of this project', () => {
    const file = serializeProofFile(withIntegrity({ format: 'application/vnd.countersign.receipt+json' }))
    expect(expectError(() => parseCredential(file), 'CREDENTIAL_INVALID').message).to.include('@context')
  })

  it('is refused with a signature spelt otherwise', () => {
    const { proofValue } = known().proof[0]
    expect(proofValue).to.have.length(88)
    // 65 bytes leave two bits of the last character unused.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(proofValue.at(-1)!)
    for (const spelt of [
      ...[1, 2, 3].map((bits) => proofValue.slice(0, -1) + alphabet[last + bits]),
      ...[`${proofValue}=`, `U${proofValue.slice(1)}`, `z${proofValue.slice(1)}`, proofValue.slice(1)],
      `u${Buffer.from(proofValue.slice(1), 'base64url').toString('base64')}`,
      `f${Buffer.from(proofValue.slice(1), 'base64url').toString('hex')}`,
    ]) {
      const file = serializeCredential(withProofValue(known(), spelt))
      expect(expectError(() => parseCredential(file), 'CREDENTIAL_INVALID').message, spelt).to.include(
        'proofValue',
      )
    }
  })

  it('is refused with the twin of its signature, and with that of another key', async () => {
    const { signature } = readCredential(known())
    const { r, s, v } = Signature.from(signature)
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const highS = (order - BigInt(s)).toString(16).padStart(64, '0')
    const twin = `${r}${highS}${v === 27 ? '1c' : '1b'}` as Hex
    const others = [
      twin,
      signHash(keccak256Hex(utf8ToBytes('x')), ISSUER_KEY),
      bytesToHex(new Uint8Array(65)),
    ]
    for (const other of others) {
      const forged = parseCredential(serializeCredential(withProofValue(known(), signatureText(other))))
      const { verdict, checks } = await verifyCredential(forged)
      expect(verdict).to.equal(null)
      expect(checks.find(({ outcome }) => outcome === 'failed')!.name).to.equal('signature')
    }
  })

  it('is refused when its integrity hash is wrong, also where it was not read from a file', async () => {
    const { verdict, checks } = await verifyCredential({ ...known(), integrity: `0x${'0'.repeat(64)}` })
    expect(verdict).to.equal(null)
    expect(checks[0]).to.deep.include({ name: 'document', outcome: 'failed' })
  })

  const refused: [string, Partial<CredentialContent>, string][] = [
    [
      'a name that is a path',
      { metadata: { mediaType: 'a/b', size: 1, name: '../x' } },
      'EVIDENCE_METADATA_INVALID',
    ],
    ['a content hash of another length', { contentHash: '0x12' }, 'TYPED_DATA_INVALID'],
    ['a content hash in upper case', { contentHash: `0x${'AB'.repeat(32)}` }, 'CREDENTIAL_INVALID'],
    ['an id that is no ULID', { credentialId: 'x' }, 'SERIAL_MALFORMED'],
    ['a registry without its checksum', { registry: `0x${'ab'.repeat(20)}` }, 'CREDENTIAL_INVALID'],
    ['a time with milliseconds', { validFrom: '2026-03-01T12:00:00.000Z' }, 'CREDENTIAL_INVALID'],
    ['a creation in another time zone', { created: '2026-03-01T12:00:00+01:00' }, 'CREDENTIAL_INVALID'],
    ['a promise that is no time', { recordBy: -1 }, 'CREDENTIAL_INVALID'],
    ['an expiry before it is valid', { validFrom: '2100-01-01T00:00:00Z' }, 'CREDENTIAL_INVALID'],
  ]
  for (const [what, change, code] of refused)
    it(`is not issued with ${what}`, () => {
      expectError(() => someCredential(change), code as 'CREDENTIAL_INVALID')
    })

  it('is not issued with a signature of another form', () => {
    expectError(() => issueCredential(someContent(), () => '0x1234'), 'HEX_MALFORMED')
  })

  it('keeps metadata out of the reasons for which it is refused', async () => {
    const { integrity: _integrity, ...content } = someCredential({
      metadata: { mediaType: 'text/plain', size: 9, name: 'topsecret', fields: { topsecret: 'topsecret' } },
    })
    const subject = content.credentialSubject
    const metadatas: object[] = [
      { ...subject.metadata, size: 8 },
      { ...subject.metadata, name: 'topsecret/topsecret' },
      { ...subject.metadata, topsecret: 1 },
      { ...subject.metadata, validUntil: 'topsecret' },
      { ...subject.metadata, fields: 'topsecret' },
    ]
    for (const metadata of metadatas) {
      const forged = withIntegrity({ ...content, credentialSubject: { ...subject, metadata } })
      const { verdict, checks } = await verifyCredential(forged as EvidenceCredential)
      expect(verdict).to.equal(null)
      expect(JSON.stringify(checks)).not.to.include('topsecret')
    }
  })
})
