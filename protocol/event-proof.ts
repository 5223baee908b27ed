import { decodeBlockHeader, headerOf } from './block-header.ts'
import { type Bytes32, bytesToHex, type Hex, hexToBytes } from './hex.ts'
import { proofInvalid, proofUnbuildable } from './proof-error.ts'
import { checkMembers, proofBytes, proofIndex, proofNodes } from './proof-members.ts'
import { type RawBlock, type RawReceipt, rawArray, rawData, rawNumber } from './raw-rpc.ts'
import { buildReceiptsTrie, type EventLog, receiptKey, verifyReceiptProof } from './receipts-trie.ts'

/**
 * Proves that a block contains a log. All data is lower-case hexadecimal text.
 *
 * `transactionHash` is not proven: a receipts trie is keyed by index and knows no hashes. It points a reader to the
 * transaction; the file around the proof covers it with its integrity hash, and a node of the chain confirms it.
 */
export interface EventProof {
  kind: 'event'
  blockNumber: number
  blockHash: Bytes32
  /** RLP of the block header. */
  header: Hex
  transactionHash: Bytes32
  transactionIndex: number
  /** Position among the logs of its transaction, from 0; not the block-wide `logIndex` of JSON-RPC. */
  logPosition: number
  /** Nodes of the receipts trie from the root to the transaction's receipt. */
  receiptProof: Hex[]
}

/** What an `EventProof` proves, provided that its block is part of the chain. */
export interface ProvenEvent {
  log: EventLog
  blockNumber: number
  blockHash: Bytes32
  /** Time of the block, seconds since 1970. */
  timestamp: number
}

/** Makes the proofs of one block; its receipts trie is built once. */
export interface EventProver {
  prove(transactionHash: Bytes32, logPosition: number): Promise<EventProof>
}

const MEMBERS: readonly (keyof EventProof)[] = [
  'kind',
  'blockNumber',
  'blockHash',
  'header',
  'transactionHash',
  'transactionIndex',
  'logPosition',
  'receiptProof',
]

/**
 * Checks a block against its receipts, both as a node answered them: the header hashes to the block's hash, and the
 * receipts to the header's `receiptsRoot`. A node that lies, or leaves a log out, is noticed here.
 * @param receipts of the whole block: `eth_getBlockReceipts`, or `eth_getTransactionReceipt` of each transaction
 * @throws PROOF_UNBUILDABLE
 */
export async function createEventProver(source: {
  block: RawBlock
  receipts: readonly RawReceipt[]
}): Promise<EventProver> {
  const { rlp, header } = headerOf(source.block)
  const trie = await buildReceiptsTrie(source.receipts)
  if (trie.root !== header.receiptsRoot)
    throw proofUnbuildable(
      `block ${header.number}: its ${trie.size} receipts hash to ${trie.root}, the header says ${header.receiptsRoot}`,
    )
  const headerHex = bytesToHex(rlp)
  const receiptOf = new Map(source.receipts.map((receipt) => [transactionHashOf(receipt), receipt]))

  return {
    async prove(transactionHash, logPosition) {
      const what = `transaction ${transactionHash}`
      const receipt = receiptOf.get(transactionHash)
      if (receipt === undefined) throw proofUnbuildable(`${what} is not in block ${header.number}`)
      const transactionIndex = rawNumber(receipt, 'transactionIndex', 'receipt')
      checkTransactionAt(source.block, transactionIndex, transactionHash)
      if (receipt.status === undefined || receipt.status === null || rawNumber(receipt, 'status', what) !== 1)
        throw proofUnbuildable(`${what} did not succeed, or is older than Byzantium (EIP-658)`)
      const logCount = rawArray(receipt, 'logs', what).length
      if (!Number.isSafeInteger(logPosition) || logPosition < 0 || logPosition >= logCount)
        throw proofUnbuildable(`${what} has no log ${logPosition}, only ${logCount}`)
      return {
        kind: 'event',
        blockNumber: header.number,
        blockHash: header.hash,
        header: headerHex,
        transactionHash,
        transactionIndex,
        logPosition,
        receiptProof: await trie.prove(transactionIndex),
      }
    },
  }
}

/** Proof of one log; for several of one block use `createEventProver`. @throws PROOF_UNBUILDABLE */
export async function buildEventProof(source: {
  block: RawBlock
  receipts: readonly RawReceipt[]
  transactionHash: Bytes32
  logPosition: number
}): Promise<EventProof> {
  const prover = await createEventProver(source)
  return prover.prove(source.transactionHash, source.logPosition)
}

/**
 * Checks a proof without a network: up to the block hash. Whether that block is part of the chain is left to be asked
 * of a node. Nothing in a proof but `transactionHash` can be changed or spelt otherwise without being refused here,
 * or proving another log.
 * @throws PROOF_INVALID with the reason
 */
export async function verifyEventProof(proof: EventProof): Promise<ProvenEvent> {
  checkMembers(proof, MEMBERS, 'event proof')
  if (proof.kind !== 'event') throw proofInvalid('event proof: kind is not "event"')
  const blockNumber = proofIndex(proof.blockNumber, 'event proof: blockNumber')
  proofBytes(proof.blockHash, 'event proof: blockHash', 32)
  proofBytes(proof.transactionHash, 'event proof: transactionHash', 32)
  const transactionIndex = proofIndex(proof.transactionIndex, 'event proof: transactionIndex')
  const logPosition = proofIndex(proof.logPosition, 'event proof: logPosition')

  const header = decodeBlockHeader(proofBytes(proof.header, 'event proof: header'))
  if (header.hash !== proof.blockHash)
    throw proofInvalid(
      `event proof: the header hashes to ${header.hash}, not to the block hash ${proof.blockHash}`,
    )
  if (header.number !== blockNumber)
    throw proofInvalid(`event proof: the header is of block ${header.number}, not ${blockNumber}`)

  const nodes = proofNodes(
    proof.receiptProof,
    receiptKey(transactionIndex).length,
    'event proof: receiptProof',
  )
  const receipt = verifyReceiptProof(hexToBytes(header.receiptsRoot), transactionIndex, nodes)
  if (receipt.status !== 1) throw proofInvalid('event proof: the transaction did not succeed')
  const log = receipt.logs[logPosition]
  if (log === undefined)
    throw proofInvalid(`event proof: the receipt has no log ${logPosition}, only ${receipt.logs.length}`)
  return { log, blockNumber, blockHash: header.hash, timestamp: header.timestamp }
}

const transactionHashOf = (receipt: RawReceipt): Bytes32 =>
  bytesToHex(rawData(receipt, 'transactionHash', 'receipt', 32))

/** The receipt's own word for its transaction's hash is not in the trie; the block's list is a second witness. */
function checkTransactionAt(block: RawBlock, index: number, transactionHash: Bytes32): void {
  if (!Array.isArray(block.transactions)) return
  const listed = block.transactions[index]
  const hash = typeof listed === 'object' && listed !== null ? listed.hash : listed
  if (String(hash).toLowerCase() !== transactionHash)
    throw proofUnbuildable(
      `block: transaction ${index} is ${String(hash)}, its receipt says ${transactionHash}`,
    )
}
