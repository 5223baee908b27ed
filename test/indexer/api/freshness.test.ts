import { expect } from 'chai'
import { eventually } from '../../support/eventually.ts'
import { describeStores } from '../../support/stores.ts'
import { type ApiFixture, startApi } from './api-fixture.ts'

describeStores('entity tags', (engine) => {
  let api: ApiFixture
  before(async () => {
    api = await startApi({}, { engine })
  })
  after(() => api.stop())

  const tagOf = async (path: string): Promise<string> => {
    const read = async () => (await api.get(path)).headers.get('etag')
    let tag = await read()
    // The version in a tag may lag behind its chains.
    await eventually(`${path} has an ETag that stays`, async () => {
      const before = tag
      await new Promise((resolve) => setTimeout(resolve, 120))
      tag = await read()
      return tag !== null && tag === before
    })
    return tag!
  }
  const paths = async () => {
    const { serial } = await api.written(() => api.writer.record())
    return [
      `/v1/results/${serial}`,
      `/v1/results/${serial}/${api.provider}`,
      `/v1/results?provider=${api.provider}`,
      '/v1/participants',
      `/v1/participants/${api.provider}`,
    ]
  }

  it('answer 304 without a body while nothing has changed, and anew once a block came', async () => {
    for (const path of await paths()) {
      const etag = await tagOf(path)
      for (const known of [etag, `"other", ${etag}`, etag.slice(2)]) {
        const { status, headers, body } = await api.get(path, { 'if-none-match': known })
        expect([path, known, status, body, headers.get('etag')]).to.deep.equal([
          path,
          known,
          304,
          undefined,
          etag,
        ])
      }
      await api.chain.request('anvil_mine', ['0x1'])
      await eventually(`${path} is answered anew`, async () => {
        const { status, headers } = await api.get(path, { 'if-none-match': etag })
        return status === 200 && headers.get('etag') !== etag
      })
    }
  })

  it('do not match another tag, nor an asterisk', async () => {
    const [path] = await paths()
    await tagOf(path!)
    for (const known of ['"x"', '*', 'W/"', ',,,'])
      expect((await api.get(path!, { 'if-none-match': known })).status).to.equal(200)
  })

  it('are not on errors, nor on what is asked of the chain', async () => {
    for (const path of ['/v1/participants/0x1111111111111111111111111111111111111111', '/v1/status'])
      expect((await api.get(path)).headers.get('etag')).to.equal(null)
  })

  it('do not keep a malformed request from being refused', async () => {
    const etag = await tagOf('/v1/participants')
    expect((await api.get('/v1/results/x', { 'if-none-match': etag })).status).to.equal(400)
    expect((await api.get('/v1/participants?limit=0', { 'if-none-match': etag })).status).to.equal(400)
  })

  it('are gone while an author is incomplete', async () => {
    await tagOf('/v1/participants')
    const view = api.indexer.views.get(api.chain.chainId)!
    const before = view.completeness
    // The next check would put it right again.
    Object.defineProperty(view, 'completeness', { get: () => 'incomplete', set() {}, configurable: true })
    try {
      expect((await api.get('/v1/participants')).headers.get('etag')).to.equal(null)
    } finally {
      Object.defineProperty(view, 'completeness', { value: before, writable: true, enumerable: true })
    }
  })

  it('let an answer as of a final block be kept for a day', async () => {
    const { serial } = await api.written(() => api.writer.record())
    const number = (await api.get(`/v1/results/${serial}`)).body.records[0].block.number
    await tagOf('/v1/participants')
    const path = `/v1/results/${serial}?asOf=${number}`
    expect((await api.get(path)).headers.get('cache-control')).to.equal('public, max-age=86400')
    expect((await api.get(`/v1/results/${serial}`)).headers.get('cache-control')).to.equal('no-cache')
  })
})
