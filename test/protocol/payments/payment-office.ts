import { readFileSync } from 'node:fs'
import { Contract, ContractFactory, NonceManager, Wallet } from 'ethers'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Address, Bytes32 } from '../../../protocol/hex.ts'
import { newLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { createPaymentChainReader } from '../../../protocol/payments/payment-chain-reader.ts'
import { NO_PREVIOUS_DIGEST } from '../../../protocol/payments/payment-digest.ts'
import type { PaymentOnChain } from '../../../protocol/payments/payment-entry.ts'
import {
  PAYMENT_RECORDED_TOPIC,
  PAYMENTS_PUBLISHED_TOPIC,
  type PaymentTier,
} from '../../../protocol/payments/payment-event.ts'
import type { PaymentPlace } from '../../../protocol/payments/payment-place.ts'
import { packPayments } from '../../../protocol/payments/payment-publication.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { sealPayment } from '../../../protocol/payments/payment-seal.ts'
import { createVoucher } from '../../../protocol/payments/payment-voucher.ts'
import { writePublicPayment } from '../../../protocol/payments/public-payment.ts'
import { addressOf } from '../../../protocol/signature.ts'
import type { AnvilChain } from '../../support/anvil.ts'
import { DEPLOYER_KEY, localProvider } from '../../support/contracts.ts'
import { paymentRecord } from './payment-arbitrary.ts'

const ARTIFACT = new URL(
  '../../../artifacts/contracts/payments/PaymentRecordRegistry.sol/PaymentRecordRegistry.json',
  import.meta.url,
)

/** An office that records payments in a registry of its own on a real chain. */
export async function deployOffice(chain: AnvilChain) {
  const rpc = localProvider(chain.url)
  const wallet = new NonceManager(new Wallet(DEPLOYER_KEY, rpc))
  const { abi, bytecode } = JSON.parse(readFileSync(ARTIFACT, 'utf8'))
  const contract = await new ContractFactory(abi, bytecode, wallet).deploy(`0x${'00'.repeat(20)}`)
  await contract.waitForDeployment()
  const registry = (await contract.getAddress()) as Address
  const place: PaymentPlace = { chainId: chain.chainId, registry, office: addressOf(DEPLOYER_KEY) }
  const book = new Contract(registry, abi, wallet)
  const code = newLookupCode()

  async function send(method: string, topic: Bytes32, ...values: unknown[]) {
    const receipt = await (await book.getFunction(method)(...values)).wait()
    const log = receipt.logs.find(({ topics }: { topics: string[] }) => topics[0] === topic)
    return {
      blockNumber: receipt.blockNumber,
      transactionHash: receipt.hash as Bytes32,
      logIndex: log.index as number,
    }
  }

  /** Puts a record on chain and gives its voucher. */
  async function write(
    change: Partial<PaymentRecord> = {},
    { previousDigest = NO_PREVIOUS_DIGEST, tier = 'recorded' as PaymentTier, isPublic = false } = {},
  ) {
    const record = paymentRecord(change)
    const { orderId, version } = record
    const written = isPublic
      ? writePublicPayment(record, place, previousDigest)
      : sealPayment(record, code, place, previousDigest)
    const onChain: PaymentOnChain = { orderKey: orderKeyOf(orderId), version, ...written }
    const position =
      tier === 'recorded'
        ? await send(
            'recordPayment',
            PAYMENT_RECORDED_TOPIC,
            onChain.orderKey,
            version,
            written.digest,
            written.payload,
          )
        : await send('publishPayments', PAYMENTS_PUBLISHED_TOPIC, packPayments([filler(orderId), onChain]))
    const voucher = createVoucher(
      { ...written, orderId, version, previousDigest, place },
      { tier, ...position },
      code,
    )
    return { voucher, digest: written.digest }
  }

  /** Another payment of the same publication. */
  function filler(orderId: string): PaymentOnChain {
    const other = paymentRecord({ orderId: `${orderId}-filler` })
    return { orderKey: orderKeyOf(other.orderId), version: 1, ...writePublicPayment(other, place) }
  }

  const node = createPaymentChainReader(async (method, params) => {
    try {
      return await chain.request(method, params)
    } catch (cause) {
      throw new CountersignError('CHAIN_UNREACHABLE', `${method}: ${(cause as Error).message}`, { cause })
    }
  })
  return { place, write, node, close: () => rpc.destroy() }
}
