import { expect } from 'chai'
import { globalOptions } from 'hardhat'
import { type Address, type Hex, ZERO_ADDRESS } from '../../../protocol/hex.ts'
import type { PaymentOnChain } from '../../../protocol/payments/payment-entry.ts'
import { packPayments } from '../../../protocol/payments/payment-publication.ts'
import { addressOf, ethers, networkHelpers } from '../support/chain.ts'
import { GasSnapshot, seeded } from '../support/gas-snapshot.ts'
import { type PaymentRegistry, paymentBatch, send } from '../support/payments.ts'

const DEADLINE = 4_000_000_000
/** Of a sealed record of income tax, by `HM Revenue & Customs`. */
const SEALED_BYTES = 52
/** Without a zero among them they cost as much as the 34 of a public record by `City of Pittsburgh`. */
const PUBLIC_BYTES = 30

const seededPayment = (seed: string, payloadBytes: number): PaymentOnChain => ({
  orderKey: seeded(`${seed} order`),
  version: 1,
  digest: seeded(`${seed} digest`),
  payload: `${seeded(`${seed} payload`)}${seeded(`${seed} more`).slice(2)}`.slice(
    0,
    2 + 2 * payloadBytes,
  ) as Hex,
})
const seededPayments = (size: number, seed: string, payloadBytes = SEALED_BYTES): PaymentOnChain[] =>
  Array.from({ length: size }, (_, i) => seededPayment(`${seed} ${i}`, payloadBytes))

const snapshot = new GasSnapshot('payments-gas.json')
const signers = await ethers.getSigners()
const [office, relayer] = signers
// Nobody else deploys from it: the addresses, and with them the signed bytes, are the same in every run.
const deployer = signers.at(-2)!

/** A registry in which `office` has written before (a head costs 17,100 more the first time). */
async function usedRegistry() {
  const deployed = await ethers.deployContract('PaymentRecordRegistry', [ZERO_ADDRESS], deployer)
  const registry = deployed.connect(office!) as unknown as PaymentRegistry
  await registry.recordPayments(seededPayments(1, 'first'))
  return { registry }
}

describe('gas of payments', () => {
  // Instrumented code costs more, and nothing that anybody pays.
  if (globalOptions.coverage) return

  let registry: PaymentRegistry
  beforeEach(async () => {
    ;({ registry } = await networkHelpers.loadFixture(usedRegistry))
  })

  const relay = async (payments: PaymentOnChain[]) => {
    const account = office!.address as Address
    const { domain, types, message } = paymentBatch(await addressOf(registry), account, payments, DEADLINE)
    const signature = await office!.signTypedData(domain, types, message)
    const { recordPaymentsFor } = registry.connect(relayer!) as PaymentRegistry
    return recordPaymentsFor(account, payments, DEADLINE, signature)
  }

  // About 53,500 of it are the EVM's own: transaction, calldata, a new slot, the head's, the event.
  it('of one payment is at most 55,300, of a version after it 2,400 more', async () => {
    const first = seededPayment('one', SEALED_BYTES)
    const gas = await snapshot.measure('recordPayment', send(registry, first))
    expect(gas).to.be.at.most(55_300)
    const second = { ...seededPayment('two', SEALED_BYTES), orderKey: first.orderKey, version: 2 }
    expect(await snapshot.measure('recordPayment, version 2', send(registry, second))).to.be.at.most(
      gas + 2_400,
    )
    const newcomer = registry.connect(relayer!) as PaymentRegistry
    await snapshot.measure("recordPayment, an office's first", send(newcomer, first))
  })

  it('of a batch of 100 is at most 29,200 a record', async () => {
    for (const size of [1, 10, 100]) {
      const payments = seededPayments(size, `batch ${size}`)
      const gas = await snapshot.measurePerRecord(
        `recordPayments of ${size}`,
        size,
        registry.recordPayments(payments),
      )
      if (size === 100) expect(gas).to.be.at.most(29_200)
    }
  })

  it('of a relayed batch of 100 is at most 30,100 a record', async () => {
    for (const size of [1, 10, 100]) {
      const payments = seededPayments(size, `relay ${size}`)
      const gas = await snapshot.measurePerRecord(`recordPaymentsFor of ${size}`, size, relay(payments))
      if (size === 100) expect(gas).to.be.at.most(30_100)
    }
  })

  it('of publishing 500 is at most 4,000 a record', async () => {
    const packed = packPayments(seededPayments(500, 'publish', PUBLIC_BYTES))
    const gas = await snapshot.measurePerRecord(
      'publishPayments of 500',
      500,
      registry.publishPayments(packed),
    )
    expect(gas).to.be.at.most(4_000)
  })

  after(() => snapshot.compare())
})
