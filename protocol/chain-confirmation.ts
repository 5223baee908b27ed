import type { AuditReport } from './audit-report.ts'
import { CountersignError } from './errors.ts'
import type { EventProof } from './event-proof.ts'
import { type Address, type Bytes32, ZERO_BYTES32 } from './hex.ts'
import type { Receipt, ReceiptVerification } from './receipt.ts'
import { verifyResultRecorded } from './record-proof.ts'
import { type Serial, serialToKey } from './serial.ts'
import { isRecordedLate, lastTimeOf } from './verdict.ts'
import { type Check, Checklist } from './verification.ts'

/** What confirming a file against its chain reads. Handed in, so that a verifier chooses whom it asks and trusts. */
export interface ChainReader {
  chainId(): Promise<number>
  headBlock(): Promise<{ number: number; timestamp: number }>
  /** The canonical block of that number, if there is one; `timestamp` in unix seconds. */
  block(blockNumber: number): Promise<{ hash: Bytes32; timestamp: number } | null>
  /** Where a transaction is; null when it is in no block, or the node has no index of transactions that goes back to it. */
  transactionLocation(hash: Bytes32): Promise<{ blockHash: Bytes32; index: number } | null>
  /** `digestOf(author, key)` of the registry, now or at a block; zero when nothing is recorded. */
  digestOf(registry: Address, author: Address, key: Bytes32, atBlock?: number): Promise<Bytes32>
  /** `headOf(author)` of the registry at a block. */
  headOf(registry: Address, author: Address, atBlock: number): Promise<Bytes32>
}

export interface ConfirmationOptions {
  /** Blocks after which a block counts as final; default 0. */
  finalityDepth?: number
}

/**
 * Confirms against a node what a receipt alone cannot prove: that its block is part of the chain and final, that the transaction
 * is where the receipt says, that the registry holds the digest. The place of a transaction that the node does not find is `not-checked`:
 * it is a pointer only, and block and registry are asked by themselves.
 * Of a promise, whose record no proof dates, it reads the registry as of the last block in time and as of the last that is final.
 * @param offline what `verifyReceipt` said
 * @throws CHAIN_UNREACHABLE, also from a node that does not have such a block, not yet or no longer, or no longer its state
 */
export async function confirmReceipt(
  receipt: Receipt,
  offline: ReceiptVerification,
  chain: ChainReader,
  { finalityDepth = 0 }: ConfirmationOptions = {},
): Promise<ReceiptVerification | { verdict: 'unrecorded'; checks: Check[] }> {
  const list = new Checklist()
  let verdict: ReceiptVerification['verdict'] | 'unrecorded' = offline.verdict
  if (offline.verdict === null) return offline
  await list.run('chain', () => checkChainId(chain, receipt.chainId))
  const { proof } = receipt
  if (proof !== null) {
    await list.run('block', () => checkBlock(chain, proof.blockNumber, proof.blockHash))
    await checkTransaction(list, chain, proof)
    await list.run('finality', async () => {
      const { number } = await chain.headBlock()
      if (proof.blockNumber + finalityDepth > number) verdict = 'unconfirmed'
      return `block ${proof.blockNumber}, the chain is at ${number}, final after ${finalityDepth}`
    })
  }
  await list.run('registry', async () => {
    // One moment for what is recorded and what time it is, or a record that comes in between is none, and the promise over.
    const head = proof === null ? await chain.headBlock() : undefined
    const key = serialToKey(receipt.serial)
    const recorded = await chain.digestOf(receipt.registry, receipt.author, key, head?.number)
    if (head !== undefined) verdict = await promisedVerdict(receipt, recorded, chain, head, finalityDepth)
    else if (proof !== null) await checkProven(receipt, proof, recorded)
    return recorded === ZERO_BYTES32 ? 'the registry holds nothing yet' : `the registry holds ${recorded}`
  })
  const { head } = receipt
  if (head !== null)
    await list.run('head', async () => {
      const value = await chain.headOf(receipt.registry, receipt.author, head.blockNumber)
      if (value !== head.value)
        throw new CountersignError(
          'CHAIN_CONTRADICTS',
          `the author's head at block ${head.blockNumber} is ${value}`,
        )
      return `the author's head at block ${head.blockNumber} is ${value}`
    })
  return {
    verdict: list.failed ? null : verdict,
    checks: [...offline.checks, ...list.checks],
  } as ReceiptVerification
}

/**
 * Confirms against a node that the blocks of an audit report are part of the chain, and that what it did not find is not there.
 * @throws CHAIN_UNREACHABLE, as {@link confirmReceipt}
 */
export async function confirmAuditReport(
  report: AuditReport,
  checks: Check[],
  chain: ChainReader,
): Promise<{ confirmed: boolean; checks: Check[] }> {
  const list = new Checklist()
  const { recorded, searchedTo } = report
  await list.run('chain', () => checkChainId(chain, report.chainId))
  // The time of this block decides whether a promise was still open.
  await list.run('searched', () =>
    checkBlock(chain, searchedTo.blockNumber, searchedTo.blockHash, searchedTo.timestamp),
  )
  if (recorded !== null) {
    await list.run('block', () => checkBlock(chain, recorded.proof.blockNumber, recorded.proof.blockHash))
    await checkTransaction(list, chain, recorded.proof)
  }
  await list.run('registry', () => checkRegistryAt(chain, report, report.serial))
  return { confirmed: !list.failed, checks: [...checks, ...list.checks] }
}

/** The registry holds the first digest under a key for ever: the one that the proof proves. */
async function checkProven(receipt: Receipt, proof: EventProof, recorded: Bytes32): Promise<void> {
  const { digest } = await verifyResultRecorded(proof, { ...receipt, provider: receipt.author })
  if (recorded !== digest)
    throw new CountersignError(
      'CHAIN_CONTRADICTS',
      `the registry holds ${recorded}, the receipt proves ${digest}`,
    )
}

async function promisedVerdict(
  receipt: Receipt,
  recorded: Bytes32,
  chain: ChainReader,
  head: { number: number; timestamp: number },
  finalityDepth: number,
): Promise<'consistent' | 'misreported' | 'late' | 'unconfirmed' | 'unrecorded'> {
  if (recorded === ZERO_BYTES32)
    return receipt.recordBy > 0 && head.timestamp <= receipt.recordBy ? 'unconfirmed' : 'unrecorded'
  const isHeldAt = async (blockNumber: number): Promise<boolean> => {
    const { registry, author, serial } = receipt
    if (blockNumber < 0) return false
    return (await chain.digestOf(registry, author, serialToKey(serial), blockNumber)) !== ZERO_BYTES32
  }
  if (finalityDepth > 0 && !(await isHeldAt(head.number - finalityDepth))) return 'unconfirmed'
  if (recorded !== receipt.digest) return 'misreported'
  if (!isRecordedLate(receipt, head.timestamp)) return 'consistent'
  return (await isHeldAt(await lastBlockUntil(lastTimeOf(receipt), head.number, chain)))
    ? 'consistent'
    : 'late'
}

/** The number of the last block that is not later than `timestamp`, by halving; -1 when all are. */
async function lastBlockUntil(timestamp: number, headNumber: number, chain: ChainReader): Promise<number> {
  let low = -1
  let high = headNumber
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const block = await chain.block(middle)
    if (block !== null && block.timestamp <= timestamp) low = middle
    else high = middle - 1
  }
  return low
}

async function checkChainId(chain: ChainReader, chainId: number): Promise<string> {
  const asked = await chain.chainId()
  if (asked !== chainId)
    throw new CountersignError(
      'CHAIN_CONTRADICTS',
      `the node is of chain ${asked}, the file of chain ${chainId}`,
    )
  return `chain ${chainId}`
}

/** @param timestamp unix seconds, where the file says one that nothing in it proves */
async function checkBlock(
  chain: ChainReader,
  blockNumber: number,
  blockHash: Bytes32,
  timestamp?: number,
): Promise<string> {
  const canonical = await chain.block(blockNumber)
  if (canonical === null) throw await lackOf(blockNumber, chain)
  if (canonical.hash !== blockHash)
    throw new CountersignError(
      'CHAIN_CONTRADICTS',
      `block ${blockNumber} of the chain is ${canonical.hash}, the file says ${blockHash}`,
    )
  if (timestamp !== undefined && canonical.timestamp !== timestamp)
    throw new CountersignError(
      'CHAIN_CONTRADICTS',
      `block ${blockNumber} of the chain has the time ${canonical.timestamp}, the file says ${timestamp}`,
    )
  return `block ${blockNumber} is ${blockHash}`
}

/** A node lacks a block that it is behind, or one so old that it dropped it: neither says anything against a file that names it. */
async function lackOf(blockNumber: number, chain: ChainReader): Promise<CountersignError> {
  const { number } = await chain.headBlock()
  const reason = number < blockNumber ? `it is at block ${number}` : 'it does not keep it'
  return new CountersignError('CHAIN_UNREACHABLE', `the node does not have block ${blockNumber}: ${reason}`)
}

async function checkTransaction(
  list: Checklist,
  chain: ChainReader,
  { transactionHash, transactionIndex, blockHash }: EventProof,
): Promise<void> {
  const location = list.failed ? undefined : await chain.transactionLocation(transactionHash)
  if (location === null)
    return list.skip('transaction', `the node does not find transaction ${transactionHash}`)
  await list.run('transaction', () => {
    if (location?.blockHash !== blockHash || location.index !== transactionIndex)
      throw new CountersignError(
        'CHAIN_CONTRADICTS',
        `transaction ${transactionHash} is not number ${transactionIndex} of block ${blockHash}`,
      )
    return `transaction ${transactionHash} is number ${transactionIndex} of that block`
  })
}

async function checkRegistryAt(
  chain: ChainReader,
  { registry, provider, recorded, searchedTo }: AuditReport,
  serial: Serial,
): Promise<string> {
  const held = await chain.digestOf(registry, provider, serialToKey(serial), searchedTo.blockNumber)
  const reported = recorded?.digest ?? ZERO_BYTES32
  if (held !== reported)
    throw new CountersignError(
      'CHAIN_CONTRADICTS',
      `at block ${searchedTo.blockNumber} the registry holds ${held}, the report says ${reported}`,
    )
  return recorded === null
    ? `nothing was recorded up to block ${searchedTo.blockNumber}`
    : `the registry holds ${held}`
}
