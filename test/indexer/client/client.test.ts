import { expect } from 'chai'
import {
  createIndexerClient,
  type IndexerClient,
  IndexerProblem,
  type StreamedEvent,
} from '../../../indexer/client/index.ts'
import { newSerial } from '../../../protocol/serial.ts'
import { type ApiFixture, startApi } from '../api/api-fixture.ts'

describe('indexer client', () => {
  let api: ApiFixture
  let client: IndexerClient
  before(async () => {
    api = await startApi()
    client = createIndexerClient(api.indexer.url)
  })
  after(() => api.stop())

  const problemOf = async (asked: Promise<unknown>): Promise<IndexerProblem> => {
    const problem = await asked.then(
      () => undefined,
      (error: unknown) => error,
    )
    if (!(problem instanceof IndexerProblem)) throw new Error(`not a problem: ${String(problem)}`)
    return problem
  }

  it('asks with typed paths, parameters and bodies', async () => {
    const { serial, digest } = await api.written(() => api.writer.record())
    const path = { serial, provider: api.provider }
    const { data } = await client.GET('/v1/results/{serial}/{provider}', { params: { path } })
    expect(data!.records[0]!.digest).to.equal(digest)
    expect(data!.standings[0]!.completeness).to.equal('complete')
    const audit = await client.POST('/v1/audits', { body: { ...path, digest } })
    expect(audit.data!.verdict).to.equal('consistent')
    const list = await client.GET('/v1/results', { params: { query: { provider: api.provider, limit: 1 } } })
    expect(list.data!.records).to.have.length(1)
  })

  it('throws the problem document of an answer that is an error', async () => {
    const path = { serial: newSerial(), provider: api.provider }
    const unknown = await problemOf(client.GET('/v1/results/{serial}/{provider}', { params: { path } }))
    expect(unknown).to.include({ code: 'RECORD_UNKNOWN', status: 404, retryable: false })
    expect(unknown.action).to.be.a('string')
    expect(unknown.problem.heads).to.have.length(1)
    const ahead = await problemOf(
      client.GET('/v1/results/{serial}', {
        params: { path: { serial: newSerial() }, query: { asOf: '100000' } },
      }),
    )
    expect(ahead).to.include({ code: 'AS_OF_NOT_INDEXED', retryable: true })
  })

  it('says so when what answers is no indexer', async () => {
    const other = createIndexerClient('http://indexer.example', {
      fetch: async () => new Response('<html>', { status: 502 }),
    })
    expect(await problemOf(other.GET('/v1/status'))).to.include({
      code: 'UNREADABLE_ANSWER',
      status: 502,
      retryable: true,
    })
  })

  it('takes 304 for an answer', async () => {
    const { response } = await client.GET('/v1/participants')
    const { response: again } = await client.GET('/v1/participants', {
      params: { header: { 'if-none-match': response.headers.get('etag') ?? '' } },
    })
    expect([200, 304]).to.include(again.status)
  })

  describe('events', () => {
    const isRecord = ({ event }: StreamedEvent) => event.startsWith('record')
    /** Digests of the records streamed, until there are so many. */
    async function digestsOf(events: AsyncGenerator<StreamedEvent>, count: number): Promise<string[]> {
      const digests: string[] = []
      for await (const streamed of events) {
        if (!isRecord(streamed)) continue
        digests.push(JSON.stringify(streamed.data).match(/"digest":"(0x[0-9a-f]{64})"/)![1]!)
        if (digests.length === count) break
      }
      return digests
    }

    it('goes on after the last one when connections break, with none lost or doubled', async () => {
      const results = await api.written(() => api.writer.recordBatch(6))
      let connections = 0
      /** Each connection ends after a few hundred bytes, in the middle of whatever it was saying. */
      const breaking: typeof fetch = async (input, init) => {
        connections++
        const response = await fetch(input, init)
        let left = 2_500
        const cut = new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            controller.enqueue(chunk.subarray(0, left))
            left -= chunk.length
            if (left <= 0) controller.error(new Error('cut'))
          },
        })
        return new Response(response.body!.pipeThrough(cut), response)
      }
      const broken = createIndexerClient(api.indexer.url, { fetch: breaking })
      const events = broken.events({ query: { after: 'beginning' }, retryMs: 5 })
      const whole = await digestsOf(client.events({ query: { after: 'beginning' } }), 7)
      expect(await digestsOf(events, 7)).to.deep.equal(whole)
      expect(whole.slice(-6)).to.deep.equal(results.map(({ digest }) => digest))
      expect(connections).to.be.greaterThan(1)
    })

    it('resumes where it is told to, and ends when it is told to', async () => {
      const ending = new AbortController()
      const seen: StreamedEvent[] = []
      for await (const event of client.events({ query: { after: 'beginning' }, signal: ending.signal })) {
        if (isRecord(event)) seen.push(event)
        if (seen.length === 3) ending.abort()
      }
      expect(seen).to.have.length(3)
      const [next] = await digestsOf(client.events({ lastEventId: seen[0]!.id! }), 1)
      expect(JSON.stringify(seen[1]!.data)).to.contain(next)
    })

    it('throws when there is no use in asking again', async () => {
      const events = client.events({ lastEventId: 'nonsense' })
      expect((await problemOf(events.next())).status).to.be.within(400, 499)
    })
  })
})
