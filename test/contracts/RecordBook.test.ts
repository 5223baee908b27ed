import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { expect } from 'chai'
import { MaxUint256, TypedDataEncoder } from 'ethers'
import { type Address, type Bytes32, randomBytes32, ZERO_ADDRESS, ZERO_BYTES32 } from '../../protocol/hex.ts'
import {
  batchHash,
  digestSlot,
  EMPTY_HEAD,
  type Entry,
  foldAnchor,
  foldPublication,
  foldRecord,
  foldRecords,
  headSlot,
  merkleRootOf,
  recordBatchDigest,
} from '../../protocol/record-book.ts'
import {
  addressOf,
  asTuples,
  CHAIN_ID,
  deployRegistry,
  ethers,
  networkHelpers,
  provider,
  type Registry,
  randomEntries,
  randomEntry,
} from './support/chain.ts'

const NO_ENTRIES: Entry[] = []
const [alice, bob, gate] = await ethers.getSigners()
const author = alice!.address as Address

/** An open book and one behind a gate, both empty. */
async function twoBooks() {
  const [book, gated] = await Promise.all([deployRegistry(), deployRegistry(gate!.address as Address)])
  return { book, gated, registry: await addressOf(book), gatedRegistry: await addressOf(gated) }
}

/** Signs with ethers' own EIP-712, in the registry's domain. */
async function sign(
  registry: Address,
  entries: readonly Entry[],
  deadline: bigint | number,
): Promise<string> {
  return alice!.signTypedData(domainOf(registry), RECORD_BATCH, {
    author,
    batchHash: batchHash(entries),
    deadline,
  })
}

const domainOf = (registry: Address) => ({
  name: 'Countersign',
  version: '1',
  chainId: CHAIN_ID,
  verifyingContract: registry,
})
const RECORD_BATCH = {
  RecordBatch: [
    { name: 'author', type: 'address' },
    { name: 'batchHash', type: 'bytes32' },
    { name: 'deadline', type: 'uint256' },
  ],
}

describe('RecordBook', () => {
  let book: Registry
  let gated: Registry
  let registry: Address
  let gatedRegistry: Address

  beforeEach(async () => {
    ;({ book, gated, registry, gatedRegistry } = await networkHelpers.loadFixture(twoBooks))
  })

  describe('record', () => {
    it('records under the caller, says so and takes the entry into the head', async () => {
      const { key, digest } = randomEntry()
      await expect(book.record(key, digest)).to.emit(book, 'ResultRecorded').withArgs(key, author, digest)
      expect(await book.digestOf(author, key)).to.equal(digest)
      expect(await book.headOf(author)).to.equal(foldRecord(EMPTY_HEAD, key, digest))
      expect(await book.digestOf(bob!.address, key)).to.equal(ZERO_BYTES32)
      expect(await book.headOf(bob!.address)).to.equal(EMPTY_HEAD)
    })

    it('keeps the authors apart: two may record one key', async () => {
      const [first, second] = [randomEntry(), randomEntry()]
      await book.record(first.key, first.digest)
      await (book.connect(bob!) as Registry).record(first.key, second.digest)
      expect(await book.digestOf(author, first.key)).to.equal(first.digest)
      expect(await book.digestOf(bob!.address, first.key)).to.equal(second.digest)
    })

    it('refuses a second digest for a key, and names the first', async () => {
      const { key, digest } = randomEntry()
      await book.record(key, digest)
      await expect(book.record(key, randomBytes32()))
        .to.be.revertedWithCustomError(book, 'EntryAlreadyRecorded')
        .withArgs(author, key, digest)
    })

    it('refuses the same entry again', async () => {
      const { key, digest } = randomEntry()
      await book.record(key, digest)
      await expect(book.record(key, digest))
        .to.be.revertedWithCustomError(book, 'EntryAlreadyRecorded')
        .withArgs(author, key, digest)
    })

    it('refuses an empty key', async () => {
      await expect(book.record(ZERO_BYTES32, randomBytes32()))
        .to.be.revertedWithCustomError(book, 'EntryKeyEmpty')
        .withArgs(0)
    })

    it('refuses an empty digest', async () => {
      const { key } = randomEntry()
      await expect(book.record(key, ZERO_BYTES32))
        .to.be.revertedWithCustomError(book, 'EntryDigestEmpty')
        .withArgs(key)
    })

    it('is refused behind a gate, to the gate itself too', async () => {
      const { key, digest } = randomEntry()
      await expectGateRequired(gated.record(key, digest), author)
      await expectGateRequired((gated.connect(gate!) as Registry).record(key, digest), gate!.address)
    })
  })

  describe('recordBatch', () => {
    it('records all entries in order, with an event each', async () => {
      const entries = randomEntries(12)
      const transaction = book.recordBatch(entries)
      for (const { key, digest } of entries)
        await expect(transaction).to.emit(book, 'ResultRecorded').withArgs(key, author, digest)
      const receipt = await (await transaction).wait()
      expect(receipt!.logs.map((log: { topics: string[] }) => log.topics[1])).to.deep.equal(
        entries.map(({ key }) => key),
      )
      expect(
        await book.digestsOf(
          author,
          entries.map(({ key }) => key),
        ),
      ).to.deep.equal(entries.map(({ digest }) => digest))
      expect(await book.headOf(author)).to.equal(foldRecords(EMPTY_HEAD, entries))
    })

    it('goes on from the head that stands', async () => {
      const [first, second] = [randomEntries(3), randomEntries(4)]
      await book.recordBatch(first)
      await book.recordBatch(second)
      expect(await book.headOf(author)).to.equal(foldRecords(EMPTY_HEAD, [...first, ...second]))
    })

    it('refuses an empty batch', async () => {
      await expect(book.recordBatch(NO_ENTRIES)).to.be.revertedWithCustomError(book, 'BatchEmpty').withArgs()
    })

    it('refuses a key twice in one batch, and records nothing of it', async () => {
      const entries = randomEntries(3)
      const { key, digest } = entries[0]!
      await expect(book.recordBatch([...entries, { key, digest: randomBytes32() }]))
        .to.be.revertedWithCustomError(book, 'EntryAlreadyRecorded')
        .withArgs(author, key, digest)
      expect(await book.digestOf(author, key)).to.equal(ZERO_BYTES32)
      expect(await book.headOf(author)).to.equal(EMPTY_HEAD)
    })

    it('refuses a key from an earlier transaction', async () => {
      const { key, digest } = randomEntry()
      await book.record(key, digest)
      await expect(book.recordBatch([randomEntry(), { key, digest }]))
        .to.be.revertedWithCustomError(book, 'EntryAlreadyRecorded')
        .withArgs(author, key, digest)
    })

    it('says which entry has an empty key or digest', async () => {
      const entries = randomEntries(3)
      await expect(book.recordBatch([...entries, { key: ZERO_BYTES32, digest: randomBytes32() }]))
        .to.be.revertedWithCustomError(book, 'EntryKeyEmpty')
        .withArgs(3)
      const { key } = randomEntry()
      await expect(book.recordBatch([...entries, { key, digest: ZERO_BYTES32 }]))
        .to.be.revertedWithCustomError(book, 'EntryDigestEmpty')
        .withArgs(key)
    })

    it('is refused behind a gate', async () => {
      await expectGateRequired(gated.recordBatch(randomEntries(1)), author)
    })
  })

  describe('recordFor', () => {
    const relayed = (to: Registry) => to.connect(bob!) as Registry

    it('records for the author what ethers signed, whoever sends it', async () => {
      const entries = randomEntries(5)
      const deadline = (await networkHelpers.time.latest()) + 60
      const transaction = relayed(book).recordFor(
        author,
        entries,
        deadline,
        await sign(registry, entries, deadline),
      )
      for (const { key, digest } of entries)
        await expect(transaction).to.emit(book, 'ResultRecorded').withArgs(key, author, digest)
      expect(await book.headOf(author)).to.equal(foldRecords(EMPTY_HEAD, entries))
      expect(await book.headOf(bob!.address)).to.equal(EMPTY_HEAD)
    })

    it('asks for the digest that ethers and the protocol compute', async () => {
      const entries = randomEntries(3)
      const digest = recordBatchDigest({ chainId: CHAIN_ID, registry, author, entries, deadline: MaxUint256 })
      expect(digest).to.equal(
        TypedDataEncoder.hash(domainOf(registry), RECORD_BATCH, {
          author,
          batchHash: batchHash(entries),
          deadline: MaxUint256,
        }),
      )
      await expectSignatureInvalid(book, entries, MaxUint256, `0x${'11'.repeat(65)}`, digest)
    })

    it('accepts a batch in the second of its deadline', async () => {
      const entries = randomEntries(2)
      const deadline = (await networkHelpers.time.latest()) + 100
      const signature = await sign(registry, entries, deadline)
      await networkHelpers.time.setNextBlockTimestamp(deadline)
      await relayed(book).recordFor(author, entries, deadline, signature)
      expect(await book.headOf(author)).to.equal(foldRecords(EMPTY_HEAD, entries))
    })

    it('refuses it one second later', async () => {
      const entries = randomEntries(2)
      const deadline = (await networkHelpers.time.latest()) + 100
      const signature = await sign(registry, entries, deadline)
      await networkHelpers.time.setNextBlockTimestamp(deadline + 1)
      await expect(relayed(book).recordFor(author, entries, deadline, signature))
        .to.be.revertedWithCustomError(book, 'BatchExpired')
        .withArgs(deadline, deadline + 1)
    })

    it('accepts a deadline that never comes and refuses one long past', async () => {
      const entries = randomEntries(1)
      await relayed(book).recordFor(author, entries, MaxUint256, await sign(registry, entries, MaxUint256))
      const others = randomEntries(1)
      const signature = await sign(registry, others, 0)
      const now = (await networkHelpers.time.latest()) + 10
      await networkHelpers.time.setNextBlockTimestamp(now)
      await expect(relayed(book).recordFor(author, others, 0, signature))
        .to.be.revertedWithCustomError(book, 'BatchExpired')
        .withArgs(0, now)
    })

    it('refuses an empty batch, even signed', async () => {
      const signature = await sign(registry, NO_ENTRIES, MaxUint256)
      await expect(relayed(book).recordFor(author, NO_ENTRIES, MaxUint256, signature))
        .to.be.revertedWithCustomError(book, 'BatchEmpty')
        .withArgs()
    })

    it('refuses a replay', async () => {
      const entries = randomEntries(2)
      const signature = await sign(registry, entries, MaxUint256)
      await relayed(book).recordFor(author, entries, MaxUint256, signature)
      await expect(relayed(book).recordFor(author, entries, MaxUint256, signature))
        .to.be.revertedWithCustomError(book, 'EntryAlreadyRecorded')
        .withArgs(author, entries[0]!.key, entries[0]!.digest)
    })

    it('refuses a signature for the entries in another order', async () => {
      const entries = randomEntries(2)
      const signature = await sign(registry, entries, MaxUint256)
      await expectSignatureInvalid(book, [...entries].reverse(), MaxUint256, signature)
    })

    it('refuses a signature for another registry', async () => {
      const entries = randomEntries(2)
      await expectSignatureInvalid(book, entries, MaxUint256, await sign(gatedRegistry, entries, MaxUint256))
    })

    it('refuses a signature for another chain', async () => {
      const entries = randomEntries(1)
      const message = { author, batchHash: batchHash(entries), deadline: MaxUint256 }
      const signature = await alice!.signTypedData(
        { ...domainOf(registry), chainId: 31338 },
        RECORD_BATCH,
        message,
      )
      await expectSignatureInvalid(book, entries, MaxUint256, signature)
    })

    it('refuses the signature of somebody else', async () => {
      const entries = randomEntries(1)
      const message = { author, batchHash: batchHash(entries), deadline: MaxUint256 }
      const signature = await bob!.signTypedData(domainOf(registry), RECORD_BATCH, message)
      await expectSignatureInvalid(book, entries, MaxUint256, signature)
    })

    it('refuses the malleated twin of a signature', async () => {
      const entries = randomEntries(1)
      const { r, s, v } = ethers.Signature.from(await sign(registry, entries, MaxUint256))
      const highS = ethers.toBeHex(SECP256K1_ORDER - BigInt(s), 32)
      const twin = ethers.concat([r, highS, v === 27 ? '0x1c' : '0x1b'])
      await expectSignatureInvalid(book, entries, MaxUint256, twin)
    })

    it('refuses the zero author', async () => {
      const entries = randomEntries(1)
      const digest = recordBatchDigest({
        chainId: CHAIN_ID,
        registry,
        author: ZERO_ADDRESS,
        entries,
        deadline: MaxUint256,
      })
      await expect(book.recordFor(ZERO_ADDRESS, entries, MaxUint256, `0x${'00'.repeat(65)}`))
        .to.be.revertedWithCustomError(book, 'BatchSignatureInvalid')
        .withArgs(ZERO_ADDRESS, digest)
    })

    it('refuses a bad entry under a good signature', async () => {
      const entries = [randomEntry(), { key: ZERO_BYTES32, digest: randomBytes32() }]
      await expect(
        relayed(book).recordFor(author, entries, MaxUint256, await sign(registry, entries, MaxUint256)),
      )
        .to.be.revertedWithCustomError(book, 'EntryKeyEmpty')
        .withArgs(1)
    })

    it('is taken from the gate only, where there is one', async () => {
      const entries = randomEntries(2)
      const signature = await sign(gatedRegistry, entries, MaxUint256)
      await expectGateRequired(relayed(gated).recordFor(author, entries, MaxUint256, signature), bob!.address)
      await expectGateRequired(gated.recordFor(author, entries, MaxUint256, signature), author)
      await (gated.connect(gate!) as Registry).recordFor(author, entries, MaxUint256, signature)
      expect(await gated.headOf(author)).to.equal(foldRecords(EMPTY_HEAD, entries))
    })
  })

  describe('publish', () => {
    it('puts every pair and its root into one event', async () => {
      const entries = randomEntries(7)
      const root = merkleRootOf(entries)
      await expect(book.publish(entries)).to.emit(book, 'Published').withArgs(root, author, asTuples(entries))
      expect(await book.headOf(author)).to.equal(foldPublication(EMPTY_HEAD, root, 7))
      expect(await book.digestOf(author, entries[0]!.key)).to.equal(ZERO_BYTES32)
    })

    it('computes the root of @openzeppelin/merkle-tree at every size up to 33', async () => {
      for (let size = 1; size <= 33; size++) {
        const entries = randomEntries(size)
        const tree = StandardMerkleTree.of(asTuples(entries), ['bytes32', 'bytes32'], { sortLeaves: false })
        expect(await book.publish.staticCall(entries), `${size} entries`).to.equal(tree.root)
      }
    })

    it('takes a key again: which write came first is for readers to see', async () => {
      const { key, digest } = randomEntry()
      await book.record(key, digest)
      const entries = [
        { key, digest },
        { key, digest: randomBytes32() },
      ]
      await book.publish(entries)
      await book.publish(entries)
      const root = merkleRootOf(entries)
      const head = foldPublication(foldRecord(EMPTY_HEAD, key, digest), root, 2)
      expect(await book.headOf(author)).to.equal(foldPublication(head, root, 2))
      expect(await book.digestOf(author, key)).to.equal(digest)
    })

    it('refuses nothing at all, an empty key and an empty digest', async () => {
      await expect(book.publish(NO_ENTRIES)).to.be.revertedWithCustomError(book, 'BatchEmpty').withArgs()
      await expect(book.publish([randomEntry(), { key: ZERO_BYTES32, digest: randomBytes32() }]))
        .to.be.revertedWithCustomError(book, 'EntryKeyEmpty')
        .withArgs(1)
      const { key } = randomEntry()
      await expect(book.publish([{ key, digest: ZERO_BYTES32 }]))
        .to.be.revertedWithCustomError(book, 'EntryDigestEmpty')
        .withArgs(key)
    })

    it('is refused behind a gate', async () => {
      await expectGateRequired(gated.publish(randomEntries(1)), author)
    })
  })

  describe('anchor', () => {
    const URI = 'https://leaves.example/2026-03'

    it('says root, number of leaves and where they are, and takes the root into the head', async () => {
      const root = randomBytes32()
      await expect(book.anchor(root, 1024, URI))
        .to.emit(book, 'Anchored')
        .withArgs(root, author, 1024, URI)
      expect(await book.headOf(author)).to.equal(foldAnchor(EMPTY_HEAD, root, 1024))
    })

    it('takes the largest count and no manifest', async () => {
      const root = randomBytes32()
      const leafCount = 2n ** 64n - 1n
      await expect(book.anchor(root, leafCount, ''))
        .to.emit(book, 'Anchored')
        .withArgs(root, author, leafCount, '')
      expect(await book.headOf(author)).to.equal(foldAnchor(EMPTY_HEAD, root, leafCount))
    })

    it('refuses an empty root and a tree without leaves', async () => {
      await expect(book.anchor(ZERO_BYTES32, 1, URI))
        .to.be.revertedWithCustomError(book, 'AnchorRootEmpty')
        .withArgs()
      const root = randomBytes32()
      await expect(book.anchor(root, 0, URI))
        .to.be.revertedWithCustomError(book, 'AnchorLeafCountZero')
        .withArgs(root)
    })

    it('is refused behind a gate', async () => {
      await expectGateRequired(gated.anchor(randomBytes32(), 1, URI), author)
    })
  })

  describe('digestsOf', () => {
    it('answers in the order asked, zero for what is not there', async () => {
      const [first, second] = randomEntries(2)
      await book.recordBatch([first, second])
      const keys = [second!.key, randomBytes32(), first!.key, second!.key]
      expect(await book.digestsOf(author, keys)).to.deep.equal([
        second!.digest,
        ZERO_BYTES32,
        first!.digest,
        second!.digest,
      ])
      expect(await book.digestsOf(author, [])).to.deep.equal([])
    })
  })

  describe('gate', () => {
    it('is zero for an open book and what it was deployed with for another', async () => {
      expect(await book.gate()).to.equal(ZERO_ADDRESS)
      expect(await gated.gate()).to.equal(gate!.address)
    })
  })

  describe('domainSeparator', () => {
    it('is that of ethers', async () => {
      expect(await book.domainSeparator()).to.equal(TypedDataEncoder.hashDomain(domainOf(registry)))
      expect(await gated.domainSeparator()).to.equal(TypedDataEncoder.hashDomain(domainOf(gatedRegistry)))
    })

    it('is described by eip712Domain (ERC-5267)', async () => {
      expect(await book.eip712Domain()).to.deep.equal([
        '0x0f',
        'Countersign',
        '1',
        BigInt(CHAIN_ID),
        registry,
        ZERO_BYTES32,
        [],
      ])
    })
  })

  describe('storage', () => {
    // Slots 0 and 1 belong to OpenZeppelin's EIP712.
    const DIGESTS_SLOT = 2
    const HEADS_SLOT = 3

    const slotAt = (slot: Bytes32) =>
      provider.request({ method: 'eth_getStorageAt', params: [registry, slot, 'latest'] })

    it('has digest and head where the interface says', async () => {
      const { key, digest } = randomEntry()
      await book.record(key, digest)
      expect(await slotAt(digestSlot(author, key, DIGESTS_SLOT))).to.equal(digest)
      expect(await slotAt(headSlot(author, HEADS_SLOT))).to.equal(foldRecord(EMPTY_HEAD, key, digest))
    })

    it('has nothing in the slots themselves', async () => {
      await book.record(randomBytes32(), randomBytes32())
      for (let slot = 0; slot < 6; slot++)
        expect(await slotAt(`0x${slot.toString(16).padStart(64, '0')}`), `slot ${slot}`).to.equal(
          ZERO_BYTES32,
        )
    })
  })

  const expectGateRequired = (call: Promise<unknown>, caller: string) =>
    expect(call).to.be.revertedWithCustomError(gated, 'GateRequired').withArgs(gate!.address, caller)

  const expectSignatureInvalid = (
    to: Registry,
    entries: readonly Entry[],
    deadline: bigint,
    signature: string,
    digest: Bytes32 = recordBatchDigest({ chainId: CHAIN_ID, registry, author, entries, deadline }),
  ) =>
    expect(to.recordFor(author, entries, deadline, signature))
      .to.be.revertedWithCustomError(to, 'BatchSignatureInvalid')
      .withArgs(author, digest)
})

const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
