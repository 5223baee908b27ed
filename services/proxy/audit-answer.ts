import { isAuditStatementSigned } from '../../protocol/audit-statement.ts'
import type { Json } from '../../protocol/canonical-json.ts'
import { contentHashOf } from '../../protocol/content-hash.ts'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { type Address, type Bytes32, type Hex, isBytes32, ZERO_BYTES32 } from '../../protocol/hex.ts'
import { queryResultDigest } from '../../protocol/query-result.ts'
import type { Registry } from '../../protocol/registry-domain.ts'
import type { Serial } from '../../protocol/serial.ts'
import type { AnswerNow } from '../../protocol/verdict.ts'
import type { LocationHint } from './chain/record-chain.ts'
import type { ProviderReply } from './provider-client.ts'
import { refusalOf } from './provider-problem.ts'

/** What an answer to an audit has to fit. */
export interface ExpectedAuditAnswer extends Registry {
  serial: Serial
  provider: Address
  nonce: Bytes32
  /** True when the user was given the result: then the result kept now is shown too, and its digest computed here. */
  wasDisclosed: boolean
}

export interface CheckedAuditAnswer {
  now: AnswerNow
  hint?: LocationHint
}

interface AuditAnswer {
  serial: unknown
  provider: unknown
  stored: { digest: Bytes32; result?: Json }
  derived: { digest: Bytes32; result?: Json }
  salt?: Bytes32
  nonce: Bytes32
  answeredAt: number
  signature: Hex
  location?: unknown
}

/**
 * Reads a provider's answer to an audit. It is usable when it is signed over this serial and nonce, and when the digests signed are
 * those of the results shown. An answer that is not usable is `unreachable` with the reason, never an error: the audit goes on.
 */
export function checkAuditAnswer(reply: ProviderReply, expected: ExpectedAuditAnswer): CheckedAuditAnswer {
  try {
    const refusal = refusalOf(reply)
    if (refusal !== undefined) throw unusable(`it refused the audit with ${refusal.code}`)
    if (reply.status !== 200) throw unusable(`HTTP status ${reply.status}`)
    const answer = shapedAnswer(reply.body, expected)
    checkSignature(answer, expected)
    checkDigest('stored', answer, expected, expected.wasDisclosed)
    checkDigest('derived', answer, expected, false)
    const { nonce, answeredAt, signature } = answer
    const hint = hintOf(answer.location)
    return {
      now: {
        outcome: 'answered',
        storedDigest: answer.stored.digest,
        derivedDigest: answer.derived.digest,
        nonce,
        answeredAt,
        signature,
      },
      ...(hint && { hint }),
    }
  } catch (error) {
    return { now: { outcome: 'unreachable', reason: reasonOf(error) } }
  }
}

/** Why there is no usable answer, as it stands in the report: bounded, and without any content. */
export const reasonOf = (error: unknown): string =>
  isCountersignError(error)
    ? `${error.code}: ${error.message}`.slice(0, MAX_REASON)
    : 'PROVIDER_ANSWER_INVALID: malformed'

const MAX_REASON = 300

function shapedAnswer(body: unknown, { serial, provider, nonce }: ExpectedAuditAnswer): AuditAnswer {
  const answer = body as AuditAnswer | null
  const isShaped =
    typeof answer === 'object' &&
    answer !== null &&
    isBytes32(answer.stored?.digest) &&
    isBytes32(answer.derived?.digest) &&
    (answer.salt === undefined || isBytes32(answer.salt)) &&
    Number.isSafeInteger(answer.answeredAt) &&
    answer.answeredAt >= 0 &&
    typeof answer.signature === 'string' &&
    // One spelling, as the report's form asks for.
    answer.signature === answer.signature.toLowerCase()
  if (!isShaped) throw unusable('a member is missing or malformed')
  if (answer.serial !== serial || answer.provider !== provider)
    throw unusable('it is of another serial or provider')
  if (answer.nonce !== nonce) throw unusable('it is not of this audit: the nonce differs')
  return answer
}

function checkSignature(answer: AuditAnswer, { chainId, registry, serial, provider }: ExpectedAuditAnswer) {
  const statement = {
    chainId,
    registry,
    serial,
    provider,
    storedDigest: answer.stored.digest,
    derivedDigest: answer.derived.digest,
    nonce: answer.nonce,
    answeredAt: answer.answeredAt,
  }
  if (!isAuditStatementSigned(statement, answer.signature))
    throw unusable(`its signature is not ${provider}'s`)
}

/** A digest is computed here from what is shown, not believed. */
function checkDigest(
  which: 'stored' | 'derived',
  answer: AuditAnswer,
  expected: ExpectedAuditAnswer,
  isRequired: boolean,
): void {
  const { digest, result } = answer[which]
  if (digest === ZERO_BYTES32) return
  if (result === undefined || answer.salt === undefined) {
    if (isRequired) throw unusable(`it does not show the ${which} result, which was disclosed before`)
    return
  }
  const { chainId, registry, serial, provider } = expected
  const salt = answer.salt
  const contentHash = hashOfShown(which, result)
  const computed = queryResultDigest({ chainId, registry, serial, provider, contentHash, salt })
  if (computed !== digest)
    throw unusable(`the ${which} result it shows gives ${computed}, it signed ${digest}`)
}

/** The reason goes into a signed report: what the result is called or looks like inside stays out of it. */
function hashOfShown(which: 'stored' | 'derived', result: Json): Bytes32 {
  try {
    return contentHashOf(result)
  } catch {
    throw unusable(`the ${which} result it shows has no canonical form`)
  }
}

function hintOf(location: unknown): LocationHint | undefined {
  const blockNumber = (location as { blockNumber?: unknown } | null | undefined)?.blockNumber
  return Number.isSafeInteger(blockNumber) && (blockNumber as number) >= 0
    ? { blockNumber: blockNumber as number }
    : undefined
}

const unusable = (reason: string): CountersignError => new CountersignError('PROVIDER_ANSWER_INVALID', reason)
