import { Interface } from 'ethers'
import { PAYMENT_RECORD_REGISTRY_ABI } from '../../protocol/abi/payment-record-registry.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import { packPayments } from '../../protocol/payments/payment-publication.ts'
import type { PaymentRecord } from '../../protocol/payments/payment-record.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import { startAnvil } from '../../test/support/anvil.ts'
import { deployAll } from '../../test/support/contracts.ts'
import { paymentWriter, somePayment } from '../../test/support/payment-writer.ts'
import type { FilledChain } from './chain.ts'

/** A local chain with payments: half of them sealed, one order in twenty corrected. */
export interface FilledWithPayments extends Pick<FilledChain, 'chain' | 'contracts' | 'head'> {
  payments: number
  orders: { orderId: string; orderKey: Bytes32 }[]
}

const PAYMENTS_A_TRANSACTION = 500
const CORRECTED = 20
const CATEGORIES = ['income-tax', 'pension', 'medical', 'royalty', 'rent']
/** An account of the test mnemonic, which the chain signs for. */
const OFFICE_KEY: Bytes32 = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'
const REGISTRY = new Interface(PAYMENT_RECORD_REGISTRY_ABI)

export async function fillWithPayments(
  count: number,
  progress: (done: number) => void,
): Promise<FilledWithPayments> {
  const chain = await startAnvil({ flags: ['--gas-limit', '1000000000', '--prune-history', '16'] })
  const contracts = await deployAll(chain.url)
  const registry = contracts.PaymentRecordRegistry
  const office = paymentWriter(chain.url, { registry, chainId: chain.chainId, key: OFFICE_KEY })
  const orders: FilledWithPayments['orders'] = []
  let batch: PaymentRecord[] = []
  let payments = 0
  const publish = async (visibility: 'public' | 'sealed') => {
    const data = REGISTRY.encodeFunctionData('publishPayments', [
      packPayments(office.make(batch, visibility)),
    ])
    const gas = toQuantity(10_000 * batch.length)
    await chain.request('eth_sendTransaction', [{ from: office.office, to: registry, data, gas }])
    payments += batch.length
    batch = []
    if (payments % 10_000 === 0) progress(payments)
  }
  let isPublic = true
  while (payments < count) {
    while (batch.length < Math.min(PAYMENTS_A_TRANSACTION, count - payments)) {
      const i = orders.length
      const orderId = `ORDER-${i}`
      orders.push({ orderId, orderKey: orderKeyOf(orderId) })
      const first = somePayment({
        orderId,
        category: CATEGORIES[i % CATEGORIES.length]!,
        period: String(2015 + (i % 10)),
        amountMinor: 100 + i,
      })
      batch.push(first)
      if (i % CORRECTED === 0) batch.push({ ...first, version: 2, kind: 'correction', amountMinor: i })
    }
    await publish(isPublic ? 'public' : 'sealed')
    isPublic = !isPublic
  }
  office.close()
  const head = Number(await chain.request<string>('eth_blockNumber'))
  return { chain, contracts, head, payments, orders }
}
