import { expect } from 'chai'
import type { RecordRow } from '../../../indexer/store/store.ts'
import { newCredentialId } from '../../../protocol/credentials/credential-key.ts'
import { randomBytes32 } from '../../../protocol/hex.ts'
import { someEntry } from '../../support/credential-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type CredentialBed, startCredentials } from './credential-bed.ts'

type Listed = { credentialId: string; state: string; revocation: { reason: string } | null }

describeStores('GET /v1/credentials', (engine) => {
  let bed: CredentialBed
  /** In the order of the list. */
  let ids: { [name: string]: string }
  let expiresAt = 0
  /** Of the block before anything was expired or revoked. */
  let early = 0
  let revokedFrom = 0
  before(async () => {
    bed = await startCredentials({}, { engine })
    expiresAt = (await bed.now()) + 10_000
    const [expiring, kept] = [await bed.issuer.issue({ expiresAt }), await bed.issuer.issue()]
    const [published, repeated] = [someEntry(), someEntry()]
    await bed.issuer.publish([published, repeated, { ...repeated, digest: randomBytes32() }])
    const batch = await bed.issuer.issueBatch(3, expiresAt + 1_000_000)
    await bed.stranger.issue()
    // A result in between, and a credential id that is no ULID.
    await bed.writer.record()
    await bed.issuer.send('record', `0x${'7a'.repeat(26)}${'00'.repeat(6)}`, randomBytes32())
    await bed.reindexed()
    early = bed.indexer.views.get(bed.chain.chainId)!.checkpoint!.number
    await bed.mineAt(expiresAt + 1)
    revokedFrom = await bed.now()
    const anchored = newCredentialId()
    await bed.issuer.revoke(anchored, 'was anchored')
    await bed.issuer.revokeBatch([
      { credentialId: published.credentialId, reason: 'published' },
      { credentialId: batch[1]!.credentialId, reason: 'of the batch' },
    ])
    await bed.reindexed()
    const [first, second, third] = batch.map(({ credentialId }) => credentialId)
    ids = {
      ...{ expiring: expiring.credentialId, kept: kept.credentialId },
      ...{ published: published.credentialId, repeated: repeated.credentialId },
      ...{ first: first!, second: second!, third: third! },
      ...{ strange: `0x${'7a'.repeat(26)}${'00'.repeat(6)}`, anchored },
    }
  })
  after(() => bed.stop())

  const nameOf = (id: string) => Object.entries(ids).find(([, own]) => own === id)?.[0] ?? id

  /** Names and states over all pages. */
  const list = async (query = '', limit = 50): Promise<string[]> => {
    const all: string[] = []
    let cursor = ''
    do {
      const path = `/v1/credentials?issuer=${bed.issuer.issuer}&limit=${limit}${query}${cursor}`
      const { status, body } = await bed.get(path)
      expect(status, JSON.stringify(body)).to.equal(200)
      expect(body.credentials.length).to.be.lessThanOrEqual(limit)
      all.push(
        ...body.credentials.map(({ credentialId, state }: Listed) => `${nameOf(credentialId)} ${state}`),
      )
      cursor = body.next === null ? '' : `&cursor=${body.next}`
    } while (cursor !== '')
    return all
  }

  const ALL = [
    ...['expiring expired', 'kept issued', 'published revoked', 'repeated issued'],
    ...['first issued', 'second revoked', 'third issued', 'strange issued', 'anchored revoked'],
  ]

  for (const limit of [1, 2, 3, 50])
    it(`lists every credential of an issuer once, in chain order, ${limit} a page`, async () => {
      expect(await list('', limit)).to.deep.equal(ALL)
    })

  for (const limit of [1, 50])
    it(`lists those of one state, revoked ones in the order of their revocations, ${limit} a page`, async () => {
      expect(await list('&state=issued', limit)).to.deep.equal(ALL.filter((name) => name.endsWith('issued')))
      expect(await list('&state=expired', limit)).to.deep.equal(['expiring expired'])
      expect(await list('&state=revoked', limit)).to.deep.equal([
        ...['anchored revoked', 'published revoked', 'second revoked'],
      ])
    })

  it('lists as of an earlier block or time, with the states of then', async () => {
    const then = ALL.slice(0, -1).map((name) => `${name.split(' ')[0]} issued`)
    expect(await list(`&asOf=${early}`, 2)).to.deep.equal(then)
    expect(await list(`&asOf=${early}&state=revoked`)).to.deep.equal([])
    expect(await list(`&asOf=${expiresAt - 1}&state=expired`)).to.deep.equal([])
    expect(await list(`&asOf=${expiresAt}&state=expired`)).to.deep.equal(['expiring expired'])
  })

  it('lists by time of the block: of the issue, and with state=revoked of the revocation', async () => {
    const [first] = (await bed.lookUp(ids.first!)).body.credentials
    const { timestamp } = first.issue.block
    expect(await list(`&from=${timestamp}&to=${timestamp + 1}`)).to.include.members(['first issued'])
    expect(await list(`&from=${revokedFrom}`)).to.deep.equal(['anchored revoked'])
    expect(await list(`&to=${revokedFrom}`)).to.deep.equal(ALL.slice(0, -1))
    expect(await list(`&from=${revokedFrom}&state=revoked`)).to.have.length(3)
    expect(await list(`&to=${revokedFrom}&state=revoked`)).to.deep.equal([])
  })

  it('stays at the block and the states of its first page', async () => {
    const path = `/v1/credentials?issuer=${bed.issuer.issuer}&limit=2`
    const { body } = await bed.get(path)
    await bed.issuer.issue()
    await bed.issuer.revoke(ids.third!, 'later')
    await bed.reindexed()
    const rest = await bed.get(`${path.replace('limit=2', 'limit=50')}&cursor=${body.next}`)
    expect(rest.body.credentials.map(({ credentialId }: Listed) => nameOf(credentialId))).to.deep.equal(
      ALL.slice(2).map((name) => name.split(' ')[0]),
    )
    expect(
      rest.body.credentials.find(({ credentialId }: Listed) => credentialId === ids.third).state,
    ).to.equal('issued')
    const other = await bed.get(`${path}&state=issued&cursor=${body.next}`)
    expect([other.status, other.body.code]).to.deep.equal([400, 'CURSOR_INVALID'])
  })

  it('goes on behind any number of entries that are not asked for', async () => {
    for (let i = 0; i < 6; i++) await bed.stranger.issueBatch(100)
    const { credentialId } = await bed.stranger.issue()
    await bed.stranger.publish(Array.from({ length: 450 }, () => ({ ...someEntry() })))
    await bed.stranger.revoke(credentialId, 'one of many')
    await bed.stranger.publish(Array.from({ length: 450 }, () => ({ ...someEntry() })))
    await bed.reindexed()
    const path = `/v1/credentials?issuer=${bed.stranger.issuer}&limit=200`
    let [count, pages, cursor] = [0, 0, '']
    do {
      const { body } = await bed.get(`${path}&state=expired${cursor}`)
      count += body.credentials.length
      pages++
      cursor = body.next === null ? '' : `&cursor=${body.next}`
    } while (cursor !== '')
    expect([count, pages]).to.deep.equal([0, 2])
    const revoked = await bed.get(`${path}&state=revoked`)
    expect(revoked.body.next).to.equal(null)
    expect(revoked.body.credentials.map(({ revocation }: Listed) => revocation?.reason)).to.deep.equal([
      'one of many',
    ])
  })

  it('looks up a credential once, however often its issuer wrote it', async () => {
    const fresh = await startCredentials({}, { engine })
    try {
      const entry = someEntry()
      for (let i = 0; i < 3; i++)
        await fresh.issuer.publish(Array.from({ length: 350 }, () => ({ ...entry, digest: randomBytes32() })))
      await fresh.issuer.revoke(entry.credentialId, 'once')
      await fresh.reindexed()
      const { store } = fresh.indexer
      let rows = 0
      let lookups = 0
      const { findRecords, findFirstRecords } = store
      const counted = (found: RecordRow[]) => {
        lookups++
        rows += found.length
        return found
      }
      store.findRecords = async (...args) => counted(await findRecords(...args))
      store.findFirstRecords = async (...args) => counted(await findFirstRecords(...args))
      const { body } = await fresh.get(`/v1/credentials?issuer=${fresh.issuer.issuer}`)
      expect(body.credentials.map(({ credentialId, state }: Listed) => [credentialId, state])).to.deep.equal([
        [entry.credentialId, 'revoked'],
      ])
      expect(lookups).to.be.within(3, 6)
      expect(rows).to.be.lessThan(20)
    } finally {
      await fresh.stop()
    }
  })

  it('is empty of an issuer who wrote nothing, and refuses none', async () => {
    const empty = await bed.get(`/v1/credentials?issuer=0x${'00'.repeat(19)}01`)
    expect(empty.body).to.deep.include({ credentials: [], next: null })
    expect((await bed.get('/v1/credentials')).status).to.equal(400)
  })
})
