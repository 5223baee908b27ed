import type { Bytes32, Hex } from '../../../protocol/hex.ts'
import type { RecordLocation } from './chain-access.ts'
import type { PendingEntry } from './outbox.ts'
import type { Fees, SignedTransaction } from './signed-transaction.ts'
import type { Statements } from './statements.ts'

/** One nonce of the author: all its transactions carry the same entries, at most one of them is ever mined. */
export interface Submission {
  id: number
  nonce: number
  gasLimit: number
  /** Zero for a transaction that only fills a gap in the nonces. */
  entryCount: number
  blockNumber: number | null
  /** None of its transactions is in this block or one before it; null where that was not kept. */
  signedAfter: number | null
  transactions: SubmissionTransaction[]
}

/** Its bytes are apart, see `rawOf`: they are long, and rarely wanted again. */
export interface SubmissionTransaction extends Pick<SignedTransaction, 'hash'>, Fees {
  /** Unix milliseconds of the last time it was sent; null: perhaps never. */
  sentAt: number | null
}

/** The author's transactions in the outbox, and what they make of their entries. Nothing here opens a transaction of the database. */
export class Submissions {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  create(
    submission: Pick<Submission, 'nonce' | 'gasLimit'> & { root?: string | undefined; signedAfter?: number },
    entries: readonly PendingEntry[],
    transaction: SignedTransaction & Fees,
  ): number {
    const id = Number(
      this.#statements.run(
        `INSERT INTO outbox_submissions (nonce, gas_limit, entry_count, root, signed_after_block)
         VALUES (?, ?, ?, ?, ?)`,
        submission.nonce,
        submission.gasLimit,
        entries.length,
        submission.root ?? null,
        submission.signedAfter ?? null,
      ).lastInsertRowid,
    )
    const submit = this.#statements.prepare(
      "UPDATE outbox_entries SET state = 'submitted', submission_id = ? WHERE id = ?",
    )
    for (const entry of entries) submit.run(id, entry.id)
    this.addTransaction(id, transaction)
    return id
  }

  addTransaction(submissionId: number, { hash, raw, ...fees }: SignedTransaction & Fees): void {
    this.#statements.run(
      `INSERT INTO outbox_transactions (transaction_hash, submission_id, raw, max_fee_wei, priority_fee_wei)
       VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      hash,
      submissionId,
      raw,
      String(fees.maxFeePerGas),
      String(fees.maxPriorityFeePerGas),
    )
  }

  /** The signed bytes of a transaction that is not final. */
  rawOf(hash: Bytes32): Hex {
    return this.#statements
      .prepare('SELECT raw FROM outbox_transactions WHERE transaction_hash = ?')
      .get(hash)!.raw as Hex
  }

  markSent(hash: Bytes32, now: number): void {
    this.#statements.run(
      'UPDATE outbox_transactions SET sent_at_ms = ? WHERE transaction_hash = ?',
      now,
      hash,
    )
  }

  /** Those whose fate is open, by nonce, transactions oldest first. */
  open(): Submission[] {
    return this.#read("SELECT * FROM outbox_submissions WHERE state = 'open' ORDER BY nonce", [])
  }

  /** Nonces of those whose fate is open. */
  openNonces(): number[] {
    return this.#statements
      .prepare("SELECT nonce FROM outbox_submissions WHERE state = 'open'")
      .all()
      .map(({ nonce }) => Number(nonce))
  }

  /** The first nonce above all that are in blocks; zero while none is. */
  nextNonce(): number {
    const row = this.#statements
      .prepare(
        "SELECT nonce FROM outbox_submissions WHERE state IN ('mined', 'final') ORDER BY nonce DESC LIMIT 1",
      )
      .get()
    return row === undefined ? 0 : Number(row.nonce) + 1
  }

  /** Whether a nonce is used for good. */
  isFinal(nonce: number): boolean {
    return (
      this.#statements
        .prepare(
          "SELECT 1 FROM outbox_submissions WHERE state IN ('mined', 'final') AND state = 'final' AND nonce = ?",
        )
        .get(nonce) !== undefined
    )
  }

  /** Those mined at `block` or before and not final yet. */
  mined(block: number): Submission[] {
    return this.#read(
      "SELECT * FROM outbox_submissions WHERE state = 'mined' AND block_number <= ? ORDER BY nonce LIMIT 100",
      [block],
    )
  }

  hasMined(): boolean {
    return (
      this.#statements.prepare("SELECT 1 FROM outbox_submissions WHERE state = 'mined' LIMIT 1").get() !==
      undefined
    )
  }

  /** Whether the nonce is that of a submission that is mined and not final yet. */
  isMined(nonce: number): boolean {
    return (
      this.#statements
        .prepare("SELECT 1 FROM outbox_submissions WHERE state = 'mined' AND nonce = ?")
        .get(nonce) !== undefined
    )
  }

  /** Those mined and not final yet of this nonce or a higher one. */
  minedFrom(nonce: number): Submission[] {
    return this.#read(
      "SELECT * FROM outbox_submissions WHERE state = 'mined' AND nonce >= ? ORDER BY nonce LIMIT 100",
      [nonce],
    )
  }

  entriesOf(submissionId: number): PendingEntry[] {
    return this.#statements
      .prepare(
        `SELECT id, entry_key AS key, digest, content, call_group AS "group", after_key AS afterKey, added_at_ms AS addedAt,
         batch_limit AS batchLimit, refusals
       FROM outbox_entries WHERE submission_id = ? ORDER BY id`,
      )
      .all(submissionId) as unknown as PendingEntry[]
  }

  /** The submission's transaction is in a block, and with it all its entries. */
  markMined(submissionId: number, location: RecordLocation, isFinal: boolean): void {
    const { transactionHash, blockNumber } = location
    this.#statements.run(
      'UPDATE outbox_submissions SET state = ?, transaction_hash = ?, block_number = ? WHERE id = ?',
      isFinal ? 'final' : 'mined',
      transactionHash,
      blockNumber,
      submissionId,
    )
    this.#statements.run(
      'UPDATE outbox_entries SET state = ?, transaction_hash = ?, block_number = ? WHERE submission_id = ?',
      isFinal ? 'final' : 'recorded',
      transactionHash,
      blockNumber,
      submissionId,
    )
    if (!isFinal) return
    // A final transaction is never sent again, and what it was made of is the bulk of the database.
    this.#statements.run("UPDATE outbox_transactions SET raw = '' WHERE submission_id = ?", submissionId)
    this.#statements.run(
      'UPDATE outbox_entries SET content = NULL WHERE submission_id = ? AND content IS NOT NULL',
      submissionId,
    )
  }

  /** A mined submission has left the chain again: its transactions are to be sent anew. */
  reopen(submissionId: number): void {
    this.#statements.run(
      "UPDATE outbox_submissions SET state = 'open', transaction_hash = NULL, block_number = NULL WHERE id = ?",
      submissionId,
    )
    this.#statements.run(
      `UPDATE outbox_entries SET state = 'submitted', transaction_hash = NULL, block_number = NULL
       WHERE submission_id = ?`,
      submissionId,
    )
    this.#statements.run(
      'UPDATE outbox_transactions SET sent_at_ms = NULL WHERE submission_id = ?',
      submissionId,
    )
  }

  /** The submission recorded nothing; its entries are settled one by one, or wait again. */
  end(submissionId: number, state: 'reverted' | 'superseded'): void {
    if (state === 'superseded')
      // Should its root be on chain after all, somebody will ask what is under it.
      this.#statements.run(
        `INSERT INTO outbox_superseded_entries SELECT s.id, e.id FROM outbox_submissions AS s
           JOIN outbox_entries AS e ON e.submission_id = s.id WHERE s.id = ? AND s.root IS NOT NULL`,
        submissionId,
      )
    this.#statements.run('UPDATE outbox_submissions SET state = ? WHERE id = ?', state, submissionId)
    this.#statements.run(
      `UPDATE outbox_entries
       SET state = 'pending', submission_id = NULL, transaction_hash = NULL, block_number = NULL
       WHERE submission_id = ?`,
      submissionId,
    )
  }

  #read(sql: string, parameters: number[]): Submission[] {
    return this.#statements
      .prepare(sql)
      .all(...parameters)
      .map((row) => ({
        id: Number(row.id),
        nonce: Number(row.nonce),
        gasLimit: Number(row.gas_limit),
        entryCount: Number(row.entry_count),
        blockNumber: row.block_number === null ? null : Number(row.block_number),
        signedAfter: row.signed_after_block === null ? null : Number(row.signed_after_block),
        transactions: this.#transactionsOf(Number(row.id)),
      }))
  }

  #transactionsOf(submissionId: number): SubmissionTransaction[] {
    return this.#statements
      .prepare(
        `SELECT transaction_hash, max_fee_wei, priority_fee_wei, sent_at_ms FROM outbox_transactions
       WHERE submission_id = ? ORDER BY rowid`,
      )
      .all(submissionId)
      .map((row) => ({
        hash: row.transaction_hash as Bytes32,
        maxFeePerGas: BigInt(String(row.max_fee_wei)),
        maxPriorityFeePerGas: BigInt(String(row.priority_fee_wei)),
        sentAt: row.sent_at_ms === null ? null : Number(row.sent_at_ms),
      }))
  }
}
