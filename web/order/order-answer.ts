import { CountersignError } from '../../protocol/errors.ts'
import { type Address, type Bytes32, type Hex, toAddress, toBytes32 } from '../../protocol/hex.ts'
import { MAX_PAYLOAD_BYTES } from '../../protocol/payments/payment-entry.ts'
import { PAYMENT_TIERS, type PaymentTier } from '../../protocol/payments/payment-event.ts'

/** One version of an order, as the indexer answers `GET /v1/payments/{orderKey}`: what of it a verification stands on. */
export interface VersionAnswer {
  orderKey: Bytes32
  version: number
  digest: Bytes32
  payload: Hex
  entryDigest: Bytes32
  tier: PaymentTier
  transactionHash: Bytes32
  block: { number: number; hash: Bytes32; timestamp: number }
  logIndex: number
  finality: 'pending' | 'final'
  completeness: string
  authorStatus: string
  suspended: boolean
  repeated: boolean
  late: boolean
}

export interface HistoryAnswer {
  chainId: number
  registry: Address
  office: Address
  name: string | null
  registered: boolean
  /** Versions of it may have been left out. */
  truncated: boolean
  versions: VersionAnswer[]
}

export interface OrderAnswer {
  histories: HistoryAnswer[]
  /** There are more versions than are shown. */
  truncated: boolean
}

/** Where an office stood when nothing of an order was found. */
export interface HeadAnswer {
  office: Address
  name: string | null
  chainId: number
  registry: Address
  head: Bytes32
  entryCount: number
  verifiedAtBlock: number | null
  completeness: string
}

/** @throws INDEXER_UNREACHABLE for anything that is no answer of an indexer */
export function readOrderAnswer(json: unknown): OrderAnswer {
  return asAnswer(() => {
    const { histories, truncated } = json as OrderAnswer
    return {
      histories: histories.map((history) => readHistory({ ...history, truncated: truncated === true })),
      truncated: truncated === true,
    }
  })
}

/** The heads of a "not found". @throws INDEXER_UNREACHABLE */
export function readHeads(problem: unknown): HeadAnswer[] {
  return asAnswer(() =>
    (problem as { heads: HeadAnswer[] }).heads.map((head) => ({
      office: toAddress(head.office),
      name: head.name === null ? null : String(head.name),
      chainId: whole(head.chainId),
      registry: toAddress(head.registry),
      head: toBytes32(head.head),
      entryCount: whole(head.entryCount),
      verifiedAtBlock: head.verifiedAtBlock === null ? null : whole(head.verifiedAtBlock),
      completeness: String(head.completeness),
    })),
  )
}

const readHistory = (history: HistoryAnswer): HistoryAnswer => ({
  chainId: whole(history.chainId),
  registry: toAddress(history.registry),
  office: toAddress(history.office),
  name: history.name === null ? null : String(history.name),
  registered: history.registered === true,
  truncated: history.truncated,
  versions: history.versions.map(readVersion),
})

function readVersion(version: VersionAnswer): VersionAnswer {
  if (!PAYMENT_TIERS.includes(version.tier)) throw new TypeError('tier')
  if (typeof version.payload !== 'string' || version.payload.length > 2 + 2 * MAX_PAYLOAD_BYTES)
    throw new TypeError('payload')
  return {
    orderKey: toBytes32(version.orderKey),
    version: whole(version.version),
    digest: toBytes32(version.digest),
    payload: version.payload,
    entryDigest: toBytes32(version.entryDigest),
    tier: version.tier,
    transactionHash: toBytes32(version.transactionHash),
    block: {
      number: whole(version.block.number),
      hash: toBytes32(version.block.hash),
      timestamp: whole(version.block.timestamp),
    },
    logIndex: whole(version.logIndex),
    finality: version.finality === 'final' ? 'final' : 'pending',
    completeness: String(version.completeness),
    authorStatus: String(version.authorStatus),
    suspended: version.suspended === true,
    repeated: version.repeated === true,
    late: version.late === true,
  }
}

function asAnswer<Answer>(read: () => Answer): Answer {
  try {
    return read()
  } catch (cause) {
    throw new CountersignError('INDEXER_UNREACHABLE', 'the answer is not that of an indexer', { cause })
  }
}

function whole(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new TypeError('not a whole number')
  return value as number
}
