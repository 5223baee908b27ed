import { isCountersignError } from '../errors.ts'
import { type Bytes32, bytesToHex, type Hex, hexToBytes, isSameAddress, keccak256Hex } from '../hex.ts'
import { proofUnbuildable } from '../proof-error.ts'
import { type RawReceipt, rawArray, rawData, rawNumber, rawObject, toData } from '../raw-rpc.ts'
import { orderKeyOf } from './order-id.ts'
import type { PaymentChainReader } from './payment-chain-reader.ts'
import { decodePaymentEvent, type PaymentEvent } from './payment-event.ts'
import type { PaymentVoucher } from './payment-voucher.ts'

/**
 * What a node that gives no receipt of the voucher's transaction has of it all the same: nodes drop receipts, and their index of
 * transactions, after some time, so that a missing receipt says nothing of the transaction. The block's own list of transactions does.
 * @returns block and the registry's logs, as members of a receipt; null when the block does not have the transaction
 * @throws PROOF_UNBUILDABLE when the node does not keep block or logs; CHAIN_UNREACHABLE
 */
export async function findWithoutReceipt(
  { place, blockNumber, transactionHash }: PaymentVoucher,
  chain: PaymentChainReader,
): Promise<RawReceipt | null> {
  const transactions = await chain.transactionsOf(blockNumber)
  if (transactions === null) throw proofUnbuildable(`the node does not keep block ${blockNumber}`)
  if (!transactions.includes(transactionHash)) return null
  const logs = (await chain.logsOf(place.registry, blockNumber)).filter(
    (log) => bytesToHex(rawData(log, 'transactionHash', 'log', 32)) === transactionHash,
  )
  const [log] = logs
  if (log === undefined) throw proofUnbuildable(`the node keeps no receipt of transaction ${transactionHash}`)
  return { blockNumber: log.blockNumber, blockHash: log.blockHash, logs }
}

/** What the log that the voucher names says of its order and version. @throws PROOF_UNBUILDABLE for a malformed receipt */
export function paymentIn(
  receipt: RawReceipt,
  { place, record, logIndex, tier }: PaymentVoucher,
): { digest: Bytes32; payloadHash: Bytes32 } | undefined {
  const log = rawArray(receipt, 'logs', 'receipt')
    .map((item) => rawObject(item, 'log'))
    .find((item) => rawNumber(item, 'logIndex', 'log') === logIndex)
  if (log === undefined) return undefined
  if (!isSameAddress(bytesToHex(rawData(log, 'address', 'log', 20)), place.registry)) return undefined
  const topics = rawArray(log, 'topics', 'log').map((topic) => bytesToHex(toData(topic, 'log: topic', 32)))
  const event = eventOf(topics, bytesToHex(rawData(log, 'data', 'log')))
  if (event?.tier !== tier || !isSameAddress(event.office, place.office)) return undefined
  const orderKey = orderKeyOf(record.orderId)
  // Of two under one key in a publication the first counts.
  const found = event.payments.find(
    (payment) => payment.orderKey === orderKey && payment.version === record.version,
  )
  return found && { digest: found.digest, payloadHash: keccak256Hex(hexToBytes(found.payload)) }
}

/** Undefined also for the event of a contract that only resembles a registry. */
function eventOf(topics: readonly Bytes32[], data: Hex): PaymentEvent | undefined {
  try {
    return decodePaymentEvent(topics, data)
  } catch (error) {
    if (isCountersignError(error)) return undefined
    throw error
  }
}
