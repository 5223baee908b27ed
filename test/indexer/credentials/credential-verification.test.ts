import { expect } from 'chai'
import { newCredentialId } from '../../../protocol/credentials/credential-key.ts'
import type { EvidenceCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { evidenceDigest } from '../../../protocol/credentials/evidence-digest.ts'
import { metadataHashOf } from '../../../protocol/credentials/evidence-metadata.ts'
import { randomBytes32 } from '../../../protocol/hex.ts'
import { withIntegrity } from '../../../protocol/proof-file.ts'
import { utcTime } from '../../../protocol/utc-time.ts'
import { describeStores } from '../../support/stores.ts'
import { type CredentialBed, startCredentials } from './credential-bed.ts'

describeStores('POST /v1/credentials/verify', (engine) => {
  let bed: CredentialBed
  before(async () => {
    bed = await startCredentials({}, { engine })
  })
  after(() => bed.stop())

  const verify = async (body: object) => {
    await bed.reindexed()
    const answer = await bed.post('/v1/credentials/verify', body)
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200)
    expect(answer.headers.get('cache-control')).to.equal('no-store')
    return answer.body
  }
  const refused = async (body: unknown) => {
    const { status, body: problem } = await bed.post('/v1/credentials/verify', body)
    return [status, problem.code]
  }

  for (const tier of ['recorded', 'published'] as const)
    it(`holds a whole credential that is ${tier} against the index`, async () => {
      const { credentialId, credential } = await bed.issuer.credential(tier)
      const body = await verify({ credential })
      expect(body).to.include({ credentialId, issuer: bed.issuer.issuer, verdict: 'intact', anchor: null })
      expect(body.presentedDigest).to.equal(credential.credentialSubject.digest)
      expect(body.credential.issue).to.include({ tier, digest: credential.credentialSubject.digest })
      expect(body.checks.map(({ outcome }: { outcome: string }) => outcome)).to.deep.equal(
        Array(body.checks.length).fill('passed'),
      )
      const proven = await bed.get(body.proof)
      expect(proven.body.credentials[0].issue.proof.kind).to.equal('event')
      await bed.issuer.revoke(credentialId, 'no longer')
      const revoked = await verify({ credential })
      expect(revoked).to.include({ verdict: 'revoked', rule: 'revoked-on-chain' })
      expect(revoked.credential.revocation.reason).to.equal('no longer')
    })

  it('verifies an anchored one by its own receipt, whose root must be indexed', async () => {
    const { credentialId, credential } = await bed.issuer.credential('anchored')
    const body = await verify({ credential })
    expect(body).to.include({ verdict: 'intact', credential: null, proof: null })
    expect(body.anchor).to.include({ finality: 'final', leafCount: '3' })
    expect((await bed.lookUp(credentialId)).status).to.equal(404)
    const { digest } = credential.credentialSubject
    expect(await verify({ credentialId, issuer: bed.issuer.issuer, digest })).to.include({
      ...{ verdict: 'unconfirmed', rule: 'not-on-chain', anchor: null },
    })
    await bed.issuer.revoke(credentialId, 'anchored, and revoked')
    const revoked = await verify({ credential })
    expect(revoked).to.include({ verdict: 'revoked' })
    expect(revoked.credential.issue).to.equal(null)
  })

  for (const tier of ['recorded', 'published', 'anchored'] as const)
    it(`says of a ${tier} one who its issuer is, and was when it wrote it`, async () => {
      const known = { name: 'Evidence House', registered: true, authorStatus: 'active', suspended: false }
      const { credential } = await bed.issuer.credential(tier)
      const said = await verify({ credential })
      expect(said).to.include(known)
      expect(said.findings).to.deep.equal([])
      const strange = await verify({ credential: (await bed.stranger.credential(tier)).credential })
      expect(strange).to.include({ name: null, registered: false, authorStatus: 'none', suspended: false })
      expect(strange.findings).to.deep.equal(['unknown-issuer'])
      const [ACTIVE, SUSPENDED] = [1, 2]
      // The status of a second is that at its end.
      const later = () => bed.chain.request('evm_increaseTime', [5])
      await later()
      await bed.setStatus(SUSPENDED)
      await later()
      const late = await bed.issuer.credential(tier)
      await later()
      await bed.setStatus(ACTIVE)
      await later()
      const suspended = await verify({ credential: late.credential })
      expect(suspended).to.include({ ...known, authorStatus: 'suspended', suspended: true })
      expect(suspended.findings).to.deep.equal(['issuer-not-active'])
      expect(await verify({ credential })).to.include(known)
    })

  it('goes by the clock where the chain stands still, and claims nothing of what it may not know', async () => {
    const clock = Math.floor(Date.now() / 1000)
    const [open, over] = [clock + 10_000, clock - 50].map((time) => ({ validUntil: utcTime(time) }))
    const { credential } = await bed.issuer.credential('recorded', open)
    const { credential: expired } = await bed.issuer.credential('recorded', over)
    const pending = (await bed.issuer.credential('pending', open)).credential
    await bed.reindexed()
    const view = bed.indexer.views.get(bed.chain.chainId)!
    const { checkpoint } = view
    try {
      view.checkpoint = { ...checkpoint!, timestamp: clock - 100 }
      expect(await verify({ credential })).to.include({ verdict: 'intact' })
      expect(await verify({ credential: expired })).to.include({ verdict: 'expired' })
      view.checkpoint = { ...checkpoint!, timestamp: clock - 700 }
      for (const presented of [credential, pending])
        expect(await verify({ credential: presented })).to.include({
          ...{ verdict: 'unconfirmed', rule: 'head-too-old' },
        })
      expect(await verify({ credential: expired })).to.include({ verdict: 'expired' })
    } finally {
      view.checkpoint = checkpoint
    }
  })

  it('says that a pending one is not on chain', async () => {
    const { credential } = await bed.issuer.credential('pending')
    const body = await verify({ credential })
    expect(body).to.include({ verdict: 'unconfirmed', rule: 'not-on-chain', credential: null })
    expect(body.heads[0]).to.include({ completeness: 'complete' })
  })

  it('is expired by the metadata of what is presented, or by the expiry on chain', async () => {
    const expiresAt = (await bed.now()) + 2_000
    const { credential } = await bed.issuer.credential('recorded', { validUntil: utcTime(expiresAt) })
    const { credentialId, digest } = await bed.issuer.issue({ expiresAt })
    const { issuer } = bed.issuer
    expect((await verify({ credential })).verdict).to.equal('intact')
    expect((await verify({ credentialId, issuer, digest })).verdict).to.equal('intact')
    await bed.mineAt(expiresAt)
    expect(await verify({ credential })).to.include({ verdict: 'expired', rule: 'past-its-expiry' })
    expect((await verify({ credentialId, issuer, digest })).verdict).to.equal('expired')
  })

  it('compares a digest, and what it is made of', async () => {
    const { issuer, place } = bed.issuer
    const credentialId = newCredentialId()
    const metadata = { mediaType: 'application/pdf', size: 10, name: 'a.pdf' }
    const parts = { contentHash: randomBytes32(), salt: randomBytes32() }
    const metadataHash = metadataHashOf(metadata)
    const digest = evidenceDigest({ ...place, credentialId, ...parts, metadataHash })
    await bed.issuer.issue({ credentialId, digest })
    const named = { credentialId, issuer }
    for (const presented of [{ digest }, { ...parts, metadata }, { ...parts, metadataHash }]) {
      const body = await verify({ ...named, ...presented })
      expect(body).to.include({ verdict: 'intact', presentedDigest: digest }).and.not.have.property('checks')
    }
    for (const presented of [
      { digest: randomBytes32() },
      { ...parts, metadata: { ...metadata, size: 11 } },
      { ...parts, metadataHash: randomBytes32() },
      { ...parts, contentHash: randomBytes32(), metadata },
      { ...parts, salt: randomBytes32(), metadata },
    ])
      expect((await verify({ ...named, ...presented })).verdict).to.equal('tampered')
    const other = await verify({ credentialId, issuer: bed.stranger.issuer, digest })
    expect(other).to.include({ verdict: 'unconfirmed', rule: 'not-on-chain', credential: null })
  })

  it('tells a tampered credential, whatever of it was altered', async () => {
    const { credential } = await bed.issuer.credential('recorded')
    const { integrity: _, ...content } = credential
    const alter = (change: (copy: EvidenceCredential) => unknown) => {
      const copy = structuredClone(content) as EvidenceCredential
      change(copy)
      return withIntegrity(copy)
    }
    const altered = [
      alter(({ credentialSubject }) => Object.assign(credentialSubject, { contentHash: randomBytes32() })),
      alter(({ credentialSubject }) => Object.assign(credentialSubject, { salt: randomBytes32() })),
      alter((copy) => Object.assign(copy, { validFrom: '2025-01-01T00:00:00Z' })),
      { ...credential, integrity: randomBytes32() },
      alter(({ proof }) => Object.assign(proof[1]!.event, { logPosition: 7 })),
    ]
    for (const [i, presented] of altered.entries()) {
      const body = await verify({ credential: presented })
      expect([i, body.verdict, body.rule]).to.deep.equal([i, 'tampered', 'credential-fails-its-checks'])
      expect(body.checks.some(({ outcome }: { outcome: string }) => outcome === 'failed')).to.equal(true)
    }
  })

  it('says so when a credential is whole and the chain has another digest', async () => {
    const { credentialId, credential } = await bed.issuer.credential('pending')
    await bed.issuer.issue({ credentialId })
    const body = await verify({ credential })
    expect(body.verdict).to.equal('tampered')
    expect(body.findings).to.include('chain-has-another-digest')
  })

  it('cannot tell of a registry that is not indexed', async () => {
    const { credential } = await bed.issuer.credential('pending')
    const { integrity: _, ...content } = structuredClone(credential)
    content.credentialStatus.chainId = 4242
    content.issuer = content.issuer.replace(/eip155:\d+/, 'eip155:4242')
    content.proof[0].verificationMethod = `${content.issuer}#blockchainAccountId`
    const body = await verify({ credential: withIntegrity(content) })
    expect(body).to.include({ verdict: 'unconfirmed', rule: 'registry-not-indexed' })
  })

  it('refuses what is neither, and repeats nothing of it', async () => {
    const { issuer } = bed.issuer
    const credentialId = newCredentialId()
    const secret = 'a very personal name'
    const { credential } = await bed.issuer.credential('pending')
    for (const body of [
      {},
      { credential, credentialId },
      { credentialId, issuer },
      { credentialId, issuer, digest: randomBytes32(), salt: randomBytes32() },
      { credentialId, issuer, digest: `0x${'00'.repeat(32)}` },
      { credentialId: 'nonsense', issuer, digest: randomBytes32() },
      {
        ...{ credentialId, issuer, contentHash: randomBytes32(), salt: randomBytes32() },
        ...{ metadata: { mediaType: 'text/plain', size: 1 }, metadataHash: randomBytes32() },
      },
    ])
      expect(await refused(body), JSON.stringify(body)).to.deep.equal([400, 'REQUEST_INVALID'])
    const hashes = { credentialId, issuer, contentHash: randomBytes32(), salt: randomBytes32() }
    const subject = { ...credential.credentialSubject, metadata: { name: secret, [secret]: secret } }
    for (const [body, code] of [
      [{ ...hashes, metadata: { name: secret, [secret]: 1 } }, 'EVIDENCE_METADATA_INVALID'],
      [{ ...hashes, metadata: { mediaType: secret, size: 1 } }, 'EVIDENCE_METADATA_INVALID'],
      [{ credential: { [secret]: secret } }, 'CREDENTIAL_INVALID'],
      [{ credential: { ...credential, credentialSubject: subject } }, 'CREDENTIAL_INVALID'],
      [{ credential: { ...credential, id: `urn:ulid:${secret}` } }, 'CREDENTIAL_INVALID'],
    ] as const) {
      const { status, body: problem } = await bed.post('/v1/credentials/verify', body)
      expect([status, problem.code]).to.deep.equal([422, code])
      expect(JSON.stringify(problem)).to.not.include(secret)
    }
  })

  for (const levels of [60, 5_000, 80_000])
    it(`refuses a document of ${levels} levels, wherever they are`, async () => {
      const deep = `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
      const { credential } = await bed.issuer.credential('pending')
      const metadata = { mediaType: 'a/b', size: 1, fields: 'HERE' }
      const named = { credentialId: newCredentialId(), issuer: bed.issuer.issuer }
      const hashes = { contentHash: randomBytes32(), salt: randomBytes32() }
      for (const body of [
        { credential: { name: 'HERE' } },
        { credential: { ...credential, name: 'HERE' } },
        { credential: { ...credential, credentialSubject: { ...credential.credentialSubject, metadata } } },
        { credential: { ...credential, proof: [credential.proof[0], 'HERE'] } },
        { ...named, ...hashes, metadata },
      ]) {
        const response = await fetch(`${bed.indexer.url}/v1/credentials/verify`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body).replace('"HERE"', deep),
        })
        const { code } = (await response.json()) as { code: string }
        expect([response.status, code.replace(/^(CREDENTIAL|EVIDENCE_METADATA)/, '')]).to.deep.equal([
          ...[422, '_INVALID'],
        ])
      }
    })

  it('takes no more than a megabyte', async () => {
    expect((await refused({ credential: { text: 'x'.repeat(1024 * 1024) } }))[0]).to.equal(413)
  })
})
