import { CountersignError, isCountersignError } from '../errors.ts'
import { type Bytes32, bytesToHex, hexToBytes, isSameAddress, keccak256Hex, ZERO_BYTES32 } from '../hex.ts'
import { proofUnbuildable } from '../proof-error.ts'
import { rawData, rawNumber } from '../raw-rpc.ts'
import type { Verdict } from '../verdict.ts'
import { type Check, Checklist } from '../verification.ts'
import { orderKeyOf } from './order-id.ts'
import type { PaymentChainReader } from './payment-chain-reader.ts'
import { PUBLIC_SALT, paymentDigest } from './payment-digest.ts'
import { entryDigestOf, MAX_VERSION, paymentKey } from './payment-entry.ts'
import { encodePublicPayload } from './payment-payload.ts'
import type { PaymentPlace } from './payment-place.ts'
import type { PaymentVoucher } from './payment-voucher.ts'
import { findWithoutReceipt, paymentIn } from './voucher-event.ts'

/**
 * - `consistent`: the chain holds this record, where the voucher says, and the block is final
 * - `unconfirmed`: as above, but the block is not final yet
 * - `changed`: the chain holds another record under this order and version, or this one somewhere else
 * - `unrecorded`: the chain holds nothing under this order and version, or the place is none that is known
 */
export type VoucherVerdict = Extract<Verdict, 'consistent' | 'unconfirmed' | 'changed' | 'unrecorded'>

export interface VoucherCheckOptions {
  /** Blocks after which a block counts as final; default 0. */
  finalityDepth?: number
  /** Number of the newest block that the chain itself calls final: a later one is not, whatever its depth. */
  finalizedNumber?: number | undefined
  /**
   * The registries and offices that the verifier knows to be genuine. Without them a voucher is only shown to be what *some* contract and
   * account recorded: whoever writes a voucher chooses both.
   */
  knownPlaces?: readonly PaymentPlace[]
}

export interface VoucherCheck {
  verdict: VoucherVerdict
  checks: Check[]
  digest: Bytes32
  /** What the book holds, or would hold, of it. */
  entryDigest: Bytes32
  /** Time of the record's block, unix seconds; null unless it is there. */
  recordedAt: number | null
  /** The block that was asked for state, the chain's newest. */
  askedAt: { blockNumber: number; timestamp: number }
  /** True when the registry holds the next version by now, so that this one is no longer the last. Published versions leave no trace to ask for. */
  isSuperseded: boolean
}

/** The digests of a voucher, computed from its content. */
export function voucherDigests({ place, record, previousDigest, seal }: PaymentVoucher): {
  digest: Bytes32
  payloadHash: Bytes32
  entryDigest: Bytes32
} {
  const digest = paymentDigest(record, { previousDigest, salt: seal?.salt ?? PUBLIC_SALT }, place)
  const payloadHash = seal?.payloadHash ?? publicPayloadHash(record)
  return { digest, payloadHash, entryDigest: entryDigestOf(digest, payloadHash) }
}

/**
 * Holds a voucher against its chain: digests computed from its content, the registry's slot, the event it names, the block, finality.
 * Asks a node, and nobody else; the node is believed what it says of state and receipts, but what it does not have, or not yet, is no
 * evidence against a voucher.
 * @throws CHAIN_MISMATCH for a node of another chain, or of one without a registry that is known; CHAIN_UNREACHABLE, also for a node that is behind the voucher's block;
 * PROOF_UNBUILDABLE, also for a node that does not keep what the voucher names
 */
export async function checkVoucher(
  voucher: PaymentVoucher,
  chain: PaymentChainReader,
  { finalityDepth = 0, finalizedNumber, knownPlaces }: VoucherCheckOptions = {},
): Promise<VoucherCheck> {
  const { place, record, tier } = voucher
  const asked = await chain.chainId()
  if (asked !== place.chainId)
    throw new CountersignError(
      'CHAIN_MISMATCH',
      `the node is of chain ${asked}, the voucher of chain ${place.chainId}`,
    )
  const { digest, payloadHash, entryDigest } = voucherDigests(voucher)
  // Before the head, which thereby is not below the receipt's block.
  let receipt = await chain.receipt(voucher.transactionHash)
  const head = await chain.headBlock()
  const isBehind = head.number < voucher.blockNumber
  const behind = (): CountersignError =>
    new CountersignError(
      'CHAIN_UNREACHABLE',
      `the node is at block ${head.number}, the record in block ${voucher.blockNumber}`,
    )

  const list = new Checklist()
  let verdict: VoucherVerdict = 'consistent'
  let recordedAt: number | null = null
  let isOtherChain = false
  const fail = (found: VoucherVerdict, what: string): never => {
    verdict = found
    throw new CountersignError('CHAIN_CONTRADICTS', what)
  }

  if (knownPlaces !== undefined)
    await list.run('place', () =>
      knownPlaces.some((known) => isSamePlace(known, place))
        ? `registry ${place.registry} and office ${place.office} are known`
        : fail('unrecorded', `registry ${place.registry} or office ${place.office} is not known`),
    )
  await list.run('registry', async () => {
    const held = await heldAt(chain, voucher, head.number)
    // A place that a voucher makes up has no book; where a known one has none, it is the chain that is another, or not there yet.
    isOtherChain = held === null && knownPlaces !== undefined && !isBehind
    if (isOtherChain) throw noBook(place)
    const found = held ?? ZERO_BYTES32
    if (found === entryDigest) return `the registry holds ${found}`
    if (found !== ZERO_BYTES32) return fail('changed', `the registry holds ${found}, not ${entryDigest}`)
    if (tier === 'published') return 'published payments have no slot'
    if (isBehind) throw behind()
    return fail('unrecorded', 'the registry holds nothing under this order and version')
  })
  await list.run('event', async () => {
    if (receipt === null && isBehind) throw behind()
    receipt ??= await findWithoutReceipt(voucher, chain)
    const absent = tier === 'published' ? 'unrecorded' : 'changed'
    if (receipt === null)
      return fail(absent, `transaction ${voucher.transactionHash} is not in block ${voucher.blockNumber}`)
    const recorded = paymentIn(receipt, voucher)
    if (recorded === undefined)
      return fail(
        absent,
        `log ${voucher.logIndex} of that transaction does not record this order and version`,
      )
    if (recorded.digest !== digest || recorded.payloadHash !== payloadHash)
      return fail('changed', 'the event has another digest or payload')
    return `log ${voucher.logIndex} of transaction ${voucher.transactionHash} records it`
  })
  await list.run('block', async () => {
    if (receipt === null || rawNumber(receipt, 'blockNumber', 'receipt') !== voucher.blockNumber)
      return fail('changed', `the transaction is not in block ${voucher.blockNumber}`)
    const block = await chain.block(voucher.blockNumber)
    if (block === null) throw isBehind ? behind() : proofUnbuildable('the node does not keep the block')
    // The number is right: a block was replaced between two answers, or they are of two nodes.
    if (block.hash !== bytesToHex(rawData(receipt, 'blockHash', 'receipt', 32)))
      throw new CountersignError(
        'CHAIN_UNREACHABLE',
        `the node gives two blocks ${voucher.blockNumber}: ask again`,
      )
    recordedAt = block.timestamp
    return `block ${voucher.blockNumber} is ${block.hash}`
  })
  await list.run('finality', () => {
    const isFinal =
      voucher.blockNumber + finalityDepth <= head.number &&
      (finalizedNumber === undefined || voucher.blockNumber <= finalizedNumber)
    if (!isFinal) verdict = 'unconfirmed'
    const tag = finalizedNumber === undefined ? '' : `, which calls ${finalizedNumber} final`
    return `block ${voucher.blockNumber}, the chain is at ${head.number}${tag}, final after ${finalityDepth}`
  })
  if (isOtherChain) throw noBook(place)
  // A step that failed without a verdict met an answer that no node of the chain gives: that says nothing against the voucher.
  if (list.failed && verdict === 'consistent') throw unusableAnswer(list.checks)
  // Not at the head above: a later version counts from the moment that any node has it.
  const isSuperseded =
    !list.failed &&
    record.version < MAX_VERSION &&
    (await chain.isRecorded(place.registry, place.office, keyOf(voucher, record.version + 1)))
  return {
    verdict,
    checks: list.checks,
    digest,
    entryDigest,
    recordedAt: list.failed ? null : recordedAt,
    askedAt: { blockNumber: head.number, timestamp: head.timestamp },
    isSuperseded,
  }
}

/** What the book holds of the voucher's version at a block; null where there is no book. */
async function heldAt(
  chain: PaymentChainReader,
  voucher: PaymentVoucher,
  atBlock: number,
): Promise<Bytes32 | null> {
  const { place, record } = voucher
  try {
    return await chain.digestOf(place.registry, place.office, keyOf(voucher, record.version), atBlock)
  } catch (error) {
    if (isCountersignError(error, 'CHAIN_CONTRADICTS')) return null
    throw error
  }
}

const keyOf = ({ record }: PaymentVoucher, version: number): Bytes32 =>
  paymentKey(orderKeyOf(record.orderId), version)

const noBook = ({ registry, chainId }: PaymentPlace): CountersignError =>
  new CountersignError(
    'CHAIN_MISMATCH',
    `registry ${registry} is known, and not on the node's chain: it is another chain ${chainId}`,
  )

const unusableAnswer = (checks: readonly Check[]): CountersignError => {
  const failed = checks.find(({ outcome }) => outcome === 'failed')
  return new CountersignError('PROOF_UNBUILDABLE', `${failed?.name}: ${failed?.detail}`)
}

function publicPayloadHash({ orderId: _, version: __, ...content }: PaymentVoucher['record']): Bytes32 {
  return keccak256Hex(hexToBytes(encodePublicPayload(content)))
}

const isSamePlace = (a: PaymentPlace, b: PaymentPlace): boolean =>
  a.chainId === b.chainId && isSameAddress(a.registry, b.registry) && isSameAddress(a.office, b.office)
