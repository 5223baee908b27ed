import {
  type Address,
  type Bytes32,
  bytesToHex,
  type Hex,
  hexToBytes,
  isSameAddress,
  keccak256Hex,
} from '../../../protocol/hex.ts'
import { decodeRlpList, encodeRlp, type RlpItem, rlpBytes } from '../../../protocol/rlp.ts'
import { signHash } from '../../../protocol/signature.ts'

export interface Fees {
  /** Wei. */
  maxFeePerGas: bigint
  /** Wei. */
  maxPriorityFeePerGas: bigint
}

export interface TransactionToSign extends Fees {
  chainId: number
  nonce: number
  gasLimit: number
  to: Address
  data: Uint8Array
}

export interface SignedTransaction {
  raw: Hex
  hash: Bytes32
}

/** What a transaction does, whatever it pays for that. */
export interface TransactionCall {
  to: Address
  data: Hex
}

const TYPE = 2
const CALL_FIELDS = { to: 5, data: 7 }

/** Signs a transaction of type 2 (EIP-1559) without value and access list. */
export function signTransaction(transaction: TransactionToSign, privateKey: Bytes32): SignedTransaction {
  const fields: RlpItem[] = [
    quantity(transaction.chainId),
    quantity(transaction.nonce),
    quantity(transaction.maxPriorityFeePerGas),
    quantity(transaction.maxFeePerGas),
    quantity(transaction.gasLimit),
    hexToBytes(transaction.to, 20),
    quantity(0),
    transaction.data,
    [],
  ]
  const signature = hexToBytes(signHash(keccak256Hex(envelope(fields)), privateKey), 65)
  const raw = envelope([
    ...fields,
    quantity(signature[64]! - 27),
    withoutLeadingZeros(signature.subarray(0, 32)),
    withoutLeadingZeros(signature.subarray(32, 64)),
  ])
  return { raw: bytesToHex(raw), hash: keccak256Hex(raw) }
}

/** The call of a transaction that {@link signTransaction} signed. */
export function callOf(raw: Hex): TransactionCall {
  const fields = decodeRlpList(hexToBytes(raw).subarray(1), 'a signed transaction')
  return {
    to: bytesToHex(rlpBytes(fields[CALL_FIELDS.to], 'to', 20)),
    data: bytesToHex(rlpBytes(fields[CALL_FIELDS.data], 'data')),
  }
}

export const isSameCall = (a: TransactionCall, b: TransactionCall): boolean =>
  isSameAddress(a.to, b.to) && a.data.toLowerCase() === b.data.toLowerCase()

const envelope = (fields: RlpItem[]): Uint8Array => {
  const list = encodeRlp(fields)
  const bytes = new Uint8Array(1 + list.length)
  bytes[0] = TYPE
  bytes.set(list, 1)
  return bytes
}

/** Big endian without leading zeros; zero is the empty string. */
const quantity = (value: number | bigint): Uint8Array => {
  const digits = BigInt(value).toString(16)
  return withoutLeadingZeros(hexToBytes(`0x${digits.length % 2 === 0 ? '' : '0'}${digits}`))
}

const withoutLeadingZeros = (bytes: Uint8Array): Uint8Array => {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first === -1 ? new Uint8Array(0) : bytes.subarray(first)
}
