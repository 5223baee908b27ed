import { expect } from 'chai'
import { alterDatabase } from '../../support/alter-database.ts'
import { someEntry } from '../../support/credential-writer.ts'
import { fsckFindings, indexInto } from '../../support/fsck-findings.ts'
import { describeStores } from '../../support/stores.ts'
import { type CredentialBed, startCredentials } from './credential-bed.ts'

describeStores('fsck of credentials', (engine) => {
  const blob = (hex: string) => (engine.name === 'SQLite' ? `X'${hex}'` : `'\\x${hex}'`)
  let bed: CredentialBed
  let database: string
  let drop: () => Promise<void>
  before(async () => {
    bed = await startCredentials()
    const { credentialId } = await bed.issuer.issue({ expiresAt: (await bed.now()) + 1_000 })
    await bed.issuer.publish([someEntry()])
    await bed.issuer.revoke(credentialId, 'checked')
  })
  beforeEach(async () => {
    const made = await engine.newDatabase()
    database = made.database
    drop = made.drop
    await indexInto(database, bed)
  })
  afterEach(() => drop())
  after(() => bed.stop())

  const check = () => fsckFindings(database, bed)

  it('finds nothing where all is right', async () => {
    expect(await check()).to.deep.equal({ online: [], offline: [] })
  })

  const online = ['revocations']
  const damages: [what: string, sql: string, found: { online: string[]; offline: string[] }][] = [
    [
      'another reason',
      `UPDATE revocations SET revocation_reason = ${blob('4142')}`,
      { online, offline: ['revocations its reason is not that of its record'] },
    ],
    [
      'another credential',
      `UPDATE revocations SET credential_key = ${blob('41'.repeat(26) + '00'.repeat(6))}`,
      { online, offline: ['revocations it is of another credential than its record'] },
    ],
    [
      'another issuer',
      `UPDATE revocations SET issuer = ${blob('41'.repeat(20))}`,
      { online, offline: ['revocations it is of another issuer than its record'] },
    ],
    [
      'another transaction',
      `UPDATE revocations SET transaction_hash = ${blob('41'.repeat(32))}`,
      { online, offline: ['revocations it is of another transaction than its record'] },
    ],
    [
      'another registry',
      `UPDATE revocations SET contract_id = (SELECT contract_id FROM contracts WHERE kind = 'QueryResultRegistry')`,
      { online, offline: ['revocations it is of another registry than its record'] },
    ],
    [
      'a reason that is gone',
      'DELETE FROM revocations',
      { online, offline: ['records it revokes a credential, and has no reason'] },
    ],
    [
      'a reason beside no record',
      'UPDATE revocations SET log_index = 77',
      {
        online,
        offline: [
          'records it revokes a credential, and has no reason',
          'revocations there is no record at its place',
        ],
      },
    ],
    [
      'an expiry that is another',
      `UPDATE records SET digest = ${blob(`${'00'.repeat(31)}01`)} WHERE log_index = 1`,
      { online: ['records'], offline: ['heads it is not what its rows fold to'] },
    ],
  ]
  for (const [what, sql, found] of damages)
    it(`finds ${what}`, async () => {
      expect(await alterDatabase(database, `${sql} RETURNING 1`)).to.be.greaterThan(0)
      expect(await check()).to.deep.equal(found)
    })
})
