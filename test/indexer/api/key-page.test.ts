import { expect } from 'chai'
import { randomBytes32 } from '../../../protocol/hex.ts'
import { newSerial, serialToKey } from '../../../protocol/serial.ts'
import { recordWriter } from '../../support/record-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type ApiFixture, startApi } from './api-fixture.ts'

const OTHER_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'

describeStores('a serial with many records', (engine) => {
  let api: ApiFixture
  before(async () => {
    api = await startApi({}, { engine })
  })
  after(() => api.stop())

  it('is answered page by page, each record once and repeated ones flagged', async () => {
    const serial = newSerial()
    const other = recordWriter(api.chain.url, api.contracts.QueryResultRegistry, OTHER_KEY)
    await api.written(async () => {
      // Another author floods the serial before the provider records it.
      for (let i = 0; i < 3; i++)
        await other.publish(
          Array.from({ length: 150 }, () => ({ key: serialToKey(serial), digest: randomBytes32() })),
        )
      await api.writer.publish([{ key: serialToKey(serial), digest: randomBytes32() }])
      await api.writer.publish([{ key: serialToKey(serial), digest: randomBytes32() }])
    })
    other.close()
    const first = await api.get(`/v1/results/${serial}`)
    expect(first.body.records, 'bounded without being asked to be').to.have.length(100)
    const records: { provider: string; repeated: boolean; digest: string }[] = []
    let next: string | null = ''
    while (next !== null) {
      const { body } = await api.get(`/v1/results/${serial}?limit=130${next === '' ? '' : `&cursor=${next}`}`)
      records.push(...body.records)
      next = body.next
    }
    expect(records).to.have.length(452)
    expect(new Set(records.map(({ digest }) => digest)).size).to.equal(452)
    const firsts = records.filter(({ repeated }) => !repeated).map(({ provider }) => provider)
    expect(firsts).to.deep.equal([other.author, api.provider])

    const own = await api.get(`/v1/results/${serial}/${api.provider}`)
    expect(own.body.records.map(({ repeated }: { repeated: boolean }) => repeated)).to.deep.equal([
      false,
      true,
    ])
    expect(own.body.next).to.equal(null)
    const audit = await api.post('/v1/audits', { serial, provider: other.author, digest: randomBytes32() })
    expect(audit.body.otherRecords, 'repeats are bounded').to.have.length(100)
    expect(audit.body.record.digest).to.equal(records[0]!.digest)
  })

  it('refuses the cursor of another serial, and one whose block left the chain', async () => {
    const pending = await startApi({}, { finalityDepth: 20, engine })
    try {
      const key = () => serialToKey(serial)
      const serial = newSerial()
      await pending.written(() => pending.writer.publish([{ key: key(), digest: randomBytes32() }]))
      const snapshot = await pending.chain.request('evm_snapshot')
      const entries = Array.from({ length: 3 }, () => ({ key: key(), digest: randomBytes32() }))
      await pending.written(() => pending.writer.publish(entries))
      const { body } = await pending.get(`/v1/results/${serial}?limit=1`)
      const foreign = await pending.get(`/v1/results/${newSerial()}?cursor=${body.next}`)
      expect([foreign.status, foreign.body.code]).to.deep.equal([400, 'CURSOR_INVALID'])

      await pending.chain.request('evm_revert', [snapshot])
      await pending.chain.request('evm_increaseTime', [7])
      await pending.written(() => pending.writer.publish([{ key: key(), digest: randomBytes32() }]))
      const orphaned = await pending.get(`/v1/results/${serial}?limit=1&cursor=${body.next}`)
      expect([orphaned.status, orphaned.body.code]).to.deep.equal([409, 'CURSOR_ORPHANED'])
      expect((await pending.get(`/v1/results/${serial}`)).body.orphaned).to.have.length(3)
    } finally {
      await pending.stop()
    }
  })
})
