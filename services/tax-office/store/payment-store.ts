import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import { type Bytes32, bytesToHex } from '../../../protocol/hex.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import type { RecordingTier } from '../book/payment-calls.ts'

export type Visibility = 'public' | 'sealed'

/** An order of the office's and what its lookup code is derived from. */
export interface Order {
  orderKey: Uint8Array
  orderId: string
  share: Uint8Array
}

/** What tells a repetition from a contradiction, and what the next version is chained to. */
export interface KnownVersion {
  version: number
  kind: PaymentRecord['kind']
  fingerprint: Uint8Array
  digest: Bytes32
}

export interface NewPayment {
  record: Omit<PaymentRecord, 'payerTag'>
  visibility: Visibility
  orderKey: Uint8Array
  payerTag: Uint8Array | null
  /** Canonical JSON. */
  fields: string | null
  fingerprint: Uint8Array
  digest: Uint8Array
  payload: Uint8Array
  /** Its key in the book, and so in the outbox. */
  entryKey: Bytes32
}

/** A version as the table has it. */
export interface StoredPayment {
  id: number
  orderKey: Uint8Array
  orderId: string
  share: Uint8Array
  version: number
  visibility: Visibility
  kind: PaymentRecord['kind']
  category: string
  period: string
  amountMinor: number
  currency: string
  paidAt: string
  authority: string
  payerTag: Uint8Array | null
  fields: string | null
  digest: Uint8Array
  payload: Uint8Array
  entryKey: Bytes32
  receivedAt: number
}

const STORED = `SELECT p.id, p.order_key AS orderKey, o.order_id AS orderId, o.share, p.version, p.visibility, p.kind, p.category,
  p.period, p.amount_minor AS amountMinor, p.currency, p.paid_at AS paidAt, p.authority, p.payer_tag AS payerTag, p.fields, p.digest,
  p.payload, p.entry_key AS entryKey, p.received_at AS receivedAt FROM payments AS p JOIN orders AS o USING (order_key)`

const NOTHING_COUNTED = { rows: 0, upTo: 0 }
/** Counting may take a hundredth of the time. */
const SHARE_OF_TIME = 100

/** Orders and payments in the office's database. Nothing here opens a transaction: the callers do. */
export class PaymentStore {
  readonly #db: DatabaseSync
  readonly #insertOrder
  readonly #insertPayment
  readonly #findOrder
  readonly #versions
  readonly #ofOrder
  readonly #version
  readonly #page
  readonly #last
  readonly #countAfter
  #counted = { rows: 0, upTo: 0 }
  #recountAt = 0

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#insertOrder = db.prepare('INSERT INTO orders (order_key, order_id, share) VALUES (?, ?, ?)')
    this.#insertPayment = db.prepare(
      `INSERT INTO payments (order_key, version, visibility, kind, category, period, amount_minor, currency, paid_at, authority,
         payer_tag, fields, fingerprint, digest, payload, entry_key, received_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#findOrder = db.prepare(
      'SELECT order_key AS orderKey, order_id AS orderId, share FROM orders WHERE order_key = ?',
    )
    this.#versions = db.prepare(
      'SELECT version, kind, fingerprint, digest FROM payments WHERE order_key = ? ORDER BY version',
    )
    this.#ofOrder = db.prepare(`${STORED} WHERE p.order_key = ? ORDER BY p.version`)
    this.#version = db.prepare(`${STORED} WHERE p.order_key = ? AND p.version = ?`)
    this.#page = db.prepare(`${STORED} WHERE p.id > ? ORDER BY p.id LIMIT ?`)
    this.#last = db.prepare('SELECT max(id) AS last FROM payments')
    this.#countAfter = db.prepare('SELECT count(*) AS count, max(id) AS last FROM payments WHERE id > ?')
  }

  /**
   * What this database is for; the first one that asks decides.
   * @param secretCheck says whether the secret is the same, and nothing of it
   * @throws CONFIGURATION_INVALID
   */
  claim(tier: RecordingTier, secretCheck: Uint8Array): void {
    const known = this.#db.prepare('SELECT tier FROM office').get()
    if (known === undefined)
      this.#db.prepare('INSERT INTO office (tier, secret_check) VALUES (?, ?)').run(tier, secretCheck)
    this.requireSecret(secretCheck)
    if (known !== undefined && known.tier !== tier)
      throw new CountersignError(
        'CONFIGURATION_INVALID',
        `TAX_OFFICE_TIER is ${tier}, and the payments of this database are put on chain by ${known.tier}`,
        { action: 'Set the old tier again, or give this office another database and key.' },
      )
  }

  /** @throws CONFIGURATION_INVALID unless it is the secret of this database */
  requireSecret(secretCheck: Uint8Array): void {
    const known = this.#db.prepare('SELECT secret_check FROM office').get()?.secret_check
    if (known === undefined || !Buffer.from(secretCheck).equals(known as Uint8Array))
      throw new CountersignError(
        'CONFIGURATION_INVALID',
        'TAX_OFFICE_SECRET is not the secret that the payments of this database were sealed with',
        { action: 'Set the old secret again: slips and payer tags hang on it.' },
      )
  }

  findOrder(orderKey: Uint8Array): Order | undefined {
    return this.#findOrder.get(orderKey) as Order | undefined
  }

  knownVersions(orderKey: Uint8Array): KnownVersion[] {
    return this.#versions.all(orderKey).map(({ version, kind, fingerprint, digest }) => ({
      version: Number(version),
      kind: kind as PaymentRecord['kind'],
      fingerprint: fingerprint as Uint8Array,
      digest: bytesToHex(digest as Uint8Array),
    }))
  }

  insertOrder({ orderKey, orderId, share }: Order): void {
    this.#insertOrder.run(orderKey, orderId, share)
  }

  insertPayment(payment: NewPayment, now: number): void {
    const { record, orderKey, visibility, payerTag, fields, fingerprint, digest, payload, entryKey } = payment
    this.#insertPayment.run(
      orderKey,
      record.version,
      visibility,
      record.kind,
      record.category,
      record.period,
      record.amountMinor,
      record.currency,
      record.paidAt,
      record.authority,
      payerTag,
      fields,
      fingerprint,
      digest,
      payload,
      entryKey,
      now,
    )
  }

  /** All versions of an order, first to last. */
  versionsOf(orderKey: Uint8Array): StoredPayment[] {
    return this.#ofOrder.all(orderKey) as unknown as StoredPayment[]
  }

  find(orderKey: Uint8Array, version: number): StoredPayment | undefined {
    return this.#version.get(orderKey, version) as StoredPayment | undefined
  }

  /** In the order in which they came. */
  paymentsAfter(id: number, limit: number): StoredPayment[] {
    return this.#page.all(id, limit) as unknown as StoredPayment[]
  }

  /** How many there are. Rows that somebody removed are noticed late: counting all anew may take a hundredth of the time. */
  count(): number {
    const startedAt = performance.now()
    const isRecount = startedAt >= this.#recountAt
    const { rows, upTo } = isRecount ? NOTHING_COUNTED : this.#counted
    const { count, last } = this.#countAfter.get(upTo) as { count: number; last: number | null }
    this.#counted = { rows: rows + count, upTo: last ?? upTo }
    if (isRecount) this.#recountAt = startedAt + SHARE_OF_TIME * (performance.now() - startedAt)
    return this.#counted.rows
  }

  /** The number of the latest one, 0 when there is none. */
  lastId(): number {
    return Number(this.#last.get()?.last ?? 0)
  }
}
