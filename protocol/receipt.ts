import { type AnswerStatement, isAnswerStatementSigned } from './answer-statement.ts'
import type { Json } from './canonical-json.ts'
import { contentHashOf } from './content-hash.ts'
import { CountersignError } from './errors.ts'
import type { EventProof } from './event-proof.ts'
import {
  checkShape,
  isAddress,
  isCount,
  isHash,
  isJson,
  isNullOr,
  isObject,
  isOneOf,
  isSerial,
  isShaped,
  isSignature,
  type Shape,
} from './file-shape.ts'
import type { Address, Bytes32, Hex } from './hex.ts'
import { parseProofFile, serializeProofFile, withIntegrity } from './proof-file.ts'
import { queryResultDigest } from './query-result.ts'
import { verifyResultRecorded } from './record-proof.ts'
import type { Serial } from './serial.ts'
import { utcTimeText } from './utc-time.ts'
import { isRecordedLate, type Verdict } from './verdict.ts'
import { type Check, Checklist } from './verification.ts'

export const RECEIPT_MEDIA_TYPE = 'application/vnd.countersign.receipt+json'

export type Disclosure = 'result' | 'digest'

/**
 * One answer of one provider, in a form that a third party can verify without trusting any server.
 * Until the digest is on chain `proof` is null: then it is a signed promise.
 */
export interface ReceiptContent {
  format: typeof RECEIPT_MEDIA_TYPE
  version: 1
  kind: 'query-result'
  chainId: number
  registry: Address
  /** The provider. */
  author: Address
  serial: Serial
  /** With `digest` neither result, content hash nor salt is in the receipt: with a salt a yes/no answer could be guessed. */
  disclosure: Disclosure
  result?: Json
  contentHash?: Bytes32
  salt?: Bytes32
  digest: Bytes32
  /** Unix seconds. */
  answeredAt: number
  /** Unix seconds by which the digest will be on chain; zero when it was before the answer. */
  recordBy: number
  /** The provider's over its {@link AnswerStatement}. */
  signature: Hex
  proof: EventProof | null
  /** The author's head at a block, for whoever replays all of the author's records. Covered by `integrity`, checked with a node. */
  head: { value: Bytes32; blockNumber: number } | null
}
export interface Receipt extends ReceiptContent {
  /** keccak256 of the canonical form of all the rest. */
  integrity: Bytes32
}

const COMMON: Shape = {
  format: isOneOf(RECEIPT_MEDIA_TYPE),
  version: isOneOf(1),
  kind: isOneOf('query-result'),
  chainId: isCount,
  registry: isAddress,
  author: isAddress,
  serial: isSerial,
  disclosure: isOneOf('result', 'digest'),
  digest: isHash,
  answeredAt: isCount,
  recordBy: isCount,
  signature: isSignature,
  proof: isNullOr(isObject),
  head: isNullOr(isShaped({ value: isHash, blockNumber: isCount })),
  integrity: isHash,
}
const SHAPES: Record<Disclosure, Shape> = {
  digest: COMMON,
  result: { ...COMMON, result: isJson, contentHash: isHash, salt: isHash },
}

/** Puts a receipt together. `format`, `version`, `kind` and `integrity` are added. */
export const assembleReceipt = (content: Omit<ReceiptContent, 'format' | 'version' | 'kind'>): Receipt =>
  withIntegrity({ format: RECEIPT_MEDIA_TYPE, version: 1, kind: 'query-result', ...content })

/** The bytes of the receipt's file. */
export const serializeReceipt = (receipt: Receipt): string => serializeProofFile(receipt)

/** @throws PROOF_FILE_MALFORMED, PROOF_FILE_ALTERED, PROOF_FILE_INVALID */
export function parseReceipt(file: Uint8Array | string): Receipt {
  const receipt = parseProofFile(file) as unknown as Receipt
  checkReceiptShape(receipt)
  return receipt
}

/** @throws PROOF_FILE_INVALID naming the member */
export function checkReceiptShape(receipt: unknown): asserts receipt is Receipt {
  const disclosure = isObject(receipt) && (receipt as Receipt).disclosure === 'result' ? 'result' : 'digest'
  checkShape(receipt, SHAPES[disclosure], 'receipt')
}

const answerStatementOf = ({
  chainId,
  registry,
  author,
  serial,
  digest,
  answeredAt,
  recordBy,
}: Receipt): AnswerStatement => ({
  chainId,
  registry,
  serial,
  provider: author,
  digest,
  answeredAt,
  recordBy,
})

/** Checks that the disclosed result is the one the digest was made of. @throws RECEIPT_INVALID */
export function checkReceiptContent({
  chainId,
  registry,
  author,
  serial,
  result,
  contentHash,
  salt,
  digest,
  disclosure,
}: Receipt): void {
  if (disclosure === 'digest') return
  if (!isObject(result) || (result as { serial?: unknown }).serial !== serial)
    throw new CountersignError('RECEIPT_INVALID', `the result does not carry its serial ${serial}`)
  const computedHash = contentHashOf(result!)
  if (computedHash !== contentHash)
    throw new CountersignError(
      'RECEIPT_INVALID',
      `the result hashes to ${computedHash}, the receipt says ${contentHash}`,
    )
  const computed = queryResultDigest({
    chainId,
    registry,
    serial,
    provider: author,
    contentHash,
    salt: salt!,
  })
  if (computed !== digest)
    throw new CountersignError(
      'RECEIPT_INVALID',
      `result and salt give the digest ${computed}, the receipt says ${digest}`,
    )
}

/** Checks that the provider named signed digest, time and promise. @throws RECEIPT_INVALID, SIGNATURE_MALFORMED */
export function checkReceiptSignature(receipt: Receipt): void {
  if (!isAnswerStatementSigned(answerStatementOf(receipt), receipt.signature))
    throw new CountersignError('RECEIPT_INVALID', `the signature is not ${receipt.author}'s over this answer`)
}

export interface ReceiptVerification {
  /** Null when a check failed: then the receipt proves nothing. */
  verdict: Extract<Verdict, 'consistent' | 'misreported' | 'late' | 'unconfirmed'> | null
  checks: Check[]
}

/**
 * Verifies a receipt that was read with {@link parseReceipt}, without a network: up to the block hash. Opens no socket and reads no store.
 * `misreported`: the chain has another digest than the provider signed; `late`: on chain after the promised time;
 * `unconfirmed`: a promise without proof.
 */
export async function verifyReceipt(receipt: Receipt): Promise<ReceiptVerification> {
  const list = new Checklist()
  let verdict: ReceiptVerification['verdict'] = 'consistent'
  if (receipt.disclosure === 'digest') list.skip('content', 'only the digest was disclosed')
  else
    await list.run('content', () => {
      checkReceiptContent(receipt)
      return `result and salt give the digest ${receipt.digest}`
    })
  await list.run('signature', () => {
    checkReceiptSignature(receipt)
    return `${receipt.author} signed digest, time and promise`
  })
  if (receipt.proof === null) {
    list.skip('record', 'the receipt is a promise: it has no proof yet')
    verdict = 'unconfirmed'
  } else {
    const { proof } = receipt
    await list.run('record', async () => {
      const recorded = await verifyResultRecorded(proof, { ...receipt, provider: receipt.author })
      if (recorded.digest !== receipt.digest) verdict = 'misreported'
      else if (isRecordedLate(receipt, recorded.timestamp)) verdict = 'late'
      return `block ${recorded.blockNumber} (${recorded.blockHash}) recorded ${recorded.digest} at ${utcTimeText(recorded.timestamp)}`
    })
  }
  return { verdict: list.failed ? null : verdict, checks: list.checks }
}
