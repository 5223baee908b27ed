import { expect } from 'chai'
import { globalOptions } from 'hardhat'
import type { CredentialOnChain } from '../../../protocol/credentials/credential-batch.ts'
import { type Address, type Bytes32, ZERO_ADDRESS } from '../../../protocol/hex.ts'
import type { Entry } from '../../../protocol/record-book.ts'
import { addressOf, ethers, networkHelpers } from '../support/chain.ts'
import {
  type CredentialRegistry,
  credentialBatch,
  issue,
  revocationBatch,
  signBatch,
} from '../support/credentials.ts'
import { GasSnapshot, seeded } from '../support/gas-snapshot.ts'

const DEADLINE = 4_000_000_000
const EXPIRES_AT = 3_999_999_999
const REASON = 'superseded by a corrected report'

const seededCredential = (seed: string, expiresAt = 0): CredentialOnChain => ({
  // 26 bytes that are hardly ever zero, as those of a ULID never are.
  credentialId: `${seeded(`${seed} id`).slice(0, 54)}${'0'.repeat(12)}` as Bytes32,
  digest: seeded(`${seed} digest`),
  expiresAt,
})
const seededCredentials = (size: number, seed: string, expiresAt = 0): CredentialOnChain[] =>
  Array.from({ length: size }, (_, i) => seededCredential(`${seed} ${i}`, expiresAt))
const seededEntries = (size: number, seed: string): Entry[] =>
  seededCredentials(size, seed).map(({ credentialId, digest }) => ({ key: credentialId, digest }))
const seededRevocations = (size: number, seed: string) =>
  seededCredentials(size, seed).map(({ credentialId }) => ({ credentialId, reason: REASON }))

const snapshot = new GasSnapshot('credentials-gas.json')
const signers = await ethers.getSigners()
const [issuer, relayer] = signers
// Nobody else deploys from it: the addresses, and with them the signed bytes, are the same in every run.
const deployer = signers.at(-3)!

/** A registry in which `issuer` has written before (a head costs 17,100 more the first time). */
async function usedRegistry() {
  const deployed = await ethers.deployContract('CredentialRegistry', [ZERO_ADDRESS], deployer)
  const registry = deployed.connect(issuer!) as unknown as CredentialRegistry
  await registry.issueBatch(seededCredentials(1, 'first'))
  return { registry }
}

describe('gas of credentials', () => {
  // Instrumented code costs more, and nothing that anybody pays.
  if (globalOptions.coverage) return

  let registry: CredentialRegistry
  beforeEach(async () => {
    ;({ registry } = await networkHelpers.loadFixture(usedRegistry))
  })

  const relayed = () => registry.connect(relayer!) as CredentialRegistry

  it('of one credential is at most 52,500, and 25,000 more with an expiry', async () => {
    const { key, digest } = seededEntries(1, 'recorded')[0]!
    expect(await snapshot.measure('record', registry.record(key, digest))).to.be.at.most(52_500)
    const gas = await snapshot.measure('issue', issue(registry, seededCredential('one')))
    expect(gas).to.be.at.most(52_500)
    const expiring = await snapshot.measure(
      'issue with an expiry',
      issue(registry, seededCredential('two', EXPIRES_AT)),
    )
    expect(expiring).to.be.at.most(gas + 25_000)
    const newcomer = relayed()
    await snapshot.measure("issue, an issuer's first", issue(newcomer, seededCredential('newcomer')))
  })

  it('of a batch of 100 is at most 25,900 a record', async () => {
    for (const size of [1, 10, 100]) {
      const entries = seededEntries(size, `batch ${size}`)
      const gas = await snapshot.measurePerRecord(
        `recordBatch of ${size}`,
        size,
        registry.recordBatch(entries),
      )
      if (size === 100) expect(gas).to.be.at.most(25_900)
      const credentials = seededCredentials(size, `issue ${size}`)
      await snapshot.measurePerRecord(`issueBatch of ${size}`, size, registry.issueBatch(credentials))
    }
    const expiring = seededCredentials(100, 'expiring', EXPIRES_AT)
    await snapshot.measurePerRecord('issueBatch of 100 with expiries', 100, registry.issueBatch(expiring))
  })

  it('of a relayed batch of 100 is at most 26,200 a record', async () => {
    const account = issuer!.address as Address
    const credentials = seededCredentials(100, 'relay')
    const asked = credentialBatch(await addressOf(registry), account, credentials, DEADLINE)
    const signature = await signBatch(issuer! as never, asked)
    const call = relayed().issueFor(account, credentials, DEADLINE, signature)
    expect(await snapshot.measurePerRecord('issueFor of 100', 100, call)).to.be.at.most(26_200)
  })

  it('of a revocation is at most 55,000', async () => {
    const { credentialId } = seededCredential('revoked')
    const gas = await snapshot.measure('revoke', registry.revoke(credentialId, REASON))
    expect(gas).to.be.at.most(55_000)
    const many = registry.revokeBatch(seededRevocations(100, 'revoked'))
    await snapshot.measurePerRecord('revokeBatch of 100', 100, many)
    const account = issuer!.address as Address
    const revocations = seededRevocations(100, 'relayed')
    const asked = revocationBatch(await addressOf(registry), account, revocations, DEADLINE)
    const signature = await signBatch(issuer! as never, asked)
    const call = relayed().revokeFor(account, revocations, DEADLINE, signature)
    await snapshot.measurePerRecord('revokeFor of 100', 100, call)
  })

  it('of publishing 500 is at most 2,700 a record', async () => {
    const call = registry.publish(seededEntries(500, 'publish'))
    expect(await snapshot.measurePerRecord('publish of 500', 500, call)).to.be.at.most(2_700)
  })

  it('of anchoring 1,024 is at most 60 a record', async () => {
    const call = registry.anchor(seeded('root'), 1024, 'https://evidence.example/v1/anchors/')
    expect(await snapshot.measurePerRecord('anchor of 1024', 1024, call)).to.be.at.most(60)
  })

  after(() => snapshot.compare())
})
