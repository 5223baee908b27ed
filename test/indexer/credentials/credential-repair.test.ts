import { expect } from 'chai'
import type { Address } from '../../../protocol/hex.ts'
import { alterDatabase } from '../../support/alter-database.ts'
import { NEVER_COMPARED, repairByHand } from '../../support/author-repair.ts'
import { someEntry } from '../../support/credential-writer.ts'
import { dumpOf } from '../../support/indexer.ts'
import { describeStores } from '../../support/stores.ts'
import { type CredentialBed, startCredentials } from './credential-bed.ts'

describeStores('repair of revocations', (engine) => {
  const blob = (hex: string) => (engine.name === 'SQLite' ? `X'${hex}'` : `'\\x${hex}'`)
  let bed: CredentialBed
  let revoked = ''
  beforeEach(async () => {
    bed = await startCredentials(NEVER_COMPARED, { engine })
    const [first, second] = await bed.issuer.issueBatch(2, (await bed.now()) + 1_000)
    await bed.issuer.publish([someEntry(), someEntry()])
    revoked = first!.credentialId
    await bed.issuer.revokeBatch([
      { credentialId: revoked, reason: 'first' },
      { credentialId: second!.credentialId, reason: 'second' },
    ])
    await bed.stranger.revoke(revoked, 'of the stranger')
    await bed.reindexed()
  })
  afterEach(() => bed.stop())

  const repair = (author: Address) => repairByHand(bed, 'CredentialRegistry', author)

  it('finds nothing to repair where all is right', async () => {
    for (const { issuer } of [bed.issuer, bed.stranger])
      expect(await repair(issuer)).to.include({ missing: 0, surplus: 0 })
  })

  const OF_ISSUER = 'log_index = 0 AND block_number < (SELECT MAX(block_number) FROM revocations)'
  const damages: [what: string, sql: string][] = [
    ['gone', `DELETE FROM revocations WHERE ${OF_ISSUER} RETURNING 1`],
    ['altered', `UPDATE revocations SET revocation_reason = ${blob('41')} WHERE ${OF_ISSUER} RETURNING 1`],
    [
      'of another credential',
      `UPDATE revocations SET credential_key = ${blob('42'.repeat(26) + '00'.repeat(6))} WHERE ${OF_ISSUER} RETURNING 1`,
    ],
    [
      'of somebody else',
      `UPDATE revocations SET issuer = (
         SELECT issuer FROM revocations WHERE block_number = (SELECT MAX(block_number) FROM revocations)
       ) WHERE ${OF_ISSUER} RETURNING 1`,
    ],
    [
      'beside an entry that revokes nothing',
      `INSERT INTO revocations SELECT chain_id, block_number, log_index, entry_index, contract_id, author,
         key, digest, transaction_hash FROM records WHERE tier = 1 RETURNING 1`,
    ],
    [
      'beside no entry',
      `INSERT INTO revocations SELECT chain_id, block_number, log_index + 50, entry_index, contract_id, author,
         key, digest, transaction_hash FROM records WHERE tier = 1 RETURNING 1`,
    ],
  ]
  for (const [what, sql] of damages)
    it(`restores reasons that are ${what} where their records are right`, async () => {
      const truth = await dumpOf(bed.indexer)
      expect(await alterDatabase(bed.database, sql)).to.be.greaterThan(0)
      expect(await dumpOf(bed.indexer)).to.not.deep.equal(truth)
      const ofStranger = await repair(bed.stranger.issuer)
      const ofIssuer = await repair(bed.issuer.issuer)
      expect(ofStranger.surplus + ofIssuer.surplus).to.be.greaterThan(0)
      expect(ofStranger.missing + ofIssuer.missing).to.equal(0)
      expect(await dumpOf(bed.indexer)).to.deep.equal(truth)
      expect((await repair(bed.issuer.issuer)).surplus).to.equal(0)
    })

  it('says that a reason is not there rather than making one up', async () => {
    await alterDatabase(bed.database, 'DELETE FROM revocations RETURNING 1')
    const { body } = await bed.lookUp(revoked)
    expect(body.credentials[0]).to.deep.include({ state: 'revoked' })
    expect(body.credentials[0].revocation.reason).to.equal(null)
  })

  it('brings the reason back with the record of a revocation that was left out', async () => {
    const truth = await dumpOf(bed.indexer)
    for (const table of ['revocations', 'records'])
      await alterDatabase(
        bed.database,
        `DELETE FROM ${table} WHERE (block_number, log_index) = (SELECT block_number, log_index FROM records
           WHERE ${engine.name === 'SQLite' ? 'substr(key, 32)' : 'substr(key, 32, 1)'} = ${blob('01')} ORDER BY block_number LIMIT 1) RETURNING 1`,
      )
    expect((await dumpOf(bed.indexer)).length).to.equal(truth.length - 2)
    expect((await repair(bed.issuer.issuer)).missing).to.equal(1)
    expect(await dumpOf(bed.indexer)).to.deep.equal(truth)
  })

  it('brings records back beside which a reason was left', async () => {
    const truth = await dumpOf(bed.indexer)
    await alterDatabase(
      bed.database,
      `DELETE FROM records WHERE (block_number, log_index) = (SELECT block_number, log_index FROM revocations LIMIT 1) RETURNING 1`,
    )
    expect((await repair(bed.issuer.issuer)).missing).to.equal(1)
    expect(await dumpOf(bed.indexer)).to.deep.equal(truth)
  })
})
