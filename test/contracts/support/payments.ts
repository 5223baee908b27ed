import type { BaseContractMethod } from 'ethers'
import { type Address, bytesToHex, type Hex, randomBytes32, ZERO_ADDRESS } from '../../../protocol/hex.ts'
import { type PaymentOnChain, paymentEntry } from '../../../protocol/payments/payment-entry.ts'
import { batchHash } from '../../../protocol/record-book.ts'
import { CHAIN_ID, ethers, type Registry } from './chain.ts'

export type PaymentRegistry = Registry &
  Record<
    | 'recordPayment'
    | 'recordPayments'
    | 'recordPaymentsFor'
    | 'publishPayments'
    | 'latestVersionOf'
    | 'paymentKey'
    | 'paymentEntryDigest',
    BaseContractMethod
  >

export const deployPaymentRegistry = async (gate: Address = ZERO_ADDRESS): Promise<PaymentRegistry> =>
  (await ethers.deployContract('PaymentRecordRegistry', [gate])) as unknown as PaymentRegistry

/** The length that a lean sealed record has. */
const PAYLOAD_BYTES = 52

export const randomPayload = (bytes: number = PAYLOAD_BYTES): Hex =>
  bytesToHex(globalThis.crypto.getRandomValues(new Uint8Array(bytes)))

/** Version 1 of an order of its own, unless told otherwise. */
export const randomPayment = (given: Partial<PaymentOnChain> = {}): PaymentOnChain => ({
  orderKey: randomBytes32(),
  version: 1,
  digest: randomBytes32(),
  payload: randomPayload(),
  ...given,
})

export const randomPayments = (size: number): PaymentOnChain[] =>
  Array.from({ length: size }, () => randomPayment())

/** Versions `first` to `last` of one order. */
export const versionsOf = (orderKey: Hex, first: number, last: number): PaymentOnChain[] =>
  Array.from({ length: last - first + 1 }, (_, i) => randomPayment({ orderKey, version: first + i }))

export const send = (
  registry: PaymentRegistry,
  { orderKey, version, digest, payload }: PaymentOnChain,
): ReturnType<PaymentRegistry['recordPayment']> => registry.recordPayment(orderKey, version, digest, payload)

/** What an office signs, for ethers' own EIP-712. */
export const paymentBatch = (
  registry: Address,
  office: Address,
  payments: readonly PaymentOnChain[],
  deadline: bigint | number,
) => ({
  domain: { name: 'Countersign', version: '1', chainId: CHAIN_ID, verifyingContract: registry },
  types: {
    RecordBatch: [
      { name: 'author', type: 'address' },
      { name: 'batchHash', type: 'bytes32' },
      { name: 'deadline', type: 'uint256' },
    ],
  },
  message: { author: office, batchHash: batchHash(payments.map(paymentEntry)), deadline },
})
