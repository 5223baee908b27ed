import { type AuditStatement, signAuditStatement } from '../../../protocol/audit-statement.ts'
import { canonicalJson, type Json, parseJson } from '../../../protocol/canonical-json.ts'
import { contentHashOf } from '../../../protocol/content-hash.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import {
  type Address,
  type Bytes32,
  type Hex,
  isBytes32,
  keccak256Hex,
  utf8ToBytes,
  ZERO_BYTES32,
} from '../../../protocol/hex.ts'
import { queryResultDigest } from '../../../protocol/query-result.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import type { Serial } from '../../../protocol/serial.ts'
import type { RecordLocation } from '../../party/book-writer/chain-access.ts'
import type { PartyKey } from '../../party/keys.ts'
import { parseBookDeclaration } from '../book/declaration.ts'
import { deriveAnswer, type Query, type SourceRows } from '../book/derive-answer.ts'
import { saltOf, unixSeconds } from './answer-keeper.ts'
import type { AnswerStore, StoredAnswer } from './answer-store.ts'

export interface AuditedContent {
  digest: Bytes32
  /** Only where the result was disclosed when it was asked for. */
  result?: Json
}

/** What a provider says of a serial when audited, signed. */
export interface AuditAnswer {
  serial: Serial
  provider: Address
  /** The answer it keeps. */
  stored: AuditedContent
  /** The answer made anew of the rows it keeps. */
  derived: AuditedContent
  /** With the results only: with it a yes or no could be guessed from a digest. */
  salt?: Bytes32
  /** Content and salt share were destroyed; both digests are zero. */
  erased: boolean
  nonce: Bytes32
  /** Unix seconds. */
  answeredAt: number
  signature: Hex
  location?: RecordLocation
}

export interface AuditorDeps {
  store: AnswerStore
  locationOf: (serial: Serial) => RecordLocation | undefined
  key: PartyKey
  registry: Registry
  saltSecret: Uint8Array
}

/**
 * Answers a serial again from what is kept of it, under the same salt. What is kept may have been altered in any way: that never fails,
 * it shows in the digests. Text that is not canonicalisable JSON counts as the string that it is; rows or a query that nothing can be made of
 * give the answer `null`.
 * @throws SERIAL_UNKNOWN
 */
export function answerAudit(
  { serial, nonce }: { serial: Serial; nonce: Bytes32 },
  deps: AuditorDeps,
): AuditAnswer {
  const kept = deps.store.find(serial)
  if (kept === undefined)
    throw new CountersignError('SERIAL_UNKNOWN', `this provider never answered serial ${serial}`)
  const location = deps.locationOf(serial)
  const content = kept.erasedAt === null ? contentOf(kept, deps) : ERASED
  const answeredAt = unixSeconds()
  const provider = deps.key.address
  const statement: AuditStatement = {
    ...deps.registry,
    serial,
    provider,
    storedDigest: content.stored.digest,
    derivedDigest: content.derived.digest,
    nonce,
    answeredAt,
  }
  return {
    serial,
    provider,
    ...content,
    erased: kept.erasedAt !== null,
    nonce,
    answeredAt,
    signature: signAuditStatement(statement, deps.key.privateKey),
    ...(location && { location }),
  }
}

type Content = Pick<AuditAnswer, 'stored' | 'derived' | 'salt'>

const ERASED: Content = { stored: { digest: ZERO_BYTES32 }, derived: { digest: ZERO_BYTES32 } }

function contentOf(kept: StoredAnswer, { key, registry, saltSecret }: AuditorDeps): Content {
  const salt = saltOf(saltSecret, kept.serial, key.address, shareOf(kept))
  const digestOf = (result: Json): Bytes32 =>
    queryResultDigest({
      ...registry,
      serial: kept.serial,
      provider: key.address,
      contentHash: contentHashOf(result),
      salt,
    })
  const stored = storedResult(kept)
  const derived = derivedResult(kept)
  if (kept.disclosure !== 'result')
    return { stored: { digest: digestOf(stored) }, derived: { digest: digestOf(derived) } }
  return {
    stored: { digest: digestOf(stored), result: stored },
    derived: { digest: digestOf(derived), result: derived },
    salt,
  }
}

/** A share that is none any more gives some other salt, and so other digests. */
const shareOf = ({ saltShare }: StoredAnswer): Bytes32 =>
  isBytes32(saltShare) ? saltShare : keccak256Hex(utf8ToBytes(saltShare ?? ''))

function storedResult({ answer }: StoredAnswer): Json {
  try {
    const result = parseJson(answer ?? '')
    canonicalJson(result)
    return result
  } catch {
    return answer ?? ''
  }
}

function derivedResult(kept: StoredAnswer): Json {
  try {
    const declaration = parseBookDeclaration(JSON.parse(kept.declaration ?? ''))
    const query = JSON.parse(kept.query ?? '') as Omit<Query, 'serial'>
    const rows = JSON.parse(kept.sourceRows ?? '') as SourceRows
    const result = deriveAnswer(declaration, { ...query, serial: kept.serial }, rows)
    canonicalJson(result)
    return result
  } catch {
    return null
  }
}
