import { expect } from 'chai'
import { canonicalJson } from '../../../../protocol/canonical-json.ts'
import { type Neighbourhood, problem, settleEvidence } from '../evidence-fixture.ts'

const MAX_METADATA_BYTES = 16 * 1024

describe('metadata whose size counts', () => {
  let home: Neighbourhood
  before(async () => {
    home = await settleEvidence()
    await home.server.start()
  })
  after(() => home.end())

  it('leaves nothing staged where only the digits of the size make it too long', async () => {
    const { server } = home
    const rest = { mediaType: 'text/plain', name: 'a.txt', size: 0 }
    const left = MAX_METADATA_BYTES - canonicalJson({ ...rest, fields: { a: '' } }).length
    const metadata = { fields: { a: 'x'.repeat(left) } }
    const response = await server.upload('x'.repeat(100), { name: 'a.txt', type: 'text/plain', metadata })
    expect(await problem(response)).to.include({ status: 422, code: 'EVIDENCE_METADATA_INVALID' })
    expect(server.stagedFiles()).to.deep.equal([])
    expect(server.count('evidence')).to.equal(0)
  })
})
