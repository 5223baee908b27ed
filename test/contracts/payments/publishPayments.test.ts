import { expect } from 'chai'
import fc from 'fast-check'
import {
  type Address,
  bytesToHex,
  concatBytes,
  type Hex,
  hexToBytes,
  randomBytes32,
  ZERO_BYTES32,
} from '../../../protocol/hex.ts'
import { type PaymentOnChain, paymentEntry, paymentKey } from '../../../protocol/payments/payment-entry.ts'
import { packPayments, unpackPayments } from '../../../protocol/payments/payment-publication.ts'
import { EMPTY_HEAD, foldPublication, foldRecord, merkleRootOf } from '../../../protocol/record-book.ts'
import { ethers, networkHelpers } from '../support/chain.ts'
import {
  deployPaymentRegistry,
  type PaymentRegistry,
  randomPayload,
  randomPayment,
  randomPayments,
  send,
  versionsOf,
} from '../support/payments.ts'

const [alice, , gate] = await ethers.getSigners()
const office = alice!.address as Address
/** Order key, version, digest and length. */
const HEADER_BYTES = 70
/** Of a payment with the payload that `randomPayment` gives. */
const SIZE = HEADER_BYTES + 52

const rootOf = (payments: readonly PaymentOnChain[]) => merkleRootOf(payments.map(paymentEntry))

/** Packs without looking, unlike the protocol. */
const packAnyway = (...payments: PaymentOnChain[]): Hex =>
  bytesToHex(
    concatBytes(
      ...payments.map(({ orderKey, version, digest, payload }) =>
        hexToBytes(
          ethers.solidityPacked(
            ['bytes32', 'uint32', 'bytes32', 'uint16', 'bytes'],
            [orderKey, version, digest, (payload.length - 2) / 2, payload],
          ),
        ),
      ),
    ),
  )

async function emptyRegistry() {
  return { registry: await deployPaymentRegistry() }
}

describe('PaymentRecordRegistry: publishPayments', () => {
  let registry: PaymentRegistry
  beforeEach(async () => {
    ;({ registry } = await networkHelpers.loadFixture(emptyRegistry))
  })

  const expectRefused = (packed: string, error: string, ...values: unknown[]) =>
    expect(registry.publishPayments(packed))
      .to.be.revertedWithCustomError(registry, error)
      .withArgs(...values)

  it('puts all payments and their root into one event, and the root into the head', async () => {
    const payments = randomPayments(7)
    const packed = packPayments(payments)
    const root = rootOf(payments)
    await expect(registry.publishPayments(packed))
      .to.emit(registry, 'PaymentsPublished')
      .withArgs(root, office, packed)
    expect(await registry.headOf(office)).to.equal(foldPublication(EMPTY_HEAD, root, 7))
    const { key } = paymentEntry(payments[0]!)
    expect(await registry.digestOf(office, key)).to.equal(ZERO_BYTES32)
    expect(await registry.latestVersionOf(office, payments[0]!.orderKey)).to.equal(0)
  })

  it('computes the root of the standard tree at every size up to 33', async () => {
    for (let size = 1; size <= 33; size++) {
      const payments = randomPayments(size)
      expect(await registry.publishPayments.staticCall(packPayments(payments)), `${size}`).to.equal(
        rootOf(payments),
      )
    }
  })

  it('takes whatever the protocol packs and packs what the protocol reads, of any lengths', () => {
    const bytes32 = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .filter((bytes) => bytes.some((byte) => byte !== 0))
      .map(bytesToHex)
    const payment = fc.record({
      orderKey: bytes32,
      version: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      digest: bytes32,
      payload: fc
        .oneof(
          fc.uint8Array({ minLength: 1, maxLength: 80 }),
          fc.uint8Array({ minLength: 1, maxLength: 1024 }),
        )
        .map(bytesToHex),
    })
    return fc.assert(
      fc.asyncProperty(fc.array(payment, { minLength: 1, maxLength: 8 }), async (payments) => {
        const packed = packPayments(payments)
        expect(packed).to.equal(packAnyway(...payments))
        expect(unpackPayments(packed)).to.deep.equal(payments)
        expect(await registry.publishPayments.staticCall(packed)).to.equal(rootOf(payments))
      }),
      { numRuns: 60 },
    )
  })

  it('agrees with the protocol on which bytes are well-formed, whatever was damaged', async () => {
    const packed = hexToBytes(packPayments(randomPayments(3)))
    const damage = fc.oneof(
      fc.nat(packed.length - 1).map((length) => packed.slice(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 200 }).map((tail) => concatBytes(packed, tail)),
      // In a length, where it moves everything behind it.
      fc
        .tuple(fc.nat(2), fc.constantFrom(68, 69), fc.integer({ min: 0, max: 255 }))
        .map(([i, place, byte]) => packed.with(i * SIZE + place, byte)),
    )
    await fc.assert(
      fc.asyncProperty(damage, async (bytes) => {
        const hex = bytesToHex(bytes)
        let payments: PaymentOnChain[] | undefined
        try {
          payments = unpackPayments(hex)
        } catch {
          payments = undefined
        }
        const root = await registry.publishPayments.staticCall(hex).catch(() => undefined)
        expect(root).to.equal(payments && rootOf(payments))
      }),
      { numRuns: 150 },
    )
  })

  it('refuses no payments at all', () => expectRefused('0x', 'BatchEmpty'))

  it('refuses bytes cut anywhere, and says where the payment that lacks them begins', async () => {
    const packed = hexToBytes(packPayments(randomPayments(3)))
    for (const length of [1, 31, 69, 70, 71, SIZE - 1])
      await expectRefused(bytesToHex(packed.subarray(0, length)), 'PackedPaymentIncomplete', 0, length)
    for (const length of [SIZE + 1, SIZE + 69, SIZE + 70, 2 * SIZE - 1])
      await expectRefused(bytesToHex(packed.subarray(0, length)), 'PackedPaymentIncomplete', SIZE, length)
  })

  it('refuses bytes too many', async () => {
    const packed = packPayments(randomPayments(2))
    for (const bytes of [1, 2, 32, 69])
      await expectRefused(
        `${packed}${'ff'.repeat(bytes)}`,
        'PackedPaymentIncomplete',
        2 * SIZE,
        2 * SIZE + bytes,
      )
  })

  it('refuses a length that reaches past the end, as far as 65,535', async () => {
    const packed = hexToBytes(packPayments(randomPayments(2)))
    const last = SIZE + 68
    await expectRefused(bytesToHex(packed.with(last + 1, 53)), 'PackedPaymentIncomplete', SIZE, packed.length)
    await expectRefused(
      bytesToHex(packed.with(last, 255).with(last + 1, 255)),
      'PackedPaymentIncomplete',
      SIZE,
      packed.length,
    )
  })

  it('never takes bytes behind its argument for a payment', async () => {
    const [first, second] = randomPayments(2)
    const whole = packPayments([first!, second!])
    const data = registry.interface.encodeFunctionData('publishPayments', [whole])
    // The argument's length says half of it; the rest lies behind, in the same calldata.
    const shorter = data.replace(
      ethers.toBeHex(2 * SIZE, 32).slice(2),
      ethers.toBeHex(SIZE + HEADER_BYTES, 32).slice(2),
    )
    await expect(alice!.sendTransaction({ to: await registry.getAddress(), data: shorter }))
      .to.be.revertedWithCustomError(registry, 'PackedPaymentIncomplete')
      .withArgs(SIZE, SIZE + HEADER_BYTES)
  })

  it('says at which byte an unfit payment begins', async () => {
    const good = randomPayment()
    const cases: [Partial<PaymentOnChain>, string, unknown[]][] = [
      [{ orderKey: ZERO_BYTES32 }, 'EntryKeyEmpty', [SIZE]],
      [{ version: 0 }, 'PaymentVersionZero', [SIZE]],
      [{ payload: '0x' }, 'PaymentPayloadEmpty', [SIZE]],
      [{ payload: randomPayload(1025) }, 'PaymentPayloadTooLong', [SIZE, 1025]],
      [{ payload: randomPayload(65_535) }, 'PaymentPayloadTooLong', [SIZE, 65_535]],
    ]
    for (const [fault, error, values] of cases)
      await expectRefused(packAnyway(good, randomPayment(fault), good), error, ...values)
    const empty = randomPayment({ digest: ZERO_BYTES32 })
    await expectRefused(packAnyway(good, empty), 'EntryDigestEmpty', paymentKey(empty.orderKey, 1))
  })

  it('takes versions again and out of order: which came first is for readers to see', async () => {
    const [first, second, third] = versionsOf(randomBytes32(), 1, 3)
    await send(registry, first!)
    const payments = [third!, first!, third!, second!]
    await registry.publishPayments(packPayments(payments))
    const { key, digest } = paymentEntry(first!)
    const head = foldRecord(EMPTY_HEAD, key, digest)
    expect(await registry.headOf(office)).to.equal(foldPublication(head, rootOf(payments), 4))
    expect(await registry.latestVersionOf(office, first!.orderKey)).to.equal(1)
    await expect(send(registry, third!)).to.be.revertedWithCustomError(registry, 'PaymentVersionSkipped')
  })

  it('is refused behind a gate', async () => {
    const gated = await deployPaymentRegistry(gate!.address as Address)
    await expect(gated.publishPayments(packPayments(randomPayments(1))))
      .to.be.revertedWithCustomError(gated, 'GateRequired')
      .withArgs(gate!.address, office)
  })
})
