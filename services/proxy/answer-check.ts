import { canonicalJson } from '../../protocol/canonical-json.ts'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { type Address, isSameAddress, keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'
import {
  checkReceiptContent,
  checkReceiptShape,
  checkReceiptSignature,
  type Disclosure,
  type Receipt,
} from '../../protocol/receipt.ts'
import { verifyResultRecorded } from '../../protocol/record-proof.ts'
import type { Registry } from '../../protocol/registry-domain.ts'
import type { Serial } from '../../protocol/serial.ts'
import type { QueryType } from '../party/query-types.ts'

/** What an answer has to fit. */
export interface ExpectedAnswer {
  serial: Serial
  provider: Address
  /** Where the directory says that the provider keeps its records. */
  book: Registry | undefined
  disclosure: Disclosure
  type: QueryType
}

/** The canonical JSON of a receipt that was checked. @throws PROVIDER_ANSWER_INVALID with the reason */
export type AnswerChecker = (body: unknown, expected: ExpectedAnswer) => string | Promise<string>

export interface AnswerBounds {
  /** Seconds by which a provider's clock may differ from ours. */
  clockToleranceS: number
  /** Seconds after the answer by which its digest has to be promised on chain. */
  maxPromiseS: number
  /** Unix milliseconds. */
  now?: () => number
  /** Default: recovers the signer; another one only where signatures are measured. */
  checkSignature?: (receipt: Receipt) => void
}

/**
 * Checks all of an answer that can be checked without a network: form and integrity of the receipt, that it is of this query, this
 * provider and its book, that digest, content hash and result belong together, that the provider signed it, that the result fits its
 * schema, that time and promise are near, and the proof if there is one already.
 */
export const answerChecker =
  ({
    clockToleranceS,
    maxPromiseS,
    now = Date.now,
    checkSignature = checkReceiptSignature,
  }: AnswerBounds): AnswerChecker =>
  async (body, expected) => {
    try {
      const receipt = (body as { receipt?: unknown } | null)?.receipt
      checkReceiptShape(receipt)
      const text = checkedText(receipt)
      checkBelongs(receipt, expected)
      checkTimes(receipt, Math.floor(now() / 1000), clockToleranceS, maxPromiseS)
      checkReceiptContent(receipt)
      checkSignature(receipt)
      checkResult(receipt, expected)
      await checkProof(receipt)
      return text
    } catch (error) {
      if (isCountersignError(error, 'PROVIDER_ANSWER_INVALID')) throw error
      throw invalid(isCountersignError(error) ? `${error.code}: ${error.message}` : 'malformed')
    }
  }

/** The receipt's canonical form, after holding its integrity hash against it. */
function checkedText(receipt: Receipt): string {
  const { integrity, ...content } = receipt
  const text = canonicalJson(content)
  if (keccak256Hex(utf8ToBytes(text)) !== integrity)
    throw invalid('the integrity hash is not of this receipt')
  // Members are in order of their names, and all before `kind` are numbers, hashes and fixed words: what the first `"kind":` in
  // the text names is this member. It spares writing the whole receipt a second time.
  return text.replace('"kind":', `"integrity":"${integrity}","kind":`)
}

function checkBelongs(receipt: Receipt, { serial, provider, book, disclosure }: ExpectedAnswer): void {
  if (receipt.serial !== serial) throw invalid('the receipt is of another serial')
  if (receipt.author !== provider) throw invalid(`the receipt is by ${receipt.author}`)
  if (book === undefined) throw invalid('the directory names no book for its records')
  if (receipt.chainId !== book.chainId || !isSameAddress(receipt.registry, book.registry))
    throw invalid(
      `the receipt is of registry ${receipt.registry} on chain ${receipt.chainId}, not of its book`,
    )
  if (receipt.disclosure !== disclosure)
    throw invalid(`it discloses the ${receipt.disclosure}, not the ${disclosure}`)
}

function checkTimes(receipt: Receipt, now: number, toleranceS: number, maxPromiseS: number): void {
  const { answeredAt, recordBy } = receipt
  if (Math.abs(answeredAt - now) > toleranceS)
    throw invalid(`it says that it answered at ${answeredAt}, it is ${now}`)
  if (recordBy !== 0 && recordBy < answeredAt)
    throw invalid('it promises to have recorded before it answered')
  if (recordBy > now + maxPromiseS)
    throw invalid(`it promises to record within ${recordBy - now} s, more than the ${maxPromiseS} s accepted`)
}

function checkResult({ result, disclosure }: Receipt, { type }: ExpectedAnswer): void {
  if (disclosure === 'digest') return
  const fault = type.faultOfResult(result!)
  if (fault !== undefined) throw invalid(fault)
}

async function checkProof(receipt: Receipt): Promise<void> {
  if (receipt.proof === null) return
  const recorded = await verifyResultRecorded(receipt.proof, { ...receipt, provider: receipt.author })
  if (recorded.digest !== receipt.digest) throw invalid(`its own proof is of ${recorded.digest}`)
}

const invalid = (reason: string): CountersignError => new CountersignError('PROVIDER_ANSWER_INVALID', reason)
