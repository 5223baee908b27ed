import { type Address, type Bytes32, bytesToHex, type Hex, toAddress } from './hex.ts'
import { proofInvalid, proofUnbuildable } from './proof-error.ts'
import { type RawReceipt, rawArray, rawData, rawNumber, rawObject, rawQuantity, toData } from './raw-rpc.ts'
import {
  decodeRlpList,
  encodeRlp,
  quantityBytes,
  type RlpItem,
  rlpBytes,
  rlpList,
  rlpNumber,
  typedEnvelope,
} from './rlp.ts'
import { readTrieProof } from './trie-proof.ts'

/** One log of a receipt, as the chain keeps it. */
export interface EventLog {
  address: Address
  /** At most 4, the first being the event's signature hash. */
  topics: Bytes32[]
  data: Hex
}

export interface DecodedReceipt {
  /** Transaction type, EIP-2718. */
  type: number
  /** 1 succeeded, 0 reverted; null on blocks before Byzantium (EIP-658), where a receipt does not say. */
  status: 0 | 1 | null
  cumulativeGasUsed: number
  logs: EventLog[]
}

/** The receipts trie of one block, rebuilt. */
export interface ReceiptsTrie {
  /** To be compared with the header's `receiptsRoot`. */
  readonly root: Bytes32
  /** Number of receipts. */
  readonly size: number
  /** Trie nodes from the root to the receipt at `transactionIndex`. */
  prove(transactionIndex: number): Promise<Hex[]>
}

/** Legacy, access list (EIP-2930), dynamic fee (1559), blob (4844), set code (7702): one form of receipt. */
const LAST_KNOWN_TYPE = 4

/** The key of a receipt in its trie: RLP of its index. */
export const receiptKey = (transactionIndex: number): Uint8Array => encodeRlp(quantityBytes(transactionIndex))

/**
 * A receipt's value in the trie, from the receipt as a node answered it.
 * @throws PROOF_UNBUILDABLE on missing or malformed members and on transaction types whose receipts are not known here
 */
export function encodeReceipt(receipt: RawReceipt): Uint8Array {
  const what = 'receipt'
  // Nodes older than EIP-2718 do not name a type.
  const type = receipt.type === undefined ? 0 : rawNumber(receipt, 'type', what)
  if (type > LAST_KNOWN_TYPE) throw proofUnbuildable(`${what}: transaction type ${type} is not known`)
  const outcome =
    receipt.status === undefined || receipt.status === null
      ? rawData(receipt, 'root', what, 32)
      : rawQuantity(receipt, 'status', what)
  return typedEnvelope(
    type,
    encodeRlp([
      outcome,
      rawQuantity(receipt, 'cumulativeGasUsed', what),
      rawData(receipt, 'logsBloom', what, 256),
      rawArray(receipt, 'logs', what).map(encodeLog),
    ]),
  )
}

/**
 * Reads a value of a receipts trie.
 * @throws PROOF_INVALID
 */
export function decodeReceipt(value: Uint8Array): DecodedReceipt {
  const what = 'receipt'
  const first = value[0] ?? 0
  // A legacy receipt is an RLP list and starts at 0xc0 or above.
  const type = first < 0x80 ? first : 0
  if (first < 0x80 && (type === 0 || type > LAST_KNOWN_TYPE))
    throw proofInvalid(`${what}: transaction type ${type} is not known`)
  const items = decodeRlpList(type === 0 ? value : value.subarray(1), what)
  rlpList(items, what, 4)
  const outcome = rlpBytes(items[0], `${what}: status`)
  rlpBytes(items[2], `${what}: bloom`, 256)
  return {
    type,
    status: outcome.length === 32 ? null : decodeStatus(items[0]),
    cumulativeGasUsed: rlpNumber(items[1], `${what}: gas`),
    logs: rlpList(items[3], `${what}: logs`).map(decodeLog),
  }
}

/**
 * Rebuilds the receipts trie of a block from all of its receipts, in any order.
 * @throws PROOF_UNBUILDABLE when one is missing, there twice, or malformed
 */
export async function buildReceiptsTrie(receipts: readonly RawReceipt[]): Promise<ReceiptsTrie> {
  // Loaded here because verifying, in a terminal or a browser, never needs it.
  const { createMerkleProof, createMPT } = await import('@ethereumjs/mpt')
  const trie = await createMPT()
  const ordered = inBlockOrder(receipts)
  for (const [index, receipt] of ordered.entries()) await trie.put(receiptKey(index), encodeReceipt(receipt))
  return {
    root: bytesToHex(trie.root()),
    size: ordered.length,
    async prove(transactionIndex) {
      if (ordered[transactionIndex] === undefined)
        throw proofUnbuildable(`block has no receipt ${transactionIndex}, only ${ordered.length}`)
      return (await createMerkleProof(trie, receiptKey(transactionIndex))).map(bytesToHex)
    },
  }
}

/**
 * The receipt that `nodes` prove to be at `transactionIndex` of the trie with this root.
 * @throws PROOF_INVALID
 */
export function verifyReceiptProof(
  receiptsRoot: Uint8Array,
  transactionIndex: number,
  nodes: readonly Uint8Array[],
): DecodedReceipt {
  const value = readTrieProof(receiptsRoot, receiptKey(transactionIndex), nodes, 'receipt proof')
  if (value === undefined) throw proofInvalid(`receipt proof: the block has no receipt ${transactionIndex}`)
  return decodeReceipt(value)
}

/** The receipts ordered by `transactionIndex`, which must run from 0 without a gap. */
function inBlockOrder(receipts: readonly RawReceipt[]): RawReceipt[] {
  const ordered: RawReceipt[] = new Array(receipts.length)
  for (const receipt of receipts) {
    const index = rawNumber(rawObject(receipt, 'receipt'), 'transactionIndex', 'receipt')
    if (index >= receipts.length || ordered[index] !== undefined)
      throw proofUnbuildable(`receipts: index ${index} among ${receipts.length}: some are missing or double`)
    ordered[index] = receipt
  }
  return ordered
}

function encodeLog(value: unknown, position: number): RlpItem {
  const what = `receipt: log ${position}`
  const log = rawObject(value, what)
  return [
    rawData(log, 'address', what, 20),
    rawArray(log, 'topics', what).map((topic) => toData(topic, `${what}: topic`, 32)),
    rawData(log, 'data', what),
  ]
}

function decodeLog(item: RlpItem, position: number): EventLog {
  const what = `receipt: log ${position}`
  const [address, topics, data] = rlpList(item, what, 3)
  return {
    address: toAddress(bytesToHex(rlpBytes(address, `${what}: address`, 20))),
    topics: rlpList(topics, `${what}: topics`).map((topic) =>
      bytesToHex(rlpBytes(topic, `${what}: topic`, 32)),
    ),
    data: bytesToHex(rlpBytes(data, `${what}: data`)),
  }
}

function decodeStatus(item: RlpItem | undefined): 0 | 1 {
  const status = rlpNumber(item, 'receipt: status')
  if (status !== 0 && status !== 1) throw proofInvalid(`receipt: status ${status}`)
  return status
}
