import { expect } from 'chai'
import { CREDENTIAL_TIERS } from '../../../protocol/credentials/credential-event.ts'
import type { EvidenceCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { type CredentialChain, startCredentialChain } from './credential-chain.ts'
import { type MemberEdit, memberEdits } from './member-edits.ts'
import { someCredential } from './some-credential.ts'
import { canonizeSafely, expandSafely, verifyByLibrary } from './vc-library.ts'

const VERIFIED = { verified: true, error: undefined }

describe('evidence credential, by an independent library for W3C credentials', () => {
  let chain: CredentialChain

  before(async () => {
    chain = await startCredentialChain()
  })
  after(() => chain?.stop())

  it('is verified while it is pending', async () => {
    expect(await verifyByLibrary(someCredential())).to.deep.equal(VERIFIED)
  })

  for (const tier of CREDENTIAL_TIERS)
    it(`is verified with its receipt: ${tier}`, async () => {
      const [credential] = await chain.recorded(tier, [chain.pending(), chain.pending()])
      expect(await verifyByLibrary(credential!)).to.deep.equal(VERIFIED)
    })

  it('is refused once it is no longer valid', async () => {
    const { verified, error } = await verifyByLibrary(someCredential(), new Date('2100-02-01T00:00:00Z'))
    expect(verified).to.equal(false)
    expect(error).to.include('validUntil')
  })

  it('is refused when any member that was signed is altered', async function () {
    this.timeout(60_000)
    const { proof, integrity, ...document } = someCredential()
    const { proofValue, ...options } = proof[0]
    const isVerified = async (forged: object): Promise<boolean> => {
      const verdict = await verifyByLibrary(forged as EvidenceCredential).catch(() => undefined)
      return verdict?.verified ?? false
    }
    const ofDocument = lastOfEach(memberEdits(document))
    for (const { path, edited } of ofDocument)
      expect(await isVerified({ ...(edited as object), proof, integrity }), path).to.equal(false)
    for (const { path, edited } of lastOfEach(memberEdits(options))) {
      const forged = { ...document, proof: [{ ...(edited as object), proofValue }], integrity }
      expect(await isVerified(forged), path).to.equal(false)
    }
    expect(ofDocument.length).to.be.above(100)
  })

  it('says nothing that JSON-LD does not understand', async () => {
    for (const tier of CREDENTIAL_TIERS) {
      const [credential] = await chain.recorded(tier, [chain.pending()])
      const [expanded] = (await expandSafely(credential!)) as Record<string, unknown>[]
      const terms = JSON.stringify(expanded)
      for (const term of [
        'contentHash',
        'metadata',
        'salt',
        'digest',
        'registry',
        'tier',
        'event',
        'integrity',
      ])
        expect(terms).to.include(`"https://countersign.example/vocabulary#${term}"`)
      expect(await canonizeSafely(credential!)).to.include('<https://countersign.example/vocabulary#digest>')
    }
  })

  it('would be refused by safe mode with a member that has no meaning', async () => {
    const strange = { ...someCredential(), meaningless: 'x' }
    const error = await expandSafely(strange).then(
      () => undefined,
      (thrown: Error) => thrown.message,
    )
    expect(error).to.include('Safe mode')
  })
})

/** The most alike to what it was, of each way to edit each member: the library takes its time. */
const lastOfEach = (edits: Iterable<MemberEdit>): MemberEdit[] => [
  ...new Map([...edits].map((edit) => [edit.path, edit])).values(),
]
