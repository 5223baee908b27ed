import type { DatabaseSync } from 'node:sqlite'
import type { EvidenceVerdict } from '../../../protocol/credentials/evidence-verdict.ts'
import { type Bytes32, bytesToHex, hexToBytes } from '../../../protocol/hex.ts'
import type { Serial } from '../../../protocol/serial.ts'

/** What came of reading evidence again. */
export type CheckOutcome = EvidenceVerdict | 'unreadable'

export interface NewEvidence {
  credentialId: Serial
  client: number
  contentHash: Bytes32
  /** Bytes. */
  size: number
  /** Canonical JSON of the metadata. */
  metadata: string
  /** What the salt is derived with. */
  share: Bytes32
  digest: Bytes32
  /** The pending credential as a file. */
  credential: string
  /** Unix milliseconds. */
  issuedAt: number
}

interface Common {
  /** In the order in which they came. */
  id: number
  credentialId: Serial
  client: number
  digest: Bytes32
  issuedAt: number
  revocationReason: string | null
  revokedAt: number | null
  erasedAt: number | null
  /** When the content was last read again, and what came of it. */
  checkedAt: number | null
  /** `unreadable` where nothing came of it. */
  lastVerdict: CheckOutcome | null
}

/** What is kept whole; while it is `erasing` its content may be gone. */
export interface KeptEvidence extends Common {
  state: 'kept' | 'erasing'
  contentHash: Bytes32
  size: number
  metadata: string
  share: Bytes32
  credential: string
}

export interface ErasedEvidence extends Common {
  state: 'erased'
}

export type StoredEvidence = KeptEvidence | ErasedEvidence

/** Evidence in the server's database. Nothing here opens a transaction: the callers do. */
export class EvidenceStore {
  readonly #insert
  readonly #find
  readonly #page
  readonly #erasing
  readonly #ofContent
  readonly #revoke
  readonly #check
  readonly #beginErasure
  readonly #finishErasure
  readonly #use
  readonly #last

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(
      // Of the recheck that is under way it is no part.
      `INSERT INTO evidence (credential_id, client, content_hash, size, metadata, share, credential, digest, issued_at, checked_round)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(id), 0) FROM recheck_rounds))`,
    )
    this.#find = db.prepare('SELECT * FROM evidence WHERE credential_id = ?')
    this.#page = db.prepare('SELECT * FROM evidence WHERE client = ? AND id < ? ORDER BY id DESC LIMIT ?')
    this.#erasing = db.prepare(
      "SELECT * FROM evidence WHERE state = 'erasing' AND id > ? ORDER BY id LIMIT ?",
    )
    this.#ofContent = db.prepare(
      "SELECT count(*) AS count FROM evidence WHERE content_hash = ? AND state = 'kept'",
    )
    this.#revoke = db.prepare(
      'UPDATE evidence SET revocation_reason = ?, revoked_at = ? WHERE credential_id = ? AND revoked_at IS NULL',
    )
    this.#check = db.prepare(
      'UPDATE evidence SET checked_at = coalesce(?, checked_at), last_verdict = ? WHERE credential_id = ?',
    )
    this.#beginErasure = db.prepare(
      "UPDATE evidence SET state = 'erasing' WHERE credential_id = ? AND state = 'kept'",
    )
    this.#finishErasure = db.prepare(
      `UPDATE evidence SET state = 'erased', erased_at = ?, content_hash = NULL, size = NULL, metadata = NULL, share = NULL,
       credential = NULL WHERE credential_id = ? AND state = 'erasing'`,
    )
    this.#use = db.prepare('UPDATE clients SET bytes = bytes + ?, documents = documents + ? WHERE id = ?')
    this.#last = db.prepare('SELECT max(id) AS id FROM evidence')
  }

  /** Also counts towards what its client has. */
  insert(evidence: NewEvidence): void {
    this.#insert.run(
      evidence.credentialId,
      evidence.client,
      hexToBytes(evidence.contentHash, 32),
      evidence.size,
      evidence.metadata,
      hexToBytes(evidence.share, 32),
      evidence.credential,
      hexToBytes(evidence.digest, 32),
      evidence.issuedAt,
    )
    this.#use.run(evidence.size, 1, evidence.client)
  }

  find(credentialId: Serial): StoredEvidence | undefined {
    const row = this.#find.get(credentialId)
    return row && toEvidence(row)
  }

  /** A client's, latest first. @param before number of the one after, as {@link StoredEvidence} has it */
  page(client: number, before: number, limit: number): StoredEvidence[] {
    return this.#page.all(client, before, limit).map(toEvidence)
  }

  /** Erasures that were begun, by number. @param after number of the one before; 0 for the first */
  erasing(after: number, limit: number): KeptEvidence[] {
    return this.#erasing.all(after, limit).map((row) => toEvidence(row) as KeptEvidence)
  }

  /** How many are kept with this content; those that are being erased do not count. */
  countWithContent(contentHash: Bytes32): number {
    return Number(this.#ofContent.get(hexToBytes(contentHash, 32))?.count)
  }

  /** False when it was revoked before. */
  revoke(credentialId: Serial, reason: string, now: number): boolean {
    return this.#revoke.run(reason, now, credentialId).changes === 1
  }

  noteCheck(credentialId: Serial, outcome: CheckOutcome, now: number): void {
    this.#check.run(outcome === 'unreadable' ? null : now, outcome, credentialId)
  }

  /** False unless it was kept. */
  beginErasure(credentialId: Serial): boolean {
    return this.#beginErasure.run(credentialId).changes === 1
  }

  /** Forgets all that says something of it, and what it took of its client's quota. The digest stays. */
  finishErasure({ credentialId, client, size }: KeptEvidence, now: number): void {
    if (this.#finishErasure.run(now, credentialId).changes === 1) this.#use.run(-size, -1, client)
  }

  /** Number of the latest; 0: none. */
  lastId(): number {
    return Number(this.#last.get()?.id ?? 0)
  }
}

function toEvidence(row: Record<string, unknown>): StoredEvidence {
  const common: Common = {
    id: row.id as number,
    credentialId: row.credential_id as Serial,
    client: row.client as number,
    digest: bytesToHex(row.digest as Uint8Array),
    issuedAt: row.issued_at as number,
    revocationReason: row.revocation_reason as string | null,
    revokedAt: row.revoked_at as number | null,
    erasedAt: row.erased_at as number | null,
    checkedAt: row.checked_at as number | null,
    lastVerdict: row.last_verdict as CheckOutcome | null,
  }
  if (row.state === 'erased') return { ...common, state: 'erased' }
  return {
    ...common,
    state: row.state as 'kept' | 'erasing',
    contentHash: bytesToHex(row.content_hash as Uint8Array),
    size: row.size as number,
    metadata: row.metadata as string,
    share: bytesToHex(row.share as Uint8Array),
    credential: row.credential as string,
  }
}
