import { expect } from 'chai'
import { MaxUint256 } from 'ethers'
import type { CredentialOnChain } from '../../../protocol/credentials/credential-batch.ts'
import {
  expiryEntry,
  issueEntry,
  newCredentialId,
  readCredentialKey,
  revocationEntry,
} from '../../../protocol/credentials/credential-key.ts'
import { evidenceDigest } from '../../../protocol/credentials/evidence-digest.ts'
import {
  type Address,
  type Bytes32,
  randomBytes32,
  ZERO_ADDRESS,
  ZERO_BYTES32,
} from '../../../protocol/hex.ts'
import {
  batchHash,
  digestSlot,
  EMPTY_HEAD,
  type Entry,
  foldAnchor,
  foldPublication,
  foldRecords,
  headSlot,
  merkleRootOf,
} from '../../../protocol/record-book.ts'
import { type Serial, serialToKey } from '../../../protocol/serial.ts'
import { addressOf, asTuples, CHAIN_ID, ethers, networkHelpers, provider } from '../support/chain.ts'
import {
  type CredentialRegistry,
  credentialBatch,
  deployCredentialRegistry,
  issue,
  randomCredential,
  STATE,
} from '../support/credentials.ts'

const [alice, bob, gate] = await ethers.getSigners()
const issuer = alice!.address as Address
const REASON = 'superseded by a corrected report'

/** An open registry and one behind a gate, both empty. */
async function twoRegistries() {
  const [registry, gated] = await Promise.all([
    deployCredentialRegistry(),
    deployCredentialRegistry(gate!.address as Address),
  ])
  return { registry, gated, address: await addressOf(registry) }
}

const by = (signer: typeof alice, to: CredentialRegistry) => to.connect(signer!) as CredentialRegistry
const now = () => networkHelpers.time.latest()
const withLastByte = (key: Bytes32, byte: string): Bytes32 => `${key.slice(0, -2)}${byte}` as Bytes32

describe('CredentialRegistry', () => {
  let registry: CredentialRegistry
  let gated: CredentialRegistry
  let address: Address
  let id: Serial
  let credentialId: Bytes32
  let digest: Bytes32

  beforeEach(async () => {
    ;({ registry, gated, address } = await networkHelpers.loadFixture(twoRegistries))
    id = newCredentialId()
    credentialId = serialToKey(id)
    digest = evidenceDigest({
      chainId: CHAIN_ID,
      registry: address,
      credentialId: id,
      issuer,
      contentHash: randomBytes32(),
      metadataHash: randomBytes32(),
      salt: randomBytes32(),
    })
  })

  describe('issue', () => {
    it('issues under the caller, says so and takes the entry into the head', async () => {
      await expect(registry.issue(credentialId, digest, 0))
        .to.emit(registry, 'CredentialIssued')
        .withArgs(credentialId, issuer, digest)
        .and.not.to.emit(registry, 'CredentialExpirySet')
      expect(await registry.digestOf(issuer, credentialId)).to.equal(digest)
      expect(await registry.headOf(issuer)).to.equal(foldRecords(EMPTY_HEAD, [issueEntry(id, digest)]))
      expect(await registry.stateOf(issuer, credentialId)).to.equal(STATE.issued)
      expect(await registry.expiresAtOf(issuer, credentialId)).to.equal(0)
      expect(await registry.headOf(bob!.address)).to.equal(EMPTY_HEAD)
    })

    it('folds what record does where nothing expires', async () => {
      await registry.issue(credentialId, digest, 0)
      await by(bob, registry).record(credentialId, digest)
      expect(await registry.headOf(bob!.address)).to.equal(await registry.headOf(issuer))
    })

    it('takes the expiry into the head as an entry of its own, right after the issue', async () => {
      const expiresAt = (await now()) + 1000
      const transaction = registry.issue(credentialId, digest, expiresAt)
      await expect(transaction).to.emit(registry, 'CredentialIssued').withArgs(credentialId, issuer, digest)
      await expect(transaction)
        .to.emit(registry, 'CredentialExpirySet')
        .withArgs(credentialId, issuer, expiresAt)
      const entries = [issueEntry(id, digest), expiryEntry(id, expiresAt)]
      expect(await registry.headOf(issuer)).to.equal(foldRecords(EMPTY_HEAD, entries))
      expect(await registry.digestOf(issuer, entries[1]!.key)).to.equal(entries[1]!.digest)
      expect(await registry.expiresAtOf(issuer, credentialId)).to.equal(expiresAt)
    })

    it('takes any second still to come, up to the last that 64 bits hold', async () => {
      const time = (await now()) + 10
      await networkHelpers.time.setNextBlockTimestamp(time)
      await registry.issue(credentialId, digest, time + 1)
      const last = 2n ** 64n - 1n
      const other = randomCredential({ expiresAt: last })
      await issue(registry, other)
      expect(await registry.expiresAtOf(issuer, other.credentialId)).to.equal(last)
      expect(await registry.stateOf(issuer, other.credentialId)).to.equal(STATE.issued)
    })

    it('refuses an expiry that has come, in the very second too', async () => {
      const time = (await now()) + 10
      for (const [expiresAt, blockTimestamp] of [
        [time, time],
        [1, time + 1],
      ] as const) {
        await networkHelpers.time.setNextBlockTimestamp(blockTimestamp)
        await expect(registry.issue(credentialId, digest, expiresAt))
          .to.be.revertedWithCustomError(registry, 'CredentialExpiryPast')
          .withArgs(credentialId, expiresAt, blockTimestamp)
      }
      expect(await registry.headOf(issuer)).to.equal(EMPTY_HEAD)
    })

    it('refuses a second issue, so that no expiry is set, moved or taken away later', async () => {
      const expiresAt = (await now()) + 1000
      await registry.issue(credentialId, digest, expiresAt)
      const never = randomCredential()
      await issue(registry, never)
      for (const later of [0, expiresAt, expiresAt + 1000]) {
        await expectRepeated(registry.issue(credentialId, digest, later), credentialId, digest)
        await expectRepeated(
          issue(registry, { ...never, expiresAt: later }),
          never.credentialId,
          never.digest,
        )
      }
      expect(await registry.expiresAtOf(issuer, credentialId)).to.equal(expiresAt)
      expect(await registry.expiresAtOf(issuer, never.credentialId)).to.equal(0)
    })

    it('keeps the issuers apart', async () => {
      const expiresAt = (await now()) + 1000
      await registry.issue(credentialId, digest, expiresAt)
      await by(bob, registry).issue(credentialId, digest, 0)
      expect(await registry.expiresAtOf(issuer, credentialId)).to.equal(expiresAt)
      expect(await registry.expiresAtOf(bob!.address, credentialId)).to.equal(0)
    })

    it('refuses an empty id, an empty digest, and what is no id', async () => {
      await expect(registry.issue(ZERO_BYTES32, digest, 0))
        .to.be.revertedWithCustomError(registry, 'EntryKeyEmpty')
        .withArgs(0)
      await expect(registry.issue(credentialId, ZERO_BYTES32, 0))
        .to.be.revertedWithCustomError(registry, 'EntryDigestEmpty')
        .withArgs(credentialId)
      for (const key of keysOfNoId(credentialId)) await expectNoId(registry.issue(key, digest, 0), key)
    })

    it('is refused behind a gate, to the gate itself too', async () => {
      await expectGateRequired(gated.issue(credentialId, digest, 0), issuer)
      await expectGateRequired(by(gate, gated).issue(credentialId, digest, 0), gate!.address)
    })
  })

  describe('revoke', () => {
    it('revokes for the caller, says why, and takes the entry into the head', async () => {
      await registry.issue(credentialId, digest, 0)
      await expect(registry.revoke(credentialId, REASON))
        .to.emit(registry, 'CredentialRevoked')
        .withArgs(credentialId, issuer, REASON)
        .and.not.to.emit(registry, 'CredentialIssued')
      const entries = [issueEntry(id, digest), revocationEntry(id, REASON)]
      expect(await registry.headOf(issuer)).to.equal(foldRecords(EMPTY_HEAD, entries))
      expect(await registry.digestOf(issuer, entries[1]!.key)).to.equal(entries[1]!.digest)
      expect(await registry.revocationOf(issuer, credentialId)).to.equal(entries[1]!.digest)
      expect(await registry.digestOf(issuer, credentialId), 'what was issued stays').to.equal(digest)
    })

    it('leaves alone what another issued under the same id', async () => {
      await registry.issue(credentialId, digest, 0)
      await by(bob, registry).revoke(credentialId, REASON)
      expect(await registry.stateOf(issuer, credentialId)).to.equal(STATE.issued)
      expect(await registry.revocationOf(issuer, credentialId)).to.equal(ZERO_BYTES32)
      expect(await registry.stateOf(bob!.address, credentialId)).to.equal(STATE.revoked)
    })

    it('takes a credential without a slot, before it comes on chain or after', async () => {
      const published = randomCredential()
      await registry.publish([{ key: published.credentialId, digest: published.digest }])
      await registry.revoke(published.credentialId, REASON)
      expect(await registry.stateOf(issuer, published.credentialId)).to.equal(STATE.revoked)

      await registry.revoke(credentialId, REASON)
      await registry.issue(credentialId, digest, (await now()) + 1000)
      expect(await registry.stateOf(issuer, credentialId)).to.equal(STATE.revoked)
    })

    it('refuses a second time, and names the reason that stands', async () => {
      await registry.revoke(credentialId, REASON)
      for (const reason of [REASON, 'another reason'])
        await expect(registry.revoke(credentialId, reason))
          .to.be.revertedWithCustomError(registry, 'CredentialAlreadyRevoked')
          .withArgs(issuer, credentialId, revocationEntry(id, REASON).digest)
    })

    it('takes a reason of 1 to 256 bytes, whatever they spell', async () => {
      // 256 bytes of UTF-8, 64 characters.
      for (const reason of ['x', 'x'.repeat(256), '🧾'.repeat(64)]) {
        const { credentialId } = randomCredential()
        await registry.revoke(credentialId, reason)
        const { credentialId: of } = readCredentialKey(credentialId)!
        expect(await registry.revocationOf(issuer, credentialId)).to.equal(revocationEntry(of, reason).digest)
      }
      for (const reason of ['', 'x'.repeat(257), '🧾'.repeat(65), 'x'.repeat(10_000)])
        await expect(registry.revoke(credentialId, reason))
          .to.be.revertedWithCustomError(registry, 'RevocationReasonInvalid')
          .withArgs(credentialId, Buffer.byteLength(reason))
    })

    it('refuses an empty id and what is no id', async () => {
      await expect(registry.revoke(ZERO_BYTES32, REASON))
        .to.be.revertedWithCustomError(registry, 'EntryKeyEmpty')
        .withArgs(0)
      for (const key of keysOfNoId(credentialId)) await expectNoId(registry.revoke(key, REASON), key)
    })

    it('is refused behind a gate, to the gate itself too', async () => {
      await expectGateRequired(gated.revoke(credentialId, REASON), issuer)
      await expectGateRequired(by(gate, gated).revoke(credentialId, REASON), gate!.address)
    })
  })

  describe('the ways to write of every book', () => {
    it('issue credentials without an expiry', async () => {
      const [first, second, third] = [randomCredential(), randomCredential(), randomCredential()]
      const entryOf = (issued: CredentialOnChain): Entry => ({
        key: issued.credentialId,
        digest: issued.digest,
      })
      await expect(registry.record(credentialId, digest))
        .to.emit(registry, 'CredentialIssued')
        .withArgs(credentialId, issuer, digest)
      await registry.recordBatch([entryOf(first), entryOf(second)])
      const entries = [entryOf(third)]
      await expect(registry.publish(entries))
        .to.emit(registry, 'Published')
        .withArgs(merkleRootOf(entries), issuer, asTuples(entries))
      const root = randomBytes32()
      await registry.anchor(root, 1024, '')
      const slots = foldRecords(EMPTY_HEAD, [issueEntry(id, digest), entryOf(first), entryOf(second)])
      expect(await registry.headOf(issuer)).to.equal(
        foldAnchor(foldPublication(slots, merkleRootOf(entries), 1), root, 1024),
      )
      for (const issued of [credentialId, first.credentialId, second.credentialId])
        expect(await registry.stateOf(issuer, issued)).to.equal(STATE.issued)
      expect(await registry.stateOf(issuer, third.credentialId)).to.equal(STATE.none)
    })

    it('write no entry of an expiry or a revocation, and nothing else that is no id', async () => {
      for (const key of keysOfNoId(credentialId)) {
        const entries = [issueEntry(newCredentialId(), digest), { key, digest: randomBytes32() }]
        await expectNoId(registry.record(key, digest), key)
        await expectNoId(registry.recordBatch(entries), key)
        await expectNoId(registry.publish(entries), key)
        for (const to of [registry, by(gate, gated)])
          await expectNoId(to.recordFor(issuer, entries, MaxUint256, await signEntries(to, entries)), key)
      }
      expect(await registry.headOf(issuer)).to.equal(EMPTY_HEAD)
      expect(await gated.headOf(issuer)).to.equal(EMPTY_HEAD)
    })

    it('relay what the issuer signed as entries', async () => {
      const entries = [issueEntry(id, digest)]
      await by(bob, registry).recordFor(issuer, entries, MaxUint256, await signEntries(registry, entries))
      expect(await registry.stateOf(issuer, credentialId)).to.equal(STATE.issued)
      expect(await registry.headOf(issuer)).to.equal(foldRecords(EMPTY_HEAD, entries))
    })
  })

  describe('stateOf', () => {
    it('is none, issued, expired from its second on, and revoked above all', async () => {
      const expiresAt = (await now()) + 1000
      expect(await registry.stateOf(issuer, credentialId)).to.equal(STATE.none)
      await registry.issue(credentialId, digest, expiresAt)
      expect(await stateAt(expiresAt - 1)).to.equal(STATE.issued)
      expect(await stateAt(expiresAt)).to.equal(STATE.expired)
      expect(await stateAt(expiresAt + 10_000)).to.equal(STATE.expired)
      await registry.revoke(credentialId, REASON)
      expect(await stateAt(expiresAt + 20_000)).to.equal(STATE.revoked)
    })

    it('is refused for what is no id, as the other views are', async () => {
      await registry.issue(credentialId, digest, (await now()) + 1000)
      await registry.revoke(credentialId, REASON)
      for (const key of keysOfNoId(credentialId))
        for (const view of [registry.stateOf, registry.expiresAtOf, registry.revocationOf])
          await expectNoId(view(issuer, key), key)
    })

    const stateAt = async (timestamp: number) => {
      await networkHelpers.time.increaseTo(timestamp)
      return registry.stateOf(issuer, credentialId)
    }
  })

  describe('storage', () => {
    // Slots 0 and 1 belong to OpenZeppelin's EIP712.
    const DIGESTS_SLOT = 2
    const HEADS_SLOT = 3
    const slotAt = (slot: Bytes32) =>
      provider.request({ method: 'eth_getStorageAt', params: [address, slot, 'latest'] })

    it('has issue, expiry, revocation and head where the interface of the book says', async () => {
      const expiresAt = (await now()) + 1000
      await registry.issue(credentialId, digest, expiresAt)
      await registry.revoke(credentialId, REASON)
      const entries = [issueEntry(id, digest), expiryEntry(id, expiresAt), revocationEntry(id, REASON)]
      for (const entry of entries)
        expect(await slotAt(digestSlot(issuer, entry.key, DIGESTS_SLOT))).to.equal(entry.digest)
      expect(await slotAt(headSlot(issuer, HEADS_SLOT))).to.equal(foldRecords(EMPTY_HEAD, entries))
    })
  })

  describe('gate and domain', () => {
    it('are what it was deployed with', async () => {
      expect(await registry.gate()).to.equal(ZERO_ADDRESS)
      expect(await gated.gate()).to.equal(gate!.address)
      expect(await registry.domainSeparator()).to.equal(
        ethers.TypedDataEncoder.hashDomain(credentialBatch(address, issuer, [], 0).domain),
      )
    })
  })

  /** Keys of the entries beside an id's, and one for each byte that has to be zero. */
  const keysOfNoId = (key: Bytes32): Bytes32[] => [
    withLastByte(key, '01'),
    withLastByte(key, '02'),
    withLastByte(key, 'ff'),
    ...[26, 27, 28, 29, 30].map(
      (place) => `${key.slice(0, 2 + 2 * place)}01${key.slice(4 + 2 * place)}` as Bytes32,
    ),
    randomBytes32(),
  ]

  const signEntries = async (to: CredentialRegistry, entries: readonly Entry[]) =>
    alice!.signTypedData(
      { name: 'Countersign', version: '1', chainId: CHAIN_ID, verifyingContract: await addressOf(to) },
      {
        RecordBatch: [
          { name: 'author', type: 'address' },
          { name: 'batchHash', type: 'bytes32' },
          { name: 'deadline', type: 'uint256' },
        ],
      },
      { author: issuer, batchHash: batchHash(entries), deadline: MaxUint256 },
    )

  const expectNoId = (call: Promise<unknown>, key: Bytes32) =>
    expect(call).to.be.revertedWithCustomError(registry, 'CredentialIdInvalid').withArgs(key)

  const expectRepeated = (call: Promise<unknown>, key: Bytes32, standing: Bytes32) =>
    expect(call)
      .to.be.revertedWithCustomError(registry, 'EntryAlreadyRecorded')
      .withArgs(issuer, key, standing)

  const expectGateRequired = (call: Promise<unknown>, caller: string) =>
    expect(call).to.be.revertedWithCustomError(gated, 'GateRequired').withArgs(gate!.address, caller)
})
