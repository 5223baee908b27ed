import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { deployAll } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import { genesisOf, type ReplacedChain, replaceChain } from '../../support/replaced-chain.ts'
import { type Neighbourhood, OfficeProcess, paymentRequests, settleOffice } from './office-fixture.ts'
import { runScript } from './upload-fixture.ts'

describe('reconciling a tax office whose chain was started afresh', () => {
  let home: Neighbourhood
  /** The other chain has the same contracts at the same addresses, and nothing recorded. */
  let replaced: ReplacedChain
  let office: OfficeProcess

  before(async () => {
    home = await settleOffice()
    replaced = await replaceChain(home.chain)
    const { afresh, relay } = replaced
    expect(await deployAll(afresh.url)).to.deep.equal(home.contracts)
    // Past the blocks that the office knows: nothing can be on its way there.
    await afresh.request('anvil_mine', ['0x20'])
    const { chainId } = home.chain
    office = new OfficeProcess({ chainId, rpcUrl: relay.url, contracts: home.contracts })
    await office.start()
    await office.client.upload(paymentRequests(3))
    await eventually('everything is on chain', async () => {
      const { queued, sent } = await office.client.uploads()
      return queued + sent === 0
    })
    await office.end('SIGTERM')
  })
  after(async () => {
    await office.remove()
    await replaced.end()
    await home.end()
  })

  const reconcile = async () => {
    const { code, stdout } = await runScript(office, 'reconcile', ['--json']).ended
    return { code, report: JSON.parse(stdout) }
  }
  const change = (sql: string): void => {
    const db = new DatabaseSync(office.databaseFile)
    db.exec(sql)
    db.close()
  }
  const same = { code: 0, 'report.same': 3, 'report.isComplete': true }
  const mismatch = { code: 1, 'report.code': 'CHAIN_MISMATCH' }

  it('takes it for another one, and calls nothing missing', async () => {
    expect(await reconcile()).to.deep.nested.include(same)
    replaced.becomes(replaced.afresh)
    const { code, report } = await reconcile()
    expect({ code, report }).to.deep.nested.include(mismatch)
    expect(report).to.not.have.any.keys('counts', 'missing')
  })

  it('goes by the address book where the database does not know its chain yet', async () => {
    const file = office.addressBookFile
    const before = readFileSync(file, 'utf8')
    const book = JSON.parse(before)
    book.chains[0].genesisHash = await genesisOf(home.chain)
    change('UPDATE outbox_owner SET genesis_hash = NULL')
    writeFileSync(file, JSON.stringify(book))
    replaced.becomes(replaced.afresh)
    expect(await reconcile()).to.deep.nested.include(mismatch)
    replaced.becomes(home.chain)
    expect(await reconcile()).to.deep.nested.include(same)
    writeFileSync(file, before)
  })

  it('reads a database of before this was kept', async () => {
    change('ALTER TABLE outbox_owner DROP COLUMN genesis_hash')
    replaced.becomes(home.chain)
    expect(await reconcile()).to.deep.nested.include(same)
  })
})
