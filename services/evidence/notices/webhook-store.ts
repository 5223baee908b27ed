import type { DatabaseSync } from 'node:sqlite'
import type { Notice } from './notice-store.ts'

/** Where a client wants its notices sent. */
export interface Webhook {
  client: number
  url: string
  /** As the Standard Webhooks specification writes it. */
  secret: string
  /** Unix milliseconds, as `disabledAt`. */
  createdAt: number
  disabledAt: number | null
  lastError: string | null
}

export interface Delivery extends Pick<Webhook, 'client' | 'url' | 'secret'>, Notice {
  /** Number of the notice. */
  notice: number
  attempts: number
}

/** Of each client; those given up first are forgotten first. The notices themselves stay. */
const MAX_DEAD = 1_000

/** Of each webhook the oldest that waits: the later ones wait for it. Materialized: looked up once a webhook. */
const FIRST = `WITH first AS MATERIALIZED (
  SELECT client, url, secret, (
    SELECT min(notice) FROM webhook_deliveries AS d WHERE d.client = w.client AND d.dead IS NULL
  ) AS notice FROM webhooks AS w WHERE disabled_at IS NULL)`

/** Webhooks and what is still to be sent to them. Nothing here opens a transaction: the callers do. */
export class WebhookStore {
  readonly #put
  readonly #find
  readonly #remove
  readonly #fail
  readonly #enqueue
  readonly #due
  readonly #nextAt
  readonly #hasten
  readonly #settle
  readonly #retry
  readonly #bury
  readonly #forget
  readonly #count

  constructor(db: DatabaseSync) {
    this.#put = db.prepare(
      `INSERT INTO webhooks (client, url, secret, created_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (client) DO UPDATE SET url = excluded.url, secret = excluded.secret, created_at = excluded.created_at,
       disabled_at = NULL, last_error = NULL`,
    )
    this.#find = db.prepare(
      `SELECT client, url, secret, created_at AS createdAt, disabled_at AS disabledAt, last_error AS lastError
       FROM webhooks WHERE client = ?`,
    )
    this.#remove = db.prepare('DELETE FROM webhooks WHERE client = ?')
    this.#fail = db.prepare('UPDATE webhooks SET last_error = ?, disabled_at = ? WHERE client = ?')
    this.#enqueue = db.prepare(
      `INSERT INTO webhook_deliveries (client, notice, next_attempt_at)
       SELECT client, ?, ? FROM webhooks WHERE client = ? AND disabled_at IS NULL`,
    )
    this.#due = db.prepare(
      `${FIRST} SELECT first.client, first.notice, first.url, first.secret, d.attempts, n.notice_id AS noticeId,
       n.credential_id AS credentialId, n.verdict, n.found_at AS foundAt
       FROM first JOIN webhook_deliveries AS d ON d.client = first.client AND d.notice = first.notice
       JOIN notices AS n ON n.id = first.notice WHERE d.next_attempt_at <= ?`,
    )
    this.#nextAt = db.prepare(
      `${FIRST} SELECT min(d.next_attempt_at) AS at
       FROM first JOIN webhook_deliveries AS d ON d.client = first.client AND d.notice = first.notice`,
    )
    this.#hasten = db.prepare(
      `UPDATE webhook_deliveries SET next_attempt_at = ?1 WHERE client = ?2 AND notice =
       (SELECT min(notice) FROM webhook_deliveries WHERE client = ?2 AND dead IS NULL) AND next_attempt_at > ?1`,
    )
    this.#settle = db.prepare('DELETE FROM webhook_deliveries WHERE client = ? AND notice = ?')
    this.#retry = db.prepare(
      'UPDATE webhook_deliveries SET attempts = attempts + 1, next_attempt_at = ? WHERE client = ? AND notice = ?',
    )
    this.#bury = db.prepare(
      'UPDATE webhook_deliveries SET attempts = attempts + 1, dead = ? WHERE client = ? AND notice = ?',
    )
    this.#forget = db.prepare(
      `DELETE FROM webhook_deliveries WHERE client = ?1 AND dead IS NOT NULL AND notice NOT IN
       (SELECT notice FROM webhook_deliveries WHERE client = ?1 AND dead IS NOT NULL ORDER BY notice DESC LIMIT ?2)`,
    )
    this.#count = db.prepare(
      `SELECT count(*) FILTER (WHERE dead IS NULL) AS pending, count(*) FILTER (WHERE dead IS NOT NULL) AS dead
       FROM webhook_deliveries WHERE client = ?`,
    )
  }

  /** In the place of the client's former one; what is pending goes to the new one, at once. */
  put({ client, url, secret, createdAt }: Pick<Webhook, 'client' | 'url' | 'secret' | 'createdAt'>): void {
    this.#put.run(client, url, secret, createdAt)
    this.#hasten.run(createdAt, client)
  }

  find(client: number): Webhook | undefined {
    return this.#find.get(client) as unknown as Webhook | undefined
  }

  /** With everything that was to be delivered. False when there was none. */
  remove(client: number): boolean {
    return this.#remove.run(client).changes === 1
  }

  /** For a client without a webhook, nothing. */
  enqueue(client: number, notice: number, now: number): void {
    this.#enqueue.run(notice, now, client)
  }

  /** Of each webhook the oldest delivery, when it is due. */
  due(now: number): Delivery[] {
    return this.#due.all(now) as unknown as Delivery[]
  }

  /** Unix milliseconds at which the next delivery is due; undefined when nothing is pending. */
  nextAt(): number | undefined {
    return (this.#nextAt.get()?.at as number | null) ?? undefined
  }

  delivered({ client, notice }: Delivery): void {
    this.#settle.run(client, notice)
    this.#fail.run(null, null, client)
  }

  /** @param next when to try again in unix milliseconds; undefined: never */
  failed({ client, notice }: Delivery, reason: string, next: number | undefined): void {
    if (next !== undefined) this.#retry.run(next, client, notice)
    else {
      this.#bury.run(reason, client, notice)
      this.#forget.run(client, MAX_DEAD)
    }
    this.#fail.run(reason, null, client)
  }

  /** The receiver wants no more. */
  disable({ client }: Delivery, reason: string, now: number): void {
    this.#fail.run(reason, now, client)
  }

  /** Deliveries of a client that wait, and that were given up. */
  counts(client: number): { pending: number; dead: number } {
    return this.#count.get(client) as { pending: number; dead: number }
  }
}
