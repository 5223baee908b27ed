import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import type { Entry } from '../../../protocol/record-book.ts'
import { DEFAULT_GROUP } from './call-groups.ts'
import type { RecordLocation } from './chain-access.ts'
import { claimOutbox, type OutboxOwner } from './outbox-owner.ts'
import { prepareOutbox } from './outbox-schema.ts'
import type { CallEntry } from './registry-calls.ts'
import { Statements } from './statements.ts'
import { Submissions } from './submissions.ts'

/**
 * - `pending`: waits to be sent
 * - `submitted`: in a signed transaction whose fate is open
 * - `recorded`: in a block
 * - `final`: in a block as deep as the chain's finality asks
 * - `conflict`: the chain has another digest under its key, or under one that it follows; it cannot be recorded any more
 */
export type EntryState = 'pending' | 'submitted' | 'recorded' | 'final' | 'conflict'

export interface OutboxEntry extends Entry {
  /** Unix seconds by which it was promised to be on chain; zero for no promise. */
  recordBy: number
  /** What the registry's call takes beyond key and digest; forgotten once the entry is final. */
  content?: Uint8Array
  /** Key of the entry, added before, without which the registry does not take this one. */
  afterKey?: Bytes32
  /** Which of the book writer's groups it goes with; default the one without a name. */
  group?: string
}

export interface PendingEntry extends CallEntry {
  id: number
  group: string
  afterKey: Bytes32 | null
  /** Unix milliseconds. */
  addedAt: number
  /** Entries that may share a transaction with it, itself included; null: any number. */
  batchLimit: number | null
  /** How often it was refused, alone, for a reason unknown. */
  refusals: number
}

/** An entry that is on chain by a transaction that is not the outbox's, or no longer known. */
export interface LooseEntry extends Entry {
  id: number
  group: string
}

export interface OutboxEntryState {
  digest: Bytes32
  state: EntryState
  group: string
  location: RecordLocation | null
}

export interface OutboxCounts {
  pending: number
  submitted: number
  /** On chain, not final yet. */
  recorded: number
  conflict: number
  /** Neither on chain nor in time. */
  overdue: number
}

/** Of the entry whose key is the first parameter: those that follow it, at any distance. */
const FOLLOWERS = `WITH RECURSIVE followers (entry_key) AS (
  SELECT entry_key FROM outbox_entries WHERE after_key = ? UNION
  SELECT next.entry_key FROM outbox_entries AS next JOIN followers ON next.after_key = followers.entry_key)`

// A partial index serves only a query that repeats its condition, hence `AND state <> 'final'` beside a state that is not.

/** The tables of the book writer, in its party's own database. Nothing here opens a transaction: the callers do. */
export class Outbox {
  readonly submissions: Submissions
  readonly #statements: Statements

  /** @throws CONFIGURATION_INVALID when the database belongs to another author, chain or registry */
  constructor(db: DatabaseSync, owner: OutboxOwner) {
    prepareOutbox(db)
    claimOutbox(db, owner)
    this.#statements = new Statements(db)
    this.submissions = new Submissions(this.#statements)
  }

  /** Whether the chain has to be asked or told anything. */
  hasUnsettled(): boolean {
    return this.submissions.openNonces().length > 0 || this.hasUnfinal() || this.#hasPending()
  }

  #hasPending(): boolean {
    return (
      this.#statements.prepare("SELECT 1 FROM outbox_entries WHERE state = 'pending' LIMIT 1").get() !==
      undefined
    )
  }

  /** Adds an entry; the same entry again changes nothing. @throws ENTRY_CONFLICT when its key is there with another digest */
  add({ key, digest, recordBy, content, afterKey, group }: OutboxEntry, now: number): void {
    const { changes } = this.#statements.run(
      `INSERT INTO outbox_entries (entry_key, digest, record_by, added_at_ms, content, after_key, call_group)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      key,
      digest,
      recordBy,
      now,
      content ?? null,
      afterKey ?? null,
      group ?? DEFAULT_GROUP,
    )
    if (changes === 0 && this.find(key)?.digest !== digest)
      throw new CountersignError('ENTRY_CONFLICT', `the outbox holds another digest under ${key}`)
  }

  find(key: Bytes32): OutboxEntryState | undefined {
    const row = this.#statements
      .prepare(
        'SELECT digest, state, call_group, transaction_hash, block_number FROM outbox_entries WHERE entry_key = ?',
      )
      .get(key)
    if (row === undefined) return undefined
    return {
      digest: row.digest as Bytes32,
      state: row.state as EntryState,
      group: row.call_group as string,
      location:
        row.transaction_hash === null
          ? null
          : { transactionHash: row.transaction_hash as Bytes32, blockNumber: Number(row.block_number) },
    }
  }

  /**
   * The oldest entries of a group that may go into one transaction now. None goes before the one that it follows.
   * @param afterSubmitted whether one may go while the transaction of the one that it follows is under way
   */
  nextBatch(limit: number, now: number, afterSubmitted = true, group = DEFAULT_GROUP): PendingEntry[] {
    const batch: PendingEntry[] = []
    const taken = new Set<Bytes32>()
    let room = limit
    for (const row of this.#statements
      .prepare(
        `SELECT entry.id, entry.entry_key AS key, entry.digest, entry.content, entry.call_group AS "group", entry.after_key AS afterKey,
         entry.added_at_ms AS addedAt, entry.batch_limit AS batchLimit, entry.refusals, before.state AS stateBefore
       FROM outbox_entries AS entry LEFT JOIN outbox_entries AS before ON before.entry_key = entry.after_key
       WHERE entry.state = 'pending' AND entry.call_group = ? AND entry.not_before_ms <= ? AND (? OR before.state IS NOT 'submitted')
       ORDER BY entry.id LIMIT ?`,
      )
      .iterate(group, now, Number(afterSubmitted), limit)) {
      const { stateBefore, ...entry } = row as unknown as PendingEntry & { stateBefore: EntryState | null }
      room = Math.min(room, entry.batchLimit ?? limit)
      if (batch.length >= room) break
      if (stateBefore === 'pending' && !taken.has(entry.afterKey!)) continue
      taken.add(entry.key)
      batch.push(entry)
    }
    return batch
  }

  /** When, after `now`, the next entry that was set aside may be tried again; unix milliseconds. */
  nextRetryAt(now: number): number | undefined {
    const row = this.#statements
      .prepare(
        "SELECT min(not_before_ms) AS at FROM outbox_entries WHERE state = 'pending' AND not_before_ms > ?",
      )
      .get(now)
    return row?.at == null ? undefined : Number(row.at)
  }

  hasUnfinal(): boolean {
    return (
      this.submissions.hasMined() ||
      this.#statements
        .prepare("SELECT 1 FROM outbox_entries WHERE state = 'recorded' AND state <> 'final' LIMIT 1")
        .get() !== undefined
    )
  }

  /** An entry is on chain by a transaction that is not this outbox's, or no longer known. */
  markRecordedElsewhere(entryId: number, blockNumber: number, transactionHash: Bytes32 | null): void {
    this.#statements.run(
      `UPDATE outbox_entries SET state = 'recorded', submission_id = NULL, transaction_hash = ?, block_number = ?
       WHERE id = ?`,
      transactionHash,
      blockNumber,
      entryId,
    )
  }

  /** Entries recorded elsewhere, at `block` or before, and not final yet. */
  recordedElsewhere(block: number, limit: number): LooseEntry[] {
    return this.#statements
      .prepare(
        `SELECT id, entry_key AS key, digest, call_group AS "group" FROM outbox_entries
       WHERE state = 'recorded' AND state <> 'final' AND submission_id IS NULL AND block_number <= ? LIMIT ?`,
      )
      .all(block, limit) as unknown as LooseEntry[]
  }

  /** Where an entry was found that is on chain. */
  setLocation(key: Bytes32, { transactionHash, blockNumber }: RecordLocation): void {
    this.#statements.run(
      'UPDATE outbox_entries SET transaction_hash = ?, block_number = ? WHERE entry_key = ?',
      transactionHash,
      blockNumber,
      key,
    )
  }

  /** Nothing takes it from the chain any more. */
  markFinal(entryId: number): void {
    this.#statements.run("UPDATE outbox_entries SET state = 'final', content = NULL WHERE id = ?", entryId)
  }

  /** It is on chain no longer, and waits again. */
  bringBack(entryId: number): void {
    this.#leaveChain(entryId, 'pending')
  }

  #leaveChain(entryId: number, state: 'pending' | 'conflict'): void {
    this.#statements.run(
      'UPDATE outbox_entries SET state = ?, transaction_hash = NULL, block_number = NULL WHERE id = ?',
      state,
      entryId,
    )
  }

  /** The entry cannot be recorded any more, nor can those that follow it. */
  markConflict({ id, key }: { id: number; key: Bytes32 }): void {
    this.#leaveChain(id, 'conflict')
    this.#statements.run(
      `${FOLLOWERS} UPDATE outbox_entries SET state = 'conflict' WHERE state = 'pending' AND entry_key IN followers`,
      key,
    )
  }

  /** Waits again: in smaller company, or not before a time; those that follow it wait with it. */
  postpone(
    { id, key }: { id: number; key: Bytes32 },
    batchLimit: number,
    refusals: number,
    notBefore: number,
  ): void {
    this.#statements.run(
      'UPDATE outbox_entries SET batch_limit = ?, refusals = ?, not_before_ms = ? WHERE id = ?',
      batchLimit,
      refusals,
      notBefore,
      id,
    )
    this.#statements.run(
      `${FOLLOWERS} UPDATE outbox_entries SET not_before_ms = ? WHERE state = 'pending' AND entry_key IN followers`,
      key,
      notBefore,
    )
  }

  /** False while the entry waits, or its transaction is under way. */
  isSettled(key: Bytes32): boolean {
    const state = this.find(key)?.state
    return state !== 'pending' && state !== 'submitted'
  }

  /** @param now unix seconds */
  counts(now: number): OutboxCounts {
    const counts: OutboxCounts = { pending: 0, submitted: 0, recorded: 0, conflict: 0, overdue: 0 }
    for (const row of this.#statements
      .prepare("SELECT state, count(*) AS entries FROM outbox_entries WHERE state <> 'final' GROUP BY state")
      .iterate())
      counts[row.state as keyof OutboxCounts] = Number(row.entries)
    const overdue = this.#statements
      .prepare(
        `SELECT count(*) AS entries FROM outbox_entries
       WHERE state IN ('pending', 'submitted') AND state <> 'final' AND record_by BETWEEN 1 AND ?`,
      )
      .get(now - 1)
    counts.overdue = Number(overdue?.entries)
    return counts
  }
}
