import { expect } from 'chai'
import { MaxUint256 } from 'ethers'
import {
  type CredentialOnChain,
  credentialBatchDigest,
  type RevocationOnChain,
  revocationBatchDigest,
} from '../../../protocol/credentials/credential-batch.ts'
import {
  expiryEntry,
  issueEntry,
  readCredentialKey,
  revocationEntry,
} from '../../../protocol/credentials/credential-key.ts'
import { type Address, type Bytes32, randomBytes32, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import { EMPTY_HEAD, type Entry, foldRecords } from '../../../protocol/record-book.ts'
import { addressOf, CHAIN_ID, ethers, networkHelpers } from '../support/chain.ts'
import {
  batchDigestOf,
  type CredentialRegistry,
  credentialBatch,
  deployCredentialRegistry,
  randomCredential,
  randomCredentials,
  revocationBatch,
  STATE,
  signBatch,
} from '../support/credentials.ts'

const [alice, bob, gate] = await ethers.getSigners()
const issuer = alice!.address as Address
const NO_SIGNATURE = `0x${'11'.repeat(65)}`

/** An open registry and one behind a gate, both empty. */
async function twoRegistries() {
  const [registry, gated] = await Promise.all([
    deployCredentialRegistry(),
    deployCredentialRegistry(gate!.address as Address),
  ])
  return { registry, gated, address: await addressOf(registry), gatedAddress: await addressOf(gated) }
}

const by = (signer: typeof alice, to: CredentialRegistry) => to.connect(signer!) as CredentialRegistry

const randomRevocations = (size: number): RevocationOnChain[] =>
  randomCredentials(size).map(({ credentialId }, i) => ({ credentialId, reason: `reason ${i}` }))

/** What the book keeps of credentials, in the order of the fold. */
const entriesOf = (credentials: readonly CredentialOnChain[]): Entry[] =>
  credentials.flatMap(({ credentialId, digest, expiresAt }) => {
    const id = readCredentialKey(credentialId)!.credentialId
    return [issueEntry(id, digest), ...(BigInt(expiresAt) === 0n ? [] : [expiryEntry(id, Number(expiresAt))])]
  })

const revocationEntriesOf = (revocations: readonly RevocationOnChain[]): Entry[] =>
  revocations.map(({ credentialId, reason }) =>
    revocationEntry(readCredentialKey(credentialId)!.credentialId, reason),
  )

const LATER = 4_000_000_000

describe('CredentialRegistry, many at once', () => {
  let registry: CredentialRegistry
  let gated: CredentialRegistry
  let address: Address
  let gatedAddress: Address

  beforeEach(async () => {
    ;({ registry, gated, address, gatedAddress } = await networkHelpers.loadFixture(twoRegistries))
  })

  describe('issueBatch', () => {
    it('issues all in order, each followed by its expiry', async () => {
      const credentials = [
        randomCredential(),
        randomCredential({ expiresAt: LATER }),
        randomCredential({ expiresAt: LATER + 1 }),
        randomCredential(),
      ]
      const receipt = await (await registry.issueBatch(credentials)).wait()
      expect(
        receipt!.logs.map(
          (log: { topics: string[]; data: string }) => registry.interface.parseLog(log)!.name,
        ),
      ).to.deep.equal([
        'CredentialIssued',
        'CredentialIssued',
        'CredentialExpirySet',
        'CredentialIssued',
        'CredentialExpirySet',
        'CredentialIssued',
      ])
      const entries = entriesOf(credentials)
      expect(await registry.headOf(issuer)).to.equal(foldRecords(EMPTY_HEAD, entries))
      expect(
        await registry.digestsOf(
          issuer,
          entries.map(({ key }) => key),
        ),
      ).to.deep.equal(entries.map(({ digest }) => digest))
    })

    it('goes on from the head that stands', async () => {
      const [first, second] = [
        randomCredentials(3, { expiresAt: LATER }),
        randomCredentials(2, { expiresAt: LATER }),
      ]
      await registry.issueBatch(first)
      await registry.issueBatch(second)
      expect(await registry.headOf(issuer)).to.equal(
        foldRecords(EMPTY_HEAD, entriesOf([...first, ...second])),
      )
    })

    it('refuses an id twice in a batch, and issues nothing of it', async () => {
      const [first, second] = [randomCredential({ expiresAt: LATER }), randomCredential()]
      await expect(registry.issueBatch([first, second, { ...first, digest: randomBytes32() }]))
        .to.be.revertedWithCustomError(registry, 'EntryAlreadyRecorded')
        .withArgs(issuer, first.credentialId, first.digest)
      expect(await registry.headOf(issuer)).to.equal(EMPTY_HEAD)
      expect(await registry.stateOf(issuer, first.credentialId)).to.equal(STATE.none)
    })

    it('says which credential is unfit', async () => {
      const good = randomCredentials(3)
      const [bad] = [randomCredential()]
      const id = bad.credentialId
      const badKey = randomBytes32()
      const refusals: [Partial<CredentialOnChain>, string, unknown[]][] = [
        [{ credentialId: ZERO_BYTES32 }, 'EntryKeyEmpty', [3]],
        [{ digest: ZERO_BYTES32 }, 'EntryDigestEmpty', [id]],
        [{ credentialId: badKey }, 'CredentialIdInvalid', [badKey]],
      ]
      for (const [fault, error, values] of refusals)
        await expect(registry.issueBatch([...good, { ...bad, ...fault }]))
          .to.be.revertedWithCustomError(registry, error)
          .withArgs(...values)
      const timestamp = (await networkHelpers.time.latest()) + 10
      await networkHelpers.time.setNextBlockTimestamp(timestamp)
      await expect(registry.issueBatch([...good, { ...bad, expiresAt: timestamp }]))
        .to.be.revertedWithCustomError(registry, 'CredentialExpiryPast')
        .withArgs(id, timestamp, timestamp)
    })

    it('refuses an empty batch, and everything behind a gate', async () => {
      await expect(registry.issueBatch([])).to.be.revertedWithCustomError(registry, 'BatchEmpty').withArgs()
      await expectGateRequired(gated.issueBatch(randomCredentials(1)), issuer)
    })
  })

  describe('revokeBatch', () => {
    it('revokes all in order', async () => {
      const revocations = randomRevocations(5)
      const transaction = registry.revokeBatch(revocations)
      for (const { credentialId, reason } of revocations)
        await expect(transaction)
          .to.emit(registry, 'CredentialRevoked')
          .withArgs(credentialId, issuer, reason)
      expect(await registry.headOf(issuer)).to.equal(
        foldRecords(EMPTY_HEAD, revocationEntriesOf(revocations)),
      )
      for (const { credentialId } of revocations)
        expect(await registry.stateOf(issuer, credentialId)).to.equal(STATE.revoked)
    })

    it('refuses an id twice in a batch, and revokes nothing of it', async () => {
      const [first, second] = randomRevocations(2)
      await expect(registry.revokeBatch([first, second, { ...first, reason: 'another' }]))
        .to.be.revertedWithCustomError(registry, 'CredentialAlreadyRevoked')
        .withArgs(issuer, first!.credentialId, revocationEntriesOf([first!])[0]!.digest)
      expect(await registry.headOf(issuer)).to.equal(EMPTY_HEAD)
    })

    it('says which revocation is unfit', async () => {
      const [good, bad] = randomRevocations(2)
      await expect(registry.revokeBatch([good, { ...bad, credentialId: ZERO_BYTES32 }]))
        .to.be.revertedWithCustomError(registry, 'EntryKeyEmpty')
        .withArgs(1)
      await expect(registry.revokeBatch([good, { ...bad, reason: '' }]))
        .to.be.revertedWithCustomError(registry, 'RevocationReasonInvalid')
        .withArgs(bad!.credentialId, 0)
    })

    it('refuses an empty batch, and everything behind a gate', async () => {
      await expect(registry.revokeBatch([])).to.be.revertedWithCustomError(registry, 'BatchEmpty').withArgs()
      await expectGateRequired(gated.revokeBatch(randomRevocations(1)), issuer)
    })
  })

  describe('issueFor', () => {
    const sign = (credentials: readonly CredentialOnChain[], deadline: bigint | number, to = address) =>
      signBatch(alice! as never, credentialBatch(to, issuer, credentials, deadline))
    const relay = (credentials: readonly CredentialOnChain[], deadline: bigint | number, signature: string) =>
      by(bob, registry).issueFor(issuer, credentials, deadline, signature)

    it('issues for the issuer what it signed, whoever sends it', async () => {
      const credentials = [randomCredential({ expiresAt: LATER }), randomCredential()]
      await relay(credentials, MaxUint256, await sign(credentials, MaxUint256))
      expect(await registry.headOf(issuer)).to.equal(foldRecords(EMPTY_HEAD, entriesOf(credentials)))
      expect(await registry.expiresAtOf(issuer, credentials[0]!.credentialId)).to.equal(LATER)
      expect(await registry.headOf(bob!.address)).to.equal(EMPTY_HEAD)
    })

    it('asks for the digest that ethers and the protocol compute', async () => {
      const credentials = [randomCredential({ expiresAt: LATER }), ...randomCredentials(2)]
      const digest = credentialBatchDigest({
        chainId: CHAIN_ID,
        registry: address,
        issuer,
        credentials,
        deadline: 2n ** 40n,
      })
      expect(digest).to.equal(batchDigestOf(credentialBatch(address, issuer, credentials, 2n ** 40n)))
      await expectInvalid(relay(credentials, 2n ** 40n, NO_SIGNATURE), digest)
    })

    it('refuses what differs in anything from what was signed', async () => {
      const credentials = [randomCredential({ expiresAt: LATER }), randomCredential()]
      const [first, second] = credentials
      const signature = await sign(credentials, MaxUint256)
      const others: CredentialOnChain[][] = [
        [second!, first!],
        [first!],
        [...credentials, randomCredential()],
        [{ ...first!, credentialId: randomCredential().credentialId }, second!],
        [{ ...first!, digest: randomBytes32() }, second!],
        [{ ...first!, expiresAt: LATER + 1 }, second!],
        [{ ...first!, expiresAt: 0 }, second!],
        [first!, { ...second!, expiresAt: LATER }],
      ]
      for (const other of others)
        await expectInvalid(
          relay(other, MaxUint256, signature),
          batchDigestOf(credentialBatch(address, issuer, other, MaxUint256)),
        )
      await expectInvalid(
        relay(credentials, 2n ** 40n, signature),
        batchDigestOf(credentialBatch(address, issuer, credentials, 2n ** 40n)),
      )
    })

    it('refuses a signature for another registry, of somebody else, or of another type', async () => {
      const credentials = randomCredentials(1)
      const asked = credentialBatch(address, issuer, credentials, MaxUint256)
      const { domain, message, types } = asked
      const forged = await Promise.all([
        sign(credentials, MaxUint256, gatedAddress),
        signBatch(bob! as never, asked),
        alice!.signTypedData(domain, { RevocationBatch: types.CredentialBatch! }, message),
      ])
      for (const signature of forged)
        await expectInvalid(relay(credentials, MaxUint256, signature), batchDigestOf(asked))
    })

    it('refuses a replay, and a batch past its deadline', async () => {
      const credentials = randomCredentials(2)
      const signature = await sign(credentials, MaxUint256)
      await relay(credentials, MaxUint256, signature)
      await expect(relay(credentials, MaxUint256, signature))
        .to.be.revertedWithCustomError(registry, 'EntryAlreadyRecorded')
        .withArgs(issuer, credentials[0]!.credentialId, credentials[0]!.digest)
      const late = randomCredentials(1)
      const deadline = (await networkHelpers.time.latest()) + 100
      await networkHelpers.time.setNextBlockTimestamp(deadline + 1)
      await expect(relay(late, deadline, await sign(late, deadline)))
        .to.be.revertedWithCustomError(registry, 'BatchExpired')
        .withArgs(deadline, deadline + 1)
    })

    it('takes a contract wallet for an issuer', async () => {
      const account = await addressOf((await ethers.deployContract('SignerWallet', [issuer])) as never)
      const credentials = randomCredentials(2)
      const asked = credentialBatch(address, account, credentials, MaxUint256)
      const signature = await signBatch(alice! as never, asked)
      await by(bob, registry).issueFor(account, credentials, MaxUint256, signature)
      expect(await registry.headOf(account)).to.equal(foldRecords(EMPTY_HEAD, entriesOf(credentials)))
      expect(await registry.headOf(issuer)).to.equal(EMPTY_HEAD)
    })

    it('refuses an empty batch and what is no id, even signed', async () => {
      await expect(relay([], MaxUint256, await sign([], MaxUint256)))
        .to.be.revertedWithCustomError(registry, 'BatchEmpty')
        .withArgs()
      const forged = [randomCredential({ credentialId: randomBytes32() })]
      await expect(relay(forged, MaxUint256, await sign(forged, MaxUint256)))
        .to.be.revertedWithCustomError(registry, 'CredentialIdInvalid')
        .withArgs(forged[0]!.credentialId)
    })

    it('refuses an expiry of more than 64 bits, whose rest would go unread', async () => {
      const [credential] = [randomCredential({ expiresAt: LATER })]
      const data = registry.interface.encodeFunctionData('issueFor', [
        issuer,
        [credential],
        MaxUint256,
        await sign([{ ...credential, expiresAt: 2n ** 64n + BigInt(LATER) }], MaxUint256),
      ])
      const word = LATER.toString(16).padStart(64, '0')
      expect(data.split(word)).to.have.length(2)
      const longer = data.replace(word, (2n ** 64n + BigInt(LATER)).toString(16).padStart(64, '0'))
      await expect(bob!.sendTransaction({ to: address, data: longer })).to.be.revertedWithoutReason(ethers)
    })

    it('is taken from the gate only, where there is one', async () => {
      const credentials = randomCredentials(2)
      const signature = await sign(credentials, MaxUint256, gatedAddress)
      const call = (signer: typeof alice) =>
        by(signer, gated).issueFor(issuer, credentials, MaxUint256, signature)
      await expectGateRequired(call(bob), bob!.address)
      await expectGateRequired(call(alice), issuer)
      await call(gate)
      expect(await gated.headOf(issuer)).to.equal(foldRecords(EMPTY_HEAD, entriesOf(credentials)))
    })
  })

  describe('revokeFor', () => {
    const sign = (revocations: readonly RevocationOnChain[], deadline: bigint | number, to = address) =>
      signBatch(alice! as never, revocationBatch(to, issuer, revocations, deadline))
    const relay = (revocations: readonly RevocationOnChain[], deadline: bigint | number, signature: string) =>
      by(bob, registry).revokeFor(issuer, revocations, deadline, signature)

    it('revokes for the issuer what it signed, whoever sends it', async () => {
      const revocations = randomRevocations(3)
      await relay(revocations, MaxUint256, await sign(revocations, MaxUint256))
      const head = foldRecords(EMPTY_HEAD, revocationEntriesOf(revocations))
      expect(await registry.headOf(issuer)).to.equal(head)
      expect(await registry.headOf(bob!.address)).to.equal(EMPTY_HEAD)
    })

    it('asks for the digest that ethers and the protocol compute', async () => {
      const revocations = randomRevocations(3)
      const digest = revocationBatchDigest({
        chainId: CHAIN_ID,
        registry: address,
        issuer,
        revocations,
        deadline: 2n ** 40n,
      })
      expect(digest).to.equal(batchDigestOf(revocationBatch(address, issuer, revocations, 2n ** 40n)))
      await expectInvalid(relay(revocations, 2n ** 40n, NO_SIGNATURE), digest)
    })

    it('refuses what differs in anything from what was signed, and who did not sign', async () => {
      const revocations = randomRevocations(2)
      const [first, second] = revocations
      const signature = await sign(revocations, MaxUint256)
      const others: RevocationOnChain[][] = [
        [second!, first!],
        [first!],
        [first!, { ...second!, credentialId: randomCredential().credentialId }],
        [first!, { ...second!, reason: 'another' }],
      ]
      const asked = (given: RevocationOnChain[]) => revocationBatch(address, issuer, given, MaxUint256)
      for (const other of others)
        await expectInvalid(relay(other, MaxUint256, signature), batchDigestOf(asked(other)))
      const { domain, types, message } = asked(revocations)
      const forged = await Promise.all([
        sign(revocations, MaxUint256, gatedAddress),
        signBatch(bob! as never, asked(revocations)),
        alice!.signTypedData(domain, { CredentialBatch: types.RevocationBatch! }, message),
      ])
      for (const other of forged)
        await expectInvalid(relay(revocations, MaxUint256, other), batchDigestOf(asked(revocations)))
    })

    it('refuses a replay, a batch past its deadline and an empty one', async () => {
      const revocations = randomRevocations(1)
      const signature = await sign(revocations, MaxUint256)
      await relay(revocations, MaxUint256, signature)
      await expect(relay(revocations, MaxUint256, signature))
        .to.be.revertedWithCustomError(registry, 'CredentialAlreadyRevoked')
        .withArgs(issuer, revocations[0]!.credentialId, revocationEntriesOf(revocations)[0]!.digest)
      const late = randomRevocations(1)
      const deadline = (await networkHelpers.time.latest()) + 100
      await networkHelpers.time.setNextBlockTimestamp(deadline + 1)
      await expect(relay(late, deadline, await sign(late, deadline)))
        .to.be.revertedWithCustomError(registry, 'BatchExpired')
        .withArgs(deadline, deadline + 1)
      await expect(relay([], MaxUint256, await sign([], MaxUint256)))
        .to.be.revertedWithCustomError(registry, 'BatchEmpty')
        .withArgs()
    })

    it('is taken from the gate only, where there is one', async () => {
      const revocations = randomRevocations(2)
      const signature = await sign(revocations, MaxUint256, gatedAddress)
      const call = (signer: typeof alice) =>
        by(signer, gated).revokeFor(issuer, revocations, MaxUint256, signature)
      await expectGateRequired(call(bob), bob!.address)
      await expectGateRequired(call(alice), issuer)
      await call(gate)
      expect(await gated.stateOf(issuer, revocations[0]!.credentialId)).to.equal(STATE.revoked)
    })
  })

  const expectInvalid = (call: Promise<unknown>, digest: Bytes32) =>
    expect(call).to.be.revertedWithCustomError(registry, 'BatchSignatureInvalid').withArgs(issuer, digest)

  const expectGateRequired = (call: Promise<unknown>, caller: string) =>
    expect(call).to.be.revertedWithCustomError(gated, 'GateRequired').withArgs(gate!.address, caller)
})
