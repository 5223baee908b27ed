import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { type S3Server, startS3Server } from '../../../support/s3-server.ts'
import { EvidenceProcess, type Neighbourhood, settleEvidence, sha256 } from '../evidence-fixture.ts'
import { fileOf, s3Environment } from '../verification/verifying.ts'

const CONTENT = 'kept by the first server'

describe('a content store that belongs to a server', function () {
  this.timeout(30_000)
  let s3: S3Server | undefined
  let home: Neighbourhood
  let other: EvidenceProcess
  afterEach(async () => {
    await other.remove()
    await home.end()
    await s3?.drop()
    s3 = undefined
  })

  async function settle(env: Record<string, string> = {}): Promise<void> {
    home = await settleEvidence(env)
    await home.server.start()
    await home.server.take(CONTENT)
    other = new EvidenceProcess(
      { chainId: home.chain.chainId, rpcUrl: home.chain.url, contracts: home.contracts },
      { EVIDENCE_STORE: home.server.storeFolder, ...env },
    )
  }

  async function refusalOf(server: EvidenceProcess, env: Record<string, string> = {}): Promise<string> {
    try {
      await server.start(env)
    } catch (error) {
      return (error as Error).message
    }
    throw new Error('it was started')
  }

  it('is refused to a server with another database, in a folder', async () => {
    await settle()
    expect(await refusalOf(other)).to.match(/^DATABASE_IN_USE: another process has the content store/m)
    await home.server.end('SIGTERM')
    const staged = path.join(home.server.stagingFolder, '0b0e54ea-8f0d-4a34-9d0e-3f0f6f2f8f10')
    writeFileSync(staged, 'an upload under way')
    expect(await refusalOf(other)).to.match(
      /^CONFIGURATION_INVALID: EVIDENCE_STORE is the store of another database/m,
    )
    expect(home.server.storedHashes()).to.deep.equal([sha256(CONTENT)])
    expect(readFileSync(staged, 'utf8')).to.equal('an upload under way')
    // A store of its own makes it good, and the owner goes on.
    await other.start({ EVIDENCE_STORE: path.join(other.folder, 'its own') })
    await home.server.start()
  })

  it('is refused to a server with another database, in a bucket', async () => {
    s3 = await startS3Server()
    await settle(s3Environment(s3))
    expect(await refusalOf(other)).to.match(
      /^CONFIGURATION_INVALID: EVIDENCE_STORE is the store of another database/m,
    )
    expect(readFileSync(fileOf(home.server, sha256(CONTENT), s3), 'utf8')).to.equal(CONTENT)
  })

  it('is not made anew for a database that has contents elsewhere', async () => {
    await settle()
    await home.server.end('SIGTERM')
    const EVIDENCE_STORE = path.join(home.server.folder, 'not mounted')
    expect(await refusalOf(home.server, { EVIDENCE_STORE })).to.include('has no identity')
    expect(readdirSync(EVIDENCE_STORE)).not.to.include('store-id')
  })

  it('has uploads staged in a folder of its own, and what lies beside that stays', async () => {
    await settle()
    await home.server.end('SIGTERM')
    const EVIDENCE_STAGING = path.join(home.server.folder, 'home')
    mkdirSync(path.join(EVIDENCE_STAGING, 'photographs'), { recursive: true })
    writeFileSync(path.join(EVIDENCE_STAGING, 'a letter.txt'), 'mine')
    await home.server.start({ EVIDENCE_STAGING })
    const id = readFileSync(path.join(home.server.storeFolder, 'store-id'), 'utf8')
    expect(readdirSync(EVIDENCE_STAGING)).to.have.members(['photographs', 'a letter.txt', id])
    await home.server.take('staged there')
  })
})
