import { expect } from 'chai'
import { MaxUint256 } from 'ethers'
import fc from 'fast-check'
import {
  type Address,
  type Bytes32,
  bytesToHex,
  randomBytes32,
  ZERO_ADDRESS,
  ZERO_BYTES32,
} from '../../../protocol/hex.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import {
  type PaymentOnChain,
  paymentEntry,
  paymentEntryDigest,
  paymentKey,
} from '../../../protocol/payments/payment-entry.ts'
import { decodePaymentEvent } from '../../../protocol/payments/payment-event.ts'
import { openPayment, sealPayment } from '../../../protocol/payments/payment-seal.ts'
import {
  digestSlot,
  EMPTY_HEAD,
  foldAnchor,
  foldRecords,
  headSlot,
  recordBatchDigest,
} from '../../../protocol/record-book.ts'
import {
  addressOf,
  CHAIN_ID,
  ethers,
  networkHelpers,
  provider,
  randomEntries,
  randomEntry,
} from '../support/chain.ts'
import {
  deployPaymentRegistry,
  type PaymentRegistry,
  paymentBatch,
  randomPayload,
  randomPayment,
  randomPayments,
  send,
  versionsOf,
} from '../support/payments.ts'

const [alice, bob, gate] = await ethers.getSigners()
const office = alice!.address as Address
const NO_PAYMENTS: PaymentOnChain[] = []

/** An open registry and one behind a gate, both empty. */
async function twoRegistries() {
  const [registry, gated] = await Promise.all([
    deployPaymentRegistry(),
    deployPaymentRegistry(gate!.address as Address),
  ])
  return { registry, gated, address: await addressOf(registry), gatedAddress: await addressOf(gated) }
}

const by = (signer: typeof alice, registry: PaymentRegistry) => registry.connect(signer!) as PaymentRegistry
const headAfter = (payments: readonly PaymentOnChain[], head: Bytes32 = EMPTY_HEAD): Bytes32 =>
  foldRecords(head, payments.map(paymentEntry))

describe('PaymentRecordRegistry', () => {
  let registry: PaymentRegistry
  let gated: PaymentRegistry
  let address: Address
  let gatedAddress: Address

  beforeEach(async () => {
    ;({ registry, gated, address, gatedAddress } = await networkHelpers.loadFixture(twoRegistries))
  })

  describe('recordPayment', () => {
    it('records under the caller, says everything of it and takes the entry into the head', async () => {
      const payment = randomPayment()
      const { key, digest } = paymentEntry(payment)
      await expect(send(registry, payment))
        .to.emit(registry, 'PaymentRecorded')
        .withArgs(payment.orderKey, office, 1, payment.digest, payment.payload)
      expect(await registry.digestOf(office, key)).to.equal(digest)
      expect(await registry.headOf(office)).to.equal(headAfter([payment]))
      expect(await registry.headOf(bob!.address)).to.equal(EMPTY_HEAD)
    })

    it('carries what the protocol seals and opens', async () => {
      const orderId = 'GB-2026/000017'
      const code = globalThis.crypto.getRandomValues(new Uint8Array(16))
      const place = { chainId: CHAIN_ID, registry: address, office }
      const record = {
        orderId,
        version: 1,
        kind: 'payment' as const,
        category: 'income-tax',
        period: '2026-03',
        amountMinor: 123_456,
        currency: 'GBP',
        paidAt: '2026-03-14',
        authority: 'HM Revenue & Customs',
      }
      const { digest, payload } = sealPayment(record, code, place)
      const receipt = await (
        await send(registry, { orderKey: orderKeyOf(orderId), version: 1, digest, payload })
      ).wait()
      const [log] = receipt!.logs
      const [recorded] = decodePaymentEvent(log!.topics as Bytes32[], log!.data as Bytes32)!.payments
      const sealed = { ...recorded!, orderId, previousDigest: ZERO_BYTES32, place }
      expect(openPayment(sealed, code)).to.deep.equal(record)
    })

    it('carries payloads of every length around a word, as the ABI has them', async () => {
      for (const bytes of [1, 31, 32, 33, 63, 64, 65, 1023, 1024]) {
        const payment = randomPayment({ payload: randomPayload(bytes) })
        const receipt = await (await send(registry, payment)).wait()
        const [log] = receipt!.logs
        expect(log!.data, `${bytes} bytes`).to.equal(
          ethers.AbiCoder.defaultAbiCoder().encode(
            ['uint32', 'bytes32', 'bytes'],
            [1, payment.digest, payment.payload],
          ),
        )
      }
    })

    it('takes one version after the other', async () => {
      const orderKey = randomBytes32()
      const versions = versionsOf(orderKey, 1, 3)
      for (const payment of versions) await send(registry, payment)
      expect(await registry.headOf(office)).to.equal(headAfter(versions))
      expect(await registry.latestVersionOf(office, orderKey)).to.equal(3)
    })

    it('refuses version 0', async () => {
      await expect(send(registry, randomPayment({ version: 0 })))
        .to.be.revertedWithCustomError(registry, 'PaymentVersionZero')
        .withArgs(0)
    })

    it('refuses to skip a version', async () => {
      const [first, , third] = versionsOf(randomBytes32(), 1, 3)
      await expectSkipped(send(registry, { ...first!, version: 2 }), first!.orderKey, 2)
      await send(registry, first!)
      await expectSkipped(send(registry, third!), third!.orderKey, 3)
      await expectSkipped(send(registry, { ...third!, version: 2 ** 32 - 1 }), third!.orderKey, 2 ** 32 - 1)
    })

    it('refuses a version again, and names what stands, even if it is the same', async () => {
      const payment = randomPayment()
      await send(registry, payment)
      await expectRepeated(send(registry, payment), payment)
      await expectRepeated(send(registry, { ...payment, payload: randomPayload() }), payment)
      await expectRepeated(send(registry, { ...payment, digest: randomBytes32() }), payment)
    })

    it('keeps offices apart: none goes on from the versions of another', async () => {
      const [first, second] = versionsOf(randomBytes32(), 1, 2)
      await send(registry, first!)
      await expectSkipped(send(by(bob, registry), second!), second!.orderKey, 2, bob!.address)
      await send(by(bob, registry), { ...second!, version: 1 })
      expect(await registry.latestVersionOf(office, first!.orderKey)).to.equal(1)
      expect(await registry.latestVersionOf(bob!.address, first!.orderKey)).to.equal(1)
      expect(await registry.headOf(office)).to.equal(headAfter([first!]))
    })

    it('refuses an empty order key and an empty digest', async () => {
      await expect(send(registry, randomPayment({ orderKey: ZERO_BYTES32 })))
        .to.be.revertedWithCustomError(registry, 'EntryKeyEmpty')
        .withArgs(0)
      const payment = randomPayment({ digest: ZERO_BYTES32 })
      await expect(send(registry, payment))
        .to.be.revertedWithCustomError(registry, 'EntryDigestEmpty')
        .withArgs(paymentKey(payment.orderKey, 1))
    })

    it('refuses no payload and one of more than 1,024 bytes', async () => {
      await expect(send(registry, randomPayment({ payload: '0x' })))
        .to.be.revertedWithCustomError(registry, 'PaymentPayloadEmpty')
        .withArgs(0)
      await expect(send(registry, randomPayment({ payload: randomPayload(1025) })))
        .to.be.revertedWithCustomError(registry, 'PaymentPayloadTooLong')
        .withArgs(0, 1025)
    })

    it('is refused behind a gate, to the gate itself too', async () => {
      await expectGateRequired(send(gated, randomPayment()), office)
      await expectGateRequired(send(by(gate, gated), randomPayment()), gate!.address)
    })
  })

  describe('recordPayments', () => {
    it('records all in order, with an event each', async () => {
      const payments = randomPayments(12)
      const receipt = await (await registry.recordPayments(payments)).wait()
      expect(
        receipt!.logs.flatMap(
          ({ topics, data }: { topics: Bytes32[]; data: Bytes32 }) =>
            decodePaymentEvent(topics, data)!.payments,
        ),
      ).to.deep.equal(payments)
      expect(await registry.headOf(office)).to.equal(headAfter(payments))
      expect(
        await registry.digestsOf(
          office,
          payments.map(({ orderKey }) => paymentKey(orderKey, 1)),
        ),
      ).to.deep.equal(payments.map((payment) => paymentEntry(payment).digest))
    })

    it('goes on from the head and the versions that stand', async () => {
      const orderKey = randomBytes32()
      const [before, after] = [versionsOf(orderKey, 1, 2), versionsOf(orderKey, 3, 5)]
      await registry.recordPayments(before)
      await registry.recordPayments(after)
      expect(await registry.headOf(office)).to.equal(headAfter([...before, ...after]))
      expect(await registry.latestVersionOf(office, orderKey)).to.equal(5)
    })

    it('takes several versions of one order, in order, among others', async () => {
      const [first, second] = versionsOf(randomBytes32(), 1, 2)
      await registry.recordPayments([randomPayment(), first!, randomPayment(), second!])
      expect(await registry.latestVersionOf(office, first!.orderKey)).to.equal(2)
    })

    it('refuses versions in the wrong order, twice or skipped inside a batch, and records nothing of it', async () => {
      const [first, second, third] = versionsOf(randomBytes32(), 1, 3)
      await expectSkipped(registry.recordPayments([randomPayment(), second!, first!]), first!.orderKey, 2)
      await expectSkipped(registry.recordPayments([first!, third!]), first!.orderKey, 3)
      await expectRepeated(
        registry.recordPayments([first!, randomPayment(), { ...first!, digest: randomBytes32() }]),
        first!,
      )
      expect(await registry.headOf(office)).to.equal(EMPTY_HEAD)
      expect(await registry.latestVersionOf(office, first!.orderKey)).to.equal(0)
    })

    it('says which payment is unfit', async () => {
      const good = randomPayments(3)
      const refusals: [Partial<PaymentOnChain>, string, unknown[]][] = [
        [{ orderKey: ZERO_BYTES32 }, 'EntryKeyEmpty', [3]],
        [{ version: 0 }, 'PaymentVersionZero', [3]],
        [{ payload: '0x' }, 'PaymentPayloadEmpty', [3]],
        [{ payload: randomPayload(2000) }, 'PaymentPayloadTooLong', [3, 2000]],
      ]
      for (const [fault, error, values] of refusals)
        await expect(registry.recordPayments([...good, randomPayment(fault), ...randomPayments(1)]))
          .to.be.revertedWithCustomError(registry, error)
          .withArgs(...values)
    })

    it('refuses an empty batch', async () => {
      await expect(registry.recordPayments(NO_PAYMENTS))
        .to.be.revertedWithCustomError(registry, 'BatchEmpty')
        .withArgs()
    })

    it('is refused behind a gate', async () => {
      await expectGateRequired(gated.recordPayments(randomPayments(1)), office)
    })
  })

  describe('recordPaymentsFor', () => {
    const sign = (payments: readonly PaymentOnChain[], deadline: bigint | number, to = address) => {
      const { domain, types, message } = paymentBatch(to, office, payments, deadline)
      return alice!.signTypedData(domain, types, message)
    }
    const relay = async (
      payments: readonly PaymentOnChain[],
      deadline: bigint | number = MaxUint256,
      signature?: string,
    ) =>
      by(bob, registry).recordPaymentsFor(
        office,
        payments,
        deadline,
        signature ?? (await sign(payments, deadline)),
      )

    it('records for the office what it signed, whoever sends it', async () => {
      const payments = versionsOf(randomBytes32(), 1, 3)
      const transaction = relay(payments)
      for (const { orderKey, version, digest, payload } of payments)
        await expect(transaction)
          .to.emit(registry, 'PaymentRecorded')
          .withArgs(orderKey, office, version, digest, payload)
      expect(await registry.headOf(office)).to.equal(headAfter(payments))
      expect(await registry.headOf(bob!.address)).to.equal(EMPTY_HEAD)
    })

    it('asks for the digest that the protocol computes over the entries', async () => {
      const payments = randomPayments(3)
      await expectSignatureInvalid(relay(payments, 2n ** 40n, `0x${'11'.repeat(65)}`), payments, 2n ** 40n)
    })

    it('refuses a replay', async () => {
      const payments = randomPayments(2)
      const signature = await sign(payments, MaxUint256)
      await relay(payments, MaxUint256, signature)
      await expectRepeated(relay(payments, MaxUint256, signature), payments[0]!)
    })

    it('accepts a batch in the second of its deadline, and refuses it one second later', async () => {
      const [first, second] = [randomPayments(1), randomPayments(1)]
      const deadline = (await networkHelpers.time.latest()) + 100
      const [inTime, late] = [await sign(first, deadline), await sign(second, deadline)]
      await networkHelpers.time.setNextBlockTimestamp(deadline)
      await relay(first, deadline, inTime)
      await networkHelpers.time.setNextBlockTimestamp(deadline + 1)
      await expect(relay(second, deadline, late))
        .to.be.revertedWithCustomError(registry, 'BatchExpired')
        .withArgs(deadline, deadline + 1)
    })

    it('refuses what differs in anything from what was signed', async () => {
      const payments = randomPayments(2)
      const signature = await sign(payments, MaxUint256)
      const [first, second] = payments
      const others: PaymentOnChain[][] = [
        [second!, first!],
        [first!],
        [first!, { ...second!, orderKey: randomBytes32() }],
        [first!, { ...second!, version: 2 }],
        [first!, { ...second!, digest: randomBytes32() }],
        [first!, { ...second!, payload: randomPayload() }],
        [first!, { ...second!, payload: `${second!.payload}00` }],
      ]
      for (const other of others)
        await expectSignatureInvalid(relay(other, MaxUint256, signature), other, MaxUint256)
      await expectSignatureInvalid(relay(payments, 2n ** 40n, signature), payments, 2n ** 40n)
    })

    it('refuses a signature for another registry, and one of somebody else', async () => {
      const payments = randomPayments(1)
      const elsewhere = await sign(payments, MaxUint256, gatedAddress)
      await expectSignatureInvalid(relay(payments, MaxUint256, elsewhere), payments, MaxUint256)
      const { domain, types, message } = paymentBatch(address, office, payments, MaxUint256)
      const forged = await bob!.signTypedData(domain, types, message)
      await expectSignatureInvalid(relay(payments, MaxUint256, forged), payments, MaxUint256)
    })

    it('takes a contract wallet for an office', async () => {
      const wallet = await ethers.deployContract('SignerWallet', [office])
      const account = await addressOf(wallet as never)
      const payments = versionsOf(randomBytes32(), 1, 2)
      const { domain, types, message } = paymentBatch(address, account, payments, MaxUint256)
      const signature = await alice!.signTypedData(domain, types, message)
      await by(bob, registry).recordPaymentsFor(account, payments, MaxUint256, signature)
      expect(await registry.headOf(account)).to.equal(headAfter(payments))
      expect(await registry.headOf(office)).to.equal(EMPTY_HEAD)
      const more = randomPayments(1)
      const stranger = paymentBatch(address, account, more, MaxUint256)
      const refused = await bob!.signTypedData(stranger.domain, stranger.types, stranger.message)
      await expect(registry.recordPaymentsFor(account, more, MaxUint256, refused))
        .to.be.revertedWithCustomError(registry, 'BatchSignatureInvalid')
        .withArgs(account, batchDigest(account, more, MaxUint256))
    })

    it('refuses an empty batch, an unfit payment and a skipped version, even signed', async () => {
      await expect(relay(NO_PAYMENTS)).to.be.revertedWithCustomError(registry, 'BatchEmpty').withArgs()
      await expect(relay([randomPayment(), randomPayment({ payload: '0x' })]))
        .to.be.revertedWithCustomError(registry, 'PaymentPayloadEmpty')
        .withArgs(1)
      const skipping = randomPayment({ version: 2 })
      await expectSkipped(relay([skipping]), skipping.orderKey, 2)
    })

    it('is taken from the gate only, where there is one', async () => {
      const payments = randomPayments(2)
      const signature = await sign(payments, MaxUint256, gatedAddress)
      const call = (signer: typeof alice) =>
        by(signer, gated).recordPaymentsFor(office, payments, MaxUint256, signature)
      await expectGateRequired(call(bob), bob!.address)
      await expectGateRequired(call(alice), office)
      await call(gate)
      expect(await gated.headOf(office)).to.equal(headAfter(payments))
    })
  })

  describe('anchor', () => {
    it("is the book's own", async () => {
      const [payment, root] = [randomPayment(), randomBytes32()]
      await send(registry, payment)
      await expect(registry.anchor(root, 1024, 'https://leaves.example'))
        .to.emit(registry, 'Anchored')
        .withArgs(root, office, 1024, 'https://leaves.example')
      expect(await registry.headOf(office)).to.equal(foldAnchor(headAfter([payment]), root, 1024))
    })

    it('is refused behind a gate', async () => {
      await expectGateRequired(gated.anchor(randomBytes32(), 1, ''), office)
    })
  })

  describe('entries without order, version and payload', () => {
    it('are refused in every way, signed or not, by gate or not', async () => {
      const entries = randomEntries(2)
      const { key, digest } = randomEntry()
      for (const to of [registry, gated, by(gate, gated)])
        for (const call of [
          () => to.record(key, digest),
          () => to.recordBatch(entries),
          () => to.recordFor(office, entries, MaxUint256, `0x${'11'.repeat(65)}`),
          () => to.publish(entries),
        ])
          await expect(call()).to.be.revertedWithCustomError(registry, 'RawEntryRefused').withArgs()
      expect(await registry.headOf(office)).to.equal(EMPTY_HEAD)
    })
  })

  describe('latestVersionOf', () => {
    it('finds every last version up to 40', async () => {
      const orderKey = randomBytes32()
      expect(await registry.latestVersionOf(office, orderKey)).to.equal(0)
      for (const payment of versionsOf(orderKey, 1, 40)) {
        await send(registry, payment)
        expect(await registry.latestVersionOf(office, orderKey)).to.equal(payment.version)
      }
    })
  })

  describe('paymentKey and paymentEntryDigest', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex)

    it('are those of the protocol, for every payment', () =>
      fc.assert(
        fc.asyncProperty(
          bytes32,
          fc.integer({ min: 1, max: 2 ** 32 - 1 }),
          bytes32,
          fc.uint8Array({ maxLength: 200 }).map(bytesToHex),
          async (orderKey, version, digest, payload) => {
            expect(await registry.paymentKey(orderKey, version)).to.equal(paymentKey(orderKey, version))
            expect(await registry.paymentEntryDigest(digest, payload)).to.equal(
              paymentEntryDigest(digest, payload),
            )
          },
        ),
        { numRuns: 50 },
      ))
  })

  describe('storage', () => {
    // Slots 0 and 1 belong to OpenZeppelin's EIP712.
    const DIGESTS_SLOT = 2
    const HEADS_SLOT = 3
    const slotAt = (slot: Bytes32) =>
      provider.request({ method: 'eth_getStorageAt', params: [address, slot, 'latest'] })

    it('has digest and head where the interface of the book says', async () => {
      const payment = randomPayment()
      await send(registry, payment)
      const { key, digest } = paymentEntry(payment)
      expect(await slotAt(digestSlot(office, key, DIGESTS_SLOT))).to.equal(digest)
      expect(await slotAt(headSlot(office, HEADS_SLOT))).to.equal(headAfter([payment]))
    })
  })

  describe('gate and domain', () => {
    it('are what it was deployed with', async () => {
      expect(await registry.gate()).to.equal(ZERO_ADDRESS)
      expect(await gated.gate()).to.equal(gate!.address)
      expect(await registry.domainSeparator()).to.equal(
        ethers.TypedDataEncoder.hashDomain(paymentBatch(address, office, [], 0).domain),
      )
    })
  })

  const expectSkipped = (call: Promise<unknown>, orderKey: Bytes32, version: number, by: string = office) =>
    expect(call)
      .to.be.revertedWithCustomError(registry, 'PaymentVersionSkipped')
      .withArgs(by, orderKey, version)

  const expectRepeated = (call: Promise<unknown>, standing: PaymentOnChain) => {
    const { key, digest } = paymentEntry(standing)
    return expect(call)
      .to.be.revertedWithCustomError(registry, 'EntryAlreadyRecorded')
      .withArgs(office, key, digest)
  }

  const expectGateRequired = (call: Promise<unknown>, caller: string) =>
    expect(call).to.be.revertedWithCustomError(gated, 'GateRequired').withArgs(gate!.address, caller)

  const batchDigest = (author: Address, payments: readonly PaymentOnChain[], deadline: bigint) =>
    recordBatchDigest({
      chainId: CHAIN_ID,
      registry: address,
      author,
      entries: payments.map(paymentEntry),
      deadline,
    })

  const expectSignatureInvalid = (
    call: Promise<unknown>,
    payments: readonly PaymentOnChain[],
    deadline: bigint,
  ) =>
    expect(call)
      .to.be.revertedWithCustomError(registry, 'BatchSignatureInvalid')
      .withArgs(office, batchDigest(office, payments, deadline))
})
