import { expect } from 'chai'
import { expiryKey, newCredentialId, revocationKey } from '../../../protocol/credentials/credential-key.ts'
import { verifyEventProof } from '../../../protocol/event-proof.ts'
import { keccak256Hex, randomBytes32, utf8ToBytes } from '../../../protocol/hex.ts'
import { digestSlot } from '../../../protocol/record-slots.ts'
import { verifyStorageProof } from '../../../protocol/storage-proof.ts'
import { someEntry } from '../../support/credential-writer.ts'
import { eventually } from '../../support/eventually.ts'
import { recordWriter } from '../../support/record-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type CredentialBed, ISSUER_KEY, startCredentials } from './credential-bed.ts'

const STATES = ['none', 'issued', 'expired', 'revoked']

describeStores('GET /v1/credentials/{credentialId}', (engine) => {
  let bed: CredentialBed
  before(async () => {
    bed = await startCredentials({}, { engine })
  })
  after(() => bed.stop())

  const found = async (credentialId: string, query = '') => {
    await bed.reindexed()
    const { status, body } = await bed.lookUp(credentialId, query)
    expect(status, JSON.stringify(body)).to.equal(200)
    return body
  }
  /** As the registry itself says now. */
  const stateOnChain = async (key: string) =>
    STATES[Number(await bed.issuer.view('stateOf', bed.issuer.issuer, key))]

  it('shows an issue with tier, position and standing', async () => {
    const { credentialId, key, digest } = await bed.issuer.issue()
    const body = await found(credentialId)
    expect(body).to.include({ credentialId, truncated: false })
    expect(body.orphaned).to.deep.equal([])
    expect(body.credentials).to.have.length(1)
    const [credential] = body.credentials
    expect(credential).to.include({
      ...{ credentialId, issuer: bed.issuer.issuer, registry: bed.contracts.CredentialRegistry },
      ...{ name: 'Evidence House', registered: true, state: 'issued' },
      ...{ expiry: null, revocation: null, completeness: 'complete' },
      ...{ authorStatus: 'active', suspended: false },
    })
    expect(credential.repeated).to.deep.equal([])
    expect(credential.issue).to.include({ key, digest, tier: 'recorded', finality: 'final', entryIndex: 0 })
    expect(credential.issue.block.number).to.equal(body.standings[0].block.number)
    expect(body.standings[0]).to.include({ chainId: bed.chain.chainId, completeness: 'complete' })
  })

  it('is expired from its expiry on, at the block asked for, as the registry says', async () => {
    const expiresAt = (await bed.now()) + 1_000
    const { credentialId, key } = await bed.issuer.issue({ expiresAt })
    const [issued] = (await found(credentialId)).credentials
    expect(issued.state).to.equal('issued')
    expect(issued.expiry).to.include({ expiresAt, key: expiryKey(credentialId), tier: 'recorded' })
    expect(issued.expiry.block).to.deep.equal(issued.issue.block)
    await bed.mineAt(expiresAt - 1)
    const before = (await found(credentialId)).standings[0].block.number
    expect((await found(credentialId)).credentials[0].state).to.equal('issued')
    await bed.mineAt(expiresAt)
    expect((await found(credentialId)).credentials[0].state).to.equal('expired')
    expect(await stateOnChain(key)).to.equal('expired')
    for (const [asOf, state] of [
      [before, 'issued'],
      [before + 1, 'expired'],
      [new Date((expiresAt - 1) * 1000).toISOString(), 'issued'],
      [new Date(expiresAt * 1000).toISOString(), 'expired'],
    ] as const)
      expect((await found(credentialId, `?asOf=${asOf}`)).credentials[0].state, `${asOf}`).to.equal(state)
    expect((await bed.lookUp(credentialId, `?asOf=${issued.issue.block.number - 1}`)).status).to.equal(404)
  })

  it('asks the chain for the time of a block that the index does not keep', async () => {
    const expiresAt = (await bed.now()) + 1_000
    const { credentialId } = await bed.issuer.issue({ expiresAt })
    await bed.mineAt(expiresAt - 500)
    const early = (await found(credentialId)).standings[0].block.number
    await bed.mineAt(expiresAt + 500)
    await bed.issuer.issue()
    await bed.issuer.issue()
    const { credentials, asOf } = await found(credentialId, `?asOf=${early}`)
    expect(asOf[0].block.number, 'the block is kept').to.be.lessThan(early)
    expect(credentials[0].state).to.equal('issued')
    const late = await found(credentialId, `?asOf=${early + 1}`)
    expect(late.asOf[0].block.number, 'the block is kept').to.be.lessThan(early)
    expect(late.credentials[0].state).to.equal('expired')
  })

  it('shows a revocation with its reason, which outweighs an expiry', async () => {
    const expiresAt = (await bed.now()) + 10
    const { credentialId, key } = await bed.issuer.issue({ expiresAt })
    await bed.mineAt(expiresAt + 1)
    const reason = 'Replaced by a corrected copy – „neu“ 税'
    await bed.issuer.revoke(credentialId, reason)
    const [credential] = (await found(credentialId)).credentials
    expect(credential.state).to.equal('revoked')
    expect(await stateOnChain(key)).to.equal('revoked')
    expect(credential.revocation).to.include({
      ...{ reason, beforeIssue: false, key: revocationKey(credentialId), tier: 'recorded' },
      digest: keccak256Hex(utf8ToBytes(reason)),
    })
    const asOf = credential.revocation.block.number - 1
    expect((await found(credentialId, `?asOf=${asOf}`)).credentials[0]).to.include({
      ...{ state: 'expired', revocation: null },
    })
  })

  it('shows a revocation before and without an issue as such', async () => {
    const { credentialId, key, digest } = someEntry()
    await bed.issuer.revoke(credentialId, 'never to be issued')
    const [alone] = (await found(credentialId)).credentials
    expect(alone).to.include({ state: 'revoked', issue: null, completeness: 'complete' })
    expect(alone.revocation).to.include({ reason: 'never to be issued', beforeIssue: true })
    await bed.issuer.issue({ credentialId, digest })
    const [credential] = (await found(credentialId)).credentials
    expect(credential).to.include({ state: 'revoked' })
    expect(credential.issue.digest).to.equal(digest)
    expect(credential.revocation.beforeIssue).to.equal(true)
    expect(await stateOnChain(key)).to.equal('revoked')
  })

  it('shows what every issuer wrote under the id, registered ones first, and one alone on request', async () => {
    const { credentialId, digest } = await bed.stranger.issue()
    await bed.stranger.revoke(credentialId, 'mine')
    await bed.issuer.issue({ credentialId })
    const { credentials } = await found(credentialId)
    expect(credentials.map(({ issuer, state }: Record<string, string>) => [issuer, state])).to.deep.equal([
      [bed.issuer.issuer, 'issued'],
      [bed.stranger.issuer, 'revoked'],
    ])
    const alone = (await found(credentialId, `?issuer=${bed.stranger.issuer.toLowerCase()}`)).credentials
    expect(alone).to.have.length(1)
    expect(alone[0]).to.include({ registered: false, name: null, authorStatus: 'none' })
    expect(alone[0].issue.digest).to.equal(digest)
  })

  it('takes the first of published writes, and shows the others as repeated', async () => {
    const [first, second] = [someEntry(), someEntry()]
    const again = { ...first, digest: randomBytes32() }
    await bed.issuer.publish([second, first, again])
    await bed.issuer.issue({ credentialId: first.credentialId, expiresAt: (await bed.now()) + 10_000 })
    const [credential] = (await found(first.credentialId)).credentials
    expect(credential.issue).to.include({ digest: first.digest, tier: 'published', entryIndex: 1 })
    expect(credential.repeated.map(({ tier }: { tier: string }) => tier)).to.deep.equal([
      'published',
      'recorded',
    ])
    expect(credential.repeated[0].digest).to.equal(again.digest)
    expect(credential.expiry).to.not.equal(null)
  })

  it('proves each entry by its event, and by its slot where it has one', async () => {
    const { credentialId, digest } = await bed.issuer.issue({ expiresAt: (await bed.now()) + 5_000 })
    await bed.issuer.revoke(credentialId, 'proven')
    const [byEvent] = (await found(credentialId, '?proof=event')).credentials
    for (const [name, data] of [
      ['issue', digest],
      ['expiry', byEvent.expiry.digest],
    ] as const)
      expect((await verifyEventProof(byEvent[name].proof)).log.data).to.equal(data)
    const { log } = await verifyEventProof(byEvent.revocation.proof)
    expect(log.data).to.contain(Buffer.from('proven').toString('hex'))
    const [bySlot] = (await found(credentialId, '?proof=storage')).credentials
    for (const name of ['issue', 'expiry', 'revocation'] as const) {
      const { slot, value } = await verifyStorageProof(bySlot[name].proof)
      expect(slot).to.equal(digestSlot(bed.issuer.issuer, bySlot[name].key, 2))
      expect(value).to.equal(bySlot[name].digest)
    }
    const published = someEntry()
    await bed.issuer.publish([published])
    const [fallback] = (await found(published.credentialId, '?proof=storage')).credentials
    expect(fallback.issue.proof.kind).to.equal('event')
  })

  it('proves that there is nothing by the heads of the issuers of the directory', async () => {
    const credentialId = newCredentialId()
    const { status, body } = await bed.lookUp(credentialId)
    expect([status, body.code]).to.deep.equal([404, 'CREDENTIAL_UNKNOWN'])
    expect(body.heads).to.have.length(1)
    expect(body.heads[0]).to.include({
      ...{ issuer: bed.issuer.issuer, name: 'Evidence House', completeness: 'complete' },
      head: await bed.issuer.view('headOf', bed.issuer.issuer),
    })
    expect(body.standings).to.have.length(1)
    const named = await bed.lookUp(credentialId, `?issuer=${bed.stranger.issuer}`)
    expect(named.body.heads.map(({ issuer }: { issuer: string }) => issuer)).to.deep.equal([
      bed.stranger.issuer,
    ])
  })

  it('takes no record of another registry for a credential, nor the other way round', async () => {
    const { serial } = await bed.written(() => bed.writer.record())
    expect((await bed.lookUp(serial)).status).to.equal(404)
    const { credentialId } = await bed.issuer.issue()
    await found(credentialId)
    expect((await bed.get(`/v1/results/${credentialId}`)).status).to.equal(404)
  })

  it('keeps any bytes that somebody put for a reason, and shows what is text of them', async () => {
    const { credentialId, key } = await bed.issuer.issue()
    const bytes = `0x${'ff00'.repeat(4)}41`
    const data = revokeCall(key, bytes)
    await bed.issuer.sendRaw(data)
    const [credential] = (await found(credentialId)).credentials
    expect(credential.revocation.digest).to.equal(keccak256Hex(Buffer.from(bytes.slice(2), 'hex')))
    expect(credential.revocation.reason).to.equal(`${'\ufffd\0'.repeat(4)}A`)
  })

  it('shows the largest expiry that there is without rounding it', async () => {
    const { credentialId } = await bed.issuer.issue({ expiresAt: 2n ** 64n - 1n })
    const [credential] = (await found(credentialId)).credentials
    expect(credential.state).to.equal('issued')
    expect(credential.expiry.expiresAt).to.equal(null)
    expect(BigInt(credential.expiry.digest)).to.equal(2n ** 64n - 1n)
  })

  it('is found behind any number of writes by others, and says that not all were looked at', async () => {
    const { credentialId, key } = someEntry()
    const crowd = Array.from({ length: 350 }, () => ({ key, digest: randomBytes32() }))
    for (let i = 0; i < 3; i++) await bed.stranger.publish(crowd)
    const { digest } = await bed.issuer.issue({ credentialId })
    await bed.stranger.revoke(credentialId, 'all of them')
    const body = await found(credentialId)
    expect(body.truncated).to.equal(true)
    expect(body.credentials.map(({ issuer }: { issuer: string }) => issuer)).to.deep.equal([
      ...[bed.issuer.issuer, bed.stranger.issuer],
    ])
    expect(body.credentials[0].issue.digest).to.equal(digest)
    expect(body.credentials[1]).to.include({ state: 'revoked' })
    expect(body.credentials[1].issue.digest).to.equal(crowd[0]!.digest)
    expect(body.credentials[1].repeated).to.have.length(20)
    const alone = await found(credentialId, `?issuer=${bed.issuer.issuer}&proof=event`)
    expect([alone.truncated, alone.credentials.length]).to.deep.equal([false, 1])
    const own = await found(credentialId, `?issuer=${bed.stranger.issuer}`)
    expect([own.truncated, own.credentials[0].state]).to.deep.equal([false, 'revoked'])
    expect(own.credentials[0].repeated).to.have.length(20)
    const presented = { credentialId, issuer: bed.stranger.issuer, digest: crowd[0]!.digest }
    expect((await bed.post('/v1/credentials/verify', presented)).body).to.include({ verdict: 'revoked' })
  })

  it('lets nobody hide a revocation or an expiry behind rows of another registry', async () => {
    const expiresAt = (await bed.now()) + 50_000
    const { credentialId, key, digest } = someEntry()
    const otherBook = recordWriter(bed.chain.url, bed.contracts.QueryResultRegistry, ISSUER_KEY)
    for (const own of [revocationKey(credentialId), expiryKey(credentialId), key])
      for (let i = 0; i < 3; i++)
        await otherBook.publish(Array.from({ length: 350 }, () => ({ key: own, digest: randomBytes32() })))
    otherBook.close()
    bed.issuer.reset()
    await bed.issuer.issue({ credentialId, digest, expiresAt })
    await bed.issuer.revoke(credentialId, 'behind them')
    const open = await found(credentialId)
    expect(open.truncated).to.equal(true)
    const seen = [
      ...open.credentials,
      ...(await found(credentialId, `?issuer=${bed.issuer.issuer}`)).credentials,
      ...(await bed.get(`/v1/credentials?issuer=${bed.issuer.issuer}&limit=200`)).body.credentials.filter(
        (listed: { credentialId: string }) => listed.credentialId === credentialId,
      ),
    ]
    expect(seen).to.have.length(3)
    for (const credential of seen) {
      expect(credential).to.include({ state: 'revoked', registered: true })
      expect([credential.expiry?.expiresAt, credential.revocation?.reason]).to.deep.equal([
        expiresAt,
        'behind them',
      ])
    }
    const presented = { credentialId, issuer: bed.issuer.issuer, digest }
    expect((await bed.post('/v1/credentials/verify', presented)).body).to.include({ verdict: 'revoked' })
  })

  it('has an ETag that changes with a revocation', async () => {
    const { credentialId } = await bed.issuer.issue()
    await found(credentialId)
    let tag = ''
    // The version in a tag may lag behind the answer.
    await eventually('the answer stays as it is', async () => {
      tag = (await bed.lookUp(credentialId)).headers.get('etag') ?? ''
      return (await bed.get(`/v1/credentials/${credentialId}`, { 'if-none-match': tag })).status === 304
    })
    await bed.issuer.revoke(credentialId, 'changed')
    await found(credentialId)
    expect((await bed.get(`/v1/credentials/${credentialId}`, { 'if-none-match': tag })).status).to.equal(200)
  })
})

/** `revoke(bytes32,string)` with bytes that need not be text. */
function revokeCall(key: string, bytes: string): string {
  const word = (value: number) => value.toString(16).padStart(64, '0')
  const length = (bytes.length - 2) / 2
  const selector = keccak256Hex(utf8ToBytes('revoke(bytes32,string)')).slice(0, 10)
  return `${selector}${key.slice(2)}${word(64)}${word(length)}${bytes.slice(2).padEnd(64, '0')}`
}
