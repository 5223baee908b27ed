import { expect } from 'chai'
import { bytesToHex, toAddress, ZERO_BYTES32 } from '../../protocol/hex.ts'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { HeadAnswer } from '../../web/order/order-answer.ts'
import { absenceStep, askAbsence } from '../../web/verification/ask-absence.ts'
import { deployOffice } from '../protocol/payments/payment-office.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'

describe('absence of an order, asked of the chain', () => {
  let chain: AnvilChain
  let office: Awaited<ReturnType<typeof deployOffice>>
  let network: PaymentNetwork
  before(async () => {
    chain = await startAnvil()
    office = await deployOffice(chain)
    await office.write({ orderId: 'HERE' })
    const { registry, chainId } = office.place
    network = {
      directory: { chainId, address: registry },
      chains: [
        { chainId, name: 'taxes', registry, rpcUrls: [chain.url], finalityDepth: 0, finalizedTag: false },
      ],
    }
  })
  after(async () => {
    office?.close()
    await chain?.stop()
  })

  const head = (change: Partial<HeadAnswer> = {}): HeadAnswer => ({
    ...office.place,
    name: null,
    head: ZERO_BYTES32,
    entryCount: 1,
    verifiedAtBlock: 1,
    completeness: 'complete',
    ...change,
  })
  const stranger = (number: number) =>
    head({ office: toAddress(bytesToHex(new Uint8Array(20).fill(number + 1))) })
  const ask = async (heads: HeadAnswer[], orderId = 'NOT-HERE') => {
    const absence = await askAbsence(heads, orderKeyOf(orderId), network)
    return { ...absence, step: absenceStep(absence).outcome }
  }

  it('is shown for offices that were all asked about', async () => {
    expect(await ask([head(), stranger(1)])).to.deep.equal({
      ...{ outcome: 'absent', asked: 2, count: 2, step: 'passed' },
    })
  })

  it('is contradicted by a record that the indexer does not show', async () => {
    const found = await ask([stranger(1), head()], 'HERE')
    expect([found.outcome, found.step]).to.deep.equal(['present', 'failed'])
  })

  it('is not shown where an office was left out: past the first fifty, or of an unknown registry or chain', async () => {
    const many = Array.from({ length: 51 }, (_, i) => stranger(i))
    expect(await ask(many)).to.deep.equal({ outcome: 'absent', asked: 50, count: 51, step: 'not-checked' })
    for (const elsewhere of [head({ registry: office.place.office }), head({ chainId: 1 })])
      expect(await ask([stranger(1), elsewhere], 'HERE')).to.deep.equal({
        ...{ outcome: 'absent', asked: 1, count: 2, step: 'not-checked' },
      })
  })
})
