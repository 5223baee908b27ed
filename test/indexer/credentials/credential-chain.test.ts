import { expect } from 'chai'
import { fsck } from '../../../indexer/operations/fsck/fsck.ts'
import { checkOffline } from '../../../indexer/operations/fsck/offline-check.ts'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { newCredentialId } from '../../../protocol/credentials/credential-key.ts'
import { someEntry } from '../../support/credential-writer.ts'
import { dumpOf, replayDump, testChain, testConfig } from '../../support/indexer.ts'
import { describeStores, STORES } from '../../support/stores.ts'
import { type CredentialBed, startCredentials } from './credential-bed.ts'

describeStores('credentials of a chain that is reorganised', (engine) => {
  let bed: CredentialBed
  beforeEach(async () => {
    bed = await startCredentials({}, { finalityDepth: 40, engine })
  })
  afterEach(() => bed.stop())

  const expectReplayEqual = async () => {
    const { chain, contracts } = bed
    expect(await dumpOf(bed.indexer)).to.deep.equal(
      await replayDump([{ chain, contracts, finalityDepth: 40 }]),
    )
  }
  const states = async (...ids: string[]) =>
    Promise.all(
      ids.map(async (id) => {
        const { status, body } = await bed.lookUp(id)
        return status === 200 ? body.credentials[0].state : body.code
      }),
    )

  it('takes back issues, expiries, revocations and anchors, and shows what was taken back', async () => {
    const kept = await bed.issuer.issue()
    await bed.reindexed()
    const snapshot = await bed.chain.request('evm_snapshot')
    const gone = await bed.issuer.issue({ expiresAt: (await bed.now()) + 10_000 })
    await bed.issuer.revoke(kept.credentialId, 'on the other branch')
    const { credential } = await bed.issuer.credential('anchored')
    await bed.reindexed()
    expect(await states(kept.credentialId, gone.credentialId)).to.deep.equal(['revoked', 'issued'])
    const verify = async () => (await bed.post('/v1/credentials/verify', { credential })).body
    expect(await verify()).to.include({ verdict: 'unconfirmed', rule: 'not-final' })

    await bed.chain.request('evm_revert', [snapshot])
    bed.issuer.reset()
    for (let i = 0; i < 5; i++) await bed.chain.request('evm_mine')
    await bed.reindexed()
    expect(await states(kept.credentialId, gone.credentialId)).to.deep.equal(['issued', 'CREDENTIAL_UNKNOWN'])
    expect(await verify()).to.include({ verdict: 'unconfirmed', rule: 'not-on-chain', anchor: null })
    const { body } = await bed.lookUp(kept.credentialId)
    expect(body.orphaned.map(({ kind }: { kind: string }) => kind)).to.deep.equal(['revocation'])
    const unknown = await bed.lookUp(gone.credentialId)
    expect(unknown.body.orphaned.map(({ kind }: { kind: string }) => kind)).to.deep.equal(['issue', 'expiry'])

    await bed.issuer.revoke(kept.credentialId, 'on this branch')
    await bed.reindexed()
    const [revoked] = (await bed.lookUp(kept.credentialId)).body.credentials
    expect(revoked.revocation.reason).to.equal('on this branch')
    await expectReplayEqual()
  })

  it('says of finality what holds at the block that the answer stands at, also when the chain goes on meanwhile', async () => {
    const { credentialId } = await bed.issuer.issue()
    await bed.issuer.revoke(credentialId, 'for good')
    await bed.reindexed()
    const { number } = bed.indexer.views.get(bed.chain.chainId)!.checkpoint!
    const { store } = bed.indexer
    const { findRevocationAt } = store
    let isFirst = true
    store.findRevocationAt = async (place) => {
      const found = await findRevocationAt(place)
      if (isFirst) {
        isFirst = false
        await bed.chain.request('anvil_mine', ['0x30'])
        await bed.reindexed()
      }
      return found
    }
    const { body } = await bed.lookUp(credentialId, `?asOf=${number}`)
    expect(isFirst).to.equal(false)
    const [{ finality }] = body.asOf
    const expected = number <= body.standings[0].finalBlock ? 'final' : 'pending'
    expect([finality, body.credentials[0].revocation.finality]).to.deep.equal([expected, expected])
  })

  it('says in events of records what credential they are of, and why it is revoked, also when it is taken back', async () => {
    const feed = await readFeed()
    const snapshot = await bed.chain.request('evm_snapshot')
    const expiresAt = (await bed.now()) + 10_000
    const { credentialId } = await bed.issuer.issue({ expiresAt })
    const published = someEntry()
    await bed.issuer.publish([published])
    await bed.issuer.revoke(credentialId, 'for a while')
    await bed.reindexed()
    await bed.chain.request('evm_revert', [snapshot])
    for (let i = 0; i < 5; i++) await bed.chain.request('evm_mine')
    await bed.reindexed()
    const events = await feed((found) => found.filter(({ type }) => type === 'record.retracted').length === 4)
    const { issuer } = bed.issuer
    const said = [
      { credentialId, issuer, kind: 'issue' },
      { credentialId, issuer, kind: 'expiry', expiresAt },
      { credentialId: published.credentialId, issuer, kind: 'issue' },
      { credentialId, issuer, kind: 'revocation', reason: 'for a while' },
    ]
    expect(events.map(({ type, data }) => [type, data.credential])).to.deep.equal([
      ...said.map((credential) => ['record.added', credential]),
      ...said.toReversed().map((credential) => ['record.retracted', credential]),
    ])
  })

  it('is found sound by both checks, and comes whole into a store of the other engine', async () => {
    const batch = await bed.issuer.issueBatch(3, (await bed.now()) + 10_000)
    await bed.issuer.publish([someEntry(), someEntry()])
    await bed.issuer.revokeBatch(
      batch.map(({ credentialId }) => ({ credentialId, reason: `of ${credentialId}` })),
    )
    await bed.issuer.credential('anchored')
    await bed.stranger.revoke(newCredentialId(), 'of nobody')
    await bed.reindexed()
    const config = testConfig([testChain(bed.chain, bed.contracts, { finalityDepth: 40 })])
    for (const report of [await fsck(bed.indexer.store, config), await checkOffline(bed.indexer.store)])
      expect(report, JSON.stringify(report.listed)).to.include({ isSound: true, differences: 0 })
    const other = STORES.find(({ name, skipReason }) => name !== engine.name && skipReason === undefined)
    if (other !== undefined) {
      const { database, drop } = await other.newDatabase()
      const copy: Store = await openStore(database)
      await copy.importRows(bed.indexer.store.exportRows())
      const lines = await Array.fromAsync(copy.dump())
      expect(lines.filter((line) => line.startsWith('revocations '))).to.have.length(4)
      expect(lines).to.deep.equal(await dumpOf(bed.indexer))
      await copy.close()
      await drop()
    }
    await expectReplayEqual()
  })

  /** Events from now on, as a stream gives them. */
  async function readFeed() {
    const leaving = new AbortController()
    const response = await fetch(`${bed.indexer.url}/v1/stream?kind=record`, { signal: leaving.signal })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    // biome-ignore lint/suspicious/noExplicitAny: events as they come
    type Event = any
    let text = ''
    return async (isEnough: (events: Event[]) => boolean): Promise<Event[]> => {
      for (;;) {
        const events = text
          .split('\n\n')
          .slice(0, -1)
          .flatMap((frame) => frame.split('\n').filter((line) => line.startsWith('data: ')))
          .map((line) => JSON.parse(line.slice(6)))
          .filter(({ type }) => typeof type === 'string' && type.startsWith('record.'))
        if (isEnough(events)) {
          leaving.abort()
          return events
        }
        text += (await reader.read()).value ?? ''
      }
    }
  }
})
