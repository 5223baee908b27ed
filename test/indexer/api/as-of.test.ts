import { expect } from 'chai'
import { parseAsOf } from '../../../indexer/api/as-of.ts'
import { randomBytes32 } from '../../../protocol/hex.ts'
import { newSerial } from '../../../protocol/serial.ts'
import { directoryAs } from '../../support/contracts.ts'
import { caughtUp } from '../../support/indexer.ts'
import { recordWriter } from '../../support/record-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type ApiFixture, startApi } from './api-fixture.ts'

const OTHER_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'

describe('asOf', () => {
  describe('parseAsOf', () => {
    for (const [text, point] of [
      ['31337:12', { chainId: 31337, number: 12 }],
      ['12', { chainId: undefined, number: 12 }],
      ['999999999', { chainId: undefined, number: 999_999_999 }],
      ['1000000000', { timestamp: 1_000_000_000 }],
      ['2026-11-21', { timestamp: 1_795_219_200 }],
      ['2026-11-21T13:00Z', { timestamp: 1_795_266_000 }],
      ['2026-11-21T13:00:00.999Z', { timestamp: 1_795_266_000 }],
      ['2026-11-21T15:00:00+02:00', { timestamp: 1_795_266_000 }],
    ] as const)
      it(`reads ${text}`, () => expect(parseAsOf(text)).to.deep.equal(point))

    for (const text of [
      '-1',
      '1.5',
      '0x10',
      '1e9',
      ' 12',
      '1:2:3',
      ':5',
      '5:',
      'latest',
      '2026-11-21T13:00:00',
      '2026-02-30',
      '2026-13-01',
      '2026-11-21T25:00Z',
      '9999999999999999',
      '__proto__',
    ])
      it(`refuses ${JSON.stringify(text)}`, () =>
        expect(() => parseAsOf(text))
          .to.throw()
          .with.property('code', 'AS_OF_MALFORMED'))
  })

  describeStores('in answers', (engine) => {
    let api: ApiFixture
    before(async () => {
      api = await startApi({}, { finalityDepth: 3, engine })
    })
    after(() => api.stop())

    const blockOf = (record: { block: { number: number; timestamp: number } }) => record.block
    const laterBy = (seconds: number) => api.chain.request('evm_increaseTime', [seconds])

    /** A serial that one provider recorded, and another one some seconds and blocks later. */
    async function twoRecords() {
      const entry = await api.written(() => api.writer.record())
      await laterBy(60)
      const other = recordWriter(api.chain.url, api.contracts.QueryResultRegistry, OTHER_KEY)
      await api.written(() => other.publish([{ key: entry.key, digest: randomBytes32() }]))
      other.close()
      const { body } = await api.get(`/v1/results/${entry.serial}`)
      return { ...entry, first: blockOf(body.records[0]), second: blockOf(body.records[1]) }
    }

    it('leaves out what later blocks recorded, and names the block', async () => {
      const { serial, first, second } = await twoRecords()
      for (const [asOf, records] of [
        [`${api.chain.chainId}:${first.number}`, 1],
        [String(second.number - 1), 1],
        [String(second.number), 2],
        [String(first.timestamp), 1],
        [String(second.timestamp - 1), 1],
        [new Date(second.timestamp * 1000).toISOString(), 2],
      ] as const) {
        const { status, body } = await api.get(`/v1/results/${serial}?asOf=${encodeURIComponent(asOf)}`)
        expect([asOf, status, body.records?.length]).to.deep.equal([asOf, 200, records])
        expect(body.asOf).to.have.length(1)
        expect(body.asOf[0].block.number).to.be.at.most(records === 1 ? second.number - 1 : second.number)
        expect(body.asOf[0].block.number).to.be.at.least(records === 1 ? first.number : second.number)
        expect(body.standings[0].block.number).to.be.at.least(second.number)
      }
    })

    it('says of what it shows how final it is now, and of the block too', async () => {
      const { serial, first } = await twoRecords()
      const path = `/v1/results/${serial}/${api.provider}?asOf=${first.number}`
      const pending = await api.get(path)
      expect(pending.body.asOf[0].finality).to.equal('pending')
      expect(pending.headers.get('cache-control')).to.equal('no-cache')
      await api.chain.request('anvil_mine', ['0x4'])
      await caughtUp(api.indexer, api.chain)
      const settled = await api.get(path)
      expect(settled.body.asOf[0].finality).to.equal('final')
      expect(settled.body.records[0].finality).to.equal('final')
    })

    it('calls a time final only once a final block is past it', async () => {
      const { serial, second } = await twoRecords()
      const ask = async (asOf: number) => {
        const { body, headers } = await api.get(`/v1/results/${serial}?asOf=${asOf}`)
        return [body.asOf[0].finality, headers.get('cache-control')]
      }
      const mine = async () => {
        await laterBy(10)
        await api.chain.request('anvil_mine', ['0x5'])
        await caughtUp(api.indexer, api.chain)
        return (await api.get('/v1/status')).body.chains[0].standing
      }
      expect(await ask(second.timestamp)).to.deep.equal(['pending', 'no-cache'])
      const { block } = await mine()
      expect((await ask(second.timestamp))[0]).to.equal('final')
      expect((await ask(block.timestamp))[0], 'more may come in the last second').to.equal('pending')
      await mine()
      expect((await ask(block.timestamp))[0]).to.equal('final')
    })

    it('says 404 as of a block before the record, naming the block', async () => {
      const { serial, first } = await twoRecords()
      const { status, body } = await api.get(`/v1/results/${serial}?asOf=${first.number - 1}`)
      expect([status, body.code]).to.deep.equal([404, 'RECORD_UNKNOWN'])
      expect(body.asOf[0]).to.include({ chainId: api.chain.chainId, number: first.number - 1 })
    })

    it('answers before the first event with no block', async () => {
      const { body } = await api.get(`/v1/results?provider=${api.provider}&asOf=2001-09-10`)
      expect(body.records).to.deep.equal([])
      expect(body.asOf[0]).to.include({ number: -1, block: null })
      expect((await api.get('/v1/participants?asOf=0')).body.participants).to.deep.equal([])
    })

    it('pages a list as of a block, which stays while the chain goes on', async () => {
      const { second } = await twoRecords()
      const list = `/v1/results?provider=${api.provider}&asOf=${second.number}`
      const all = (await api.get(`${list}&limit=200`)).body.records
      await api.written(() => api.writer.recordBatch(3))
      const serials: string[] = []
      let next: string | null = ''
      while (next !== null) {
        const { body } = await api.get(`${list}&limit=2${next === '' ? '' : `&cursor=${next}`}`)
        serials.push(...body.records.map(({ serial }: { serial: string }) => serial))
        next = body.next
      }
      expect(serials).to.deep.equal(all.map(({ serial }: { serial: string }) => serial))
    })

    it('shows participants as they were registered then', async () => {
      const before = (await api.get('/v1/status')).body.chains[0].standing.block.number
      await laterBy(10)
      const { directory, provider: connection } = directoryAs(
        api.chain.url,
        api.contracts.ParticipantDirectory,
      )
      await api.written(async () => (await directory.getFunction('setStatus')(api.provider, 2)).wait())
      const path = `/v1/participants/${api.provider}`
      expect((await api.get(path)).body.participant.status).to.equal('suspended')
      expect((await api.get(`${path}?asOf=${before}`)).body.participant.status).to.equal('active')
      expect((await api.get(`/v1/participants?asOf=${before}`)).body.participants[0].status).to.equal(
        'active',
      )
      const { status, body } = await api.get(`${path}?asOf=1`)
      expect([status, body.code]).to.deep.equal([404, 'PARTICIPANT_UNKNOWN'])
      await laterBy(10)
      await api.written(async () => (await directory.getFunction('setStatus')(api.provider, 1)).wait())
      connection.destroy()
    })

    it('audits by what was recorded by then', async () => {
      const { serial, digest, first } = await twoRecords()
      await api.chain.request('anvil_mine', ['0x4'])
      await caughtUp(api.indexer, api.chain)
      const audit = (asOf: string) => api.post('/v1/audits', { serial, provider: api.provider, digest, asOf })
      expect((await audit(String(first.number))).body.verdict).to.equal('consistent')
      const early = await audit(String(first.number - 1))
      expect(early.body).to.include({ verdict: 'unrecorded', record: null })
      expect(early.body.asOf[0].number).to.equal(first.number - 1)
    })

    it('refuses a block or time past what is indexed', async () => {
      for (const asOf of ['100000', `${api.chain.chainId}:100000`, '99999999999'])
        for (const path of [
          `/v1/results/${newSerial()}?asOf=${asOf}`,
          `/v1/results?provider=${api.provider}&asOf=${asOf}`,
          `/v1/participants?asOf=${asOf}`,
          `/v1/participants/${api.provider}?asOf=${asOf}`,
        ]) {
          const { status, body } = await api.get(path)
          expect([path, status, body.code]).to.deep.equal([path, 409, 'AS_OF_NOT_INDEXED'])
          expect(body.standings[0].chainId).to.equal(api.chain.chainId)
        }
    })

    it('refuses another chain, and a parameter that is misspelt', async () => {
      const other = await api.get(`/v1/results/${newSerial()}?asOf=1:1`)
      expect([other.status, other.body.code]).to.deep.equal([400, 'AS_OF_MALFORMED'])
      for (const path of [`/v1/results/${newSerial()}?asof=1`, '/v1/participants?as_of=1']) {
        const { status, body } = await api.get(path)
        expect([status, body.code]).to.deep.equal([400, 'REQUEST_INVALID'])
      }
    })
  })
})
