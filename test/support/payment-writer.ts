import { Contract, NonceManager, Wallet } from 'ethers'
import { PAYMENT_RECORD_REGISTRY_ABI } from '../../protocol/abi/payment-record-registry.ts'
import { type Address, type Bytes32, bytesToHex, type Hex } from '../../protocol/hex.ts'
import { type LookupCode, newLookupCode } from '../../protocol/payments/lookup-code.ts'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import { NO_PREVIOUS_DIGEST } from '../../protocol/payments/payment-digest.ts'
import type { PaymentOnChain } from '../../protocol/payments/payment-entry.ts'
import type { PaymentPlace } from '../../protocol/payments/payment-place.ts'
import { packPayments } from '../../protocol/payments/payment-publication.ts'
import type { PaymentRecord } from '../../protocol/payments/payment-record.ts'
import { sealPayment } from '../../protocol/payments/payment-seal.ts'
import { writePublicPayment } from '../../protocol/payments/public-payment.ts'
import { addressOf } from '../../protocol/signature.ts'
import { localProvider } from './contracts.ts'

export interface WrittenPayment extends PaymentOnChain {
  record: PaymentRecord
}

export const somePayment = (change: Partial<PaymentRecord> = {}): PaymentRecord => ({
  orderId: 'ORDER-1',
  version: 1,
  kind: 'payment',
  category: 'income-tax',
  period: '2024',
  amountMinor: 123_45,
  currency: 'GBP',
  paidAt: '2024-04-05',
  authority: 'Tax Office North',
  ...change,
})

/** One office, writing to a registry of payments. */
export interface PaymentWriter {
  readonly office: Address
  readonly place: PaymentPlace
  /** Opens everything that it seals. */
  readonly code: LookupCode
  /** Of the next versions of their orders: what goes on chain. They are remembered as written. */
  make(records: readonly PaymentRecord[], visibility?: 'public' | 'sealed'): WrittenPayment[]
  /** In one transaction. */
  record(records: readonly PaymentRecord[], visibility?: 'public' | 'sealed'): Promise<WrittenPayment[]>
  publish(records: readonly PaymentRecord[], visibility?: 'public' | 'sealed'): Promise<WrittenPayment[]>
  /** Whatever bytes these are. */
  recordRaw(payment: PaymentOnChain): Promise<void>
  publishRaw(payments: readonly PaymentOnChain[]): Promise<void>
  /** After a chain was reverted. */
  reset(): void
  close(): void
}

export function paymentWriter(
  rpcUrl: string,
  { registry, chainId, key }: { registry: Address; chainId: number; key: Bytes32 },
): PaymentWriter {
  const provider = localProvider(rpcUrl)
  const signer = new NonceManager(new Wallet(key, provider))
  const contract = new Contract(registry, [...PAYMENT_RECORD_REGISTRY_ABI], signer)
  const place = { chainId, registry, office: addressOf(key) }
  const code = newLookupCode()
  const digests = new Map<string, Bytes32>()
  const send = async (method: string, ...args: unknown[]) => {
    await (await contract.getFunction(method)(...args)).wait()
  }
  const writer: PaymentWriter = {
    office: place.office,
    place,
    code,
    make: (records, visibility = 'public') =>
      records.map((record) => {
        const { orderId, version } = record
        const previous = digests.get(`${orderId}:${version - 1}`) ?? NO_PREVIOUS_DIGEST
        const written =
          visibility === 'sealed'
            ? sealPayment(record, code, place, previous)
            : writePublicPayment(record, place, previous)
        digests.set(`${orderId}:${version}`, written.digest)
        return { record, orderKey: orderKeyOf(orderId), version, ...written }
      }),
    async record(records, visibility) {
      const payments = writer.make(records, visibility)
      await send('recordPayments', payments.map(onChain))
      return payments
    },
    async publish(records, visibility) {
      const payments = writer.make(records, visibility)
      await send('publishPayments', packPayments(payments))
      return payments
    },
    recordRaw: (payment) => send('recordPayments', [onChain(payment)]),
    publishRaw: (payments) => send('publishPayments', packPayments(payments)),
    reset: () => signer.reset(),
    close: () => provider.destroy(),
  }
  return writer
}

const onChain = ({ orderKey, version, digest, payload }: PaymentOnChain) => ({
  orderKey,
  version,
  digest,
  payload,
})

/** Bytes that are no payload. */
export const noPayload = (byte = 0xff): Hex => bytesToHex(new Uint8Array(20).fill(byte))
