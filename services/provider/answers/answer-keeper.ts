import { signAnswerStatement } from '../../../protocol/answer-statement.ts'
import { canonicalJson, type Json } from '../../../protocol/canonical-json.ts'
import {
  type Address,
  type Bytes32,
  type Hex,
  keccak256Hex,
  randomBytes32,
  utf8ToBytes,
} from '../../../protocol/hex.ts'
import { queryResultDigest } from '../../../protocol/query-result.ts'
import { assembleReceipt, type Disclosure, type Receipt } from '../../../protocol/receipt.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import { deriveSalt } from '../../../protocol/salt.ts'
import { serialToKey } from '../../../protocol/serial.ts'
import type { RecordLocation } from '../../party/book-writer/chain-access.ts'
import type { OutboxEntry } from '../../party/book-writer/outbox.ts'
import type { GroupCommit } from '../../party/group-commit.ts'
import type { PartyKey } from '../../party/keys.ts'
import type { Query, Result, SourceRows } from '../book/derive-answer.ts'
import type { AnswerStore } from './answer-store.ts'

/**
 * - `strict`: an answer leaves when its digest is on chain
 * - `contemporaneous`: it leaves when it and its digest are on disk, with a signed promise of when the digest will be on chain
 */
export type ProviderMode = 'strict' | 'contemporaneous'

export interface Answer {
  query: Query
  disclosure: Disclosure
  result: Result
  sourceRows: SourceRows
  /** Of the declaration by which it was made. */
  declarationId: Bytes32
}

/** Keeps an answer and vouches for it. */
export interface AnswerKeeper {
  /** @throws SERIAL_ALREADY_ANSWERED, JSON_NOT_CANONICALISABLE, RECORDING_TIMED_OUT, ENTRY_CONFLICT */
  keep(answer: Answer): Promise<Receipt>
}

export interface AnswerKeeperOptions {
  store: AnswerStore
  commits: GroupCommit
  writer: {
    add(entry: OutboxEntry): void
    notify(): void
    whenRecorded(key: Bytes32, timeoutMs?: number): Promise<RecordLocation>
  }
  key: PartyKey
  registry: Registry
  saltSecret: Uint8Array
  mode: ProviderMode
  /** Seconds after an answer by which its digest is promised on chain, in contemporaneous mode. */
  recordWithinS: number
  /** Milliseconds that an answer waits for its record, in strict mode. */
  strictTimeoutMs: number
  /** Default: signs with the key; another one only where signatures are measured. */
  sign?: typeof signAnswerStatement
}

/** Keeps answers in the provider's database and their digests in its outbox, both in one transaction, before anybody is told. */
export class DurableAnswerKeeper implements AnswerKeeper {
  readonly #options: AnswerKeeperOptions

  constructor(options: AnswerKeeperOptions) {
    this.#options = options
  }

  async keep(answer: Answer): Promise<Receipt> {
    const { mode, recordWithinS } = this.#options
    const answeredAt = unixSeconds()
    const committed = this.#commitTo(answer)
    if (mode === 'strict') return this.#keepStrictly(answer, committed)
    const recordBy = answeredAt + recordWithinS
    const signature = this.#sign(answer, committed.digest, answeredAt, recordBy)
    await this.#store(answer, committed, answeredAt, recordBy, signature)
    return this.#receipt(answer, committed, answeredAt, recordBy, signature)
  }

  /** The statement is signed last: until the digest is on chain, nothing says that it is. */
  async #keepStrictly(answer: Answer, committed: Commitment): Promise<Receipt> {
    const { writer, commits, store, strictTimeoutMs } = this.#options
    await this.#store(answer, committed, unixSeconds(), 0, null)
    await writer.whenRecorded(serialToKey(answer.query.serial), strictTimeoutMs)
    const answeredAt = unixSeconds()
    const signature = this.#sign(answer, committed.digest, answeredAt, 0)
    await commits.write(() => store.sign(answer.query.serial, answeredAt, signature))
    return this.#receipt(answer, committed, answeredAt, 0, signature)
  }

  #commitTo({ query, result }: Answer): Commitment {
    const { saltSecret, key, registry } = this.#options
    const share = randomBytes32()
    const salt = saltOf(saltSecret, query.serial, key.address, share)
    const text = canonicalJson(result)
    const contentHash = keccak256Hex(utf8ToBytes(text))
    const digest = queryResultDigest({
      ...registry,
      serial: query.serial,
      provider: key.address,
      contentHash,
      salt,
    })
    return { text, contentHash, share, salt, digest }
  }

  async #store(
    { query, disclosure, sourceRows, declarationId }: Answer,
    { text, share, digest }: Commitment,
    answeredAt: number,
    recordBy: number,
    signature: Hex | null,
  ): Promise<void> {
    const { commits, store, writer } = this.#options
    const { serial, type, subject, parameters } = query
    const kept = {
      serial,
      disclosure,
      query: canonicalJson({ type, subject, parameters }),
      answer: text,
      sourceRows: JSON.stringify(sourceRows),
      declarationId,
      saltShare: share,
      digest,
      answeredAt,
      recordBy,
      signature,
    }
    await commits.write(() => {
      store.add(kept)
      writer.add({ key: serialToKey(serial), digest, recordBy })
    })
    writer.notify()
  }

  #sign({ query }: Answer, digest: Bytes32, answeredAt: number, recordBy: number): Hex {
    const { key, registry, sign = signAnswerStatement } = this.#options
    const statement = {
      ...registry,
      serial: query.serial,
      provider: key.address,
      digest,
      answeredAt,
      recordBy,
    }
    return sign(statement, key.privateKey)
  }

  #receipt(
    { query, disclosure, result }: Answer,
    { contentHash, salt, digest }: Commitment,
    answeredAt: number,
    recordBy: number,
    signature: Hex,
  ): Receipt {
    const { key, registry } = this.#options
    return assembleReceipt({
      chainId: registry.chainId,
      registry: registry.registry,
      author: key.address,
      serial: query.serial,
      disclosure,
      ...(disclosure === 'result' && { result: result as Json, contentHash, salt }),
      digest,
      answeredAt,
      recordBy,
      signature,
      proof: null,
      head: null,
    })
  }
}

interface Commitment {
  /** Canonical JSON of the result. */
  text: string
  contentHash: Bytes32
  share: Bytes32
  salt: Bytes32
  digest: Bytes32
}

export const saltOf = (secret: Uint8Array, serial: string, author: Address, share: Bytes32): Bytes32 =>
  deriveSalt({ secret, key: serialToKey(serial), author, share })

export const unixSeconds = (): number => Math.floor(Date.now() / 1000)
