import { DatabaseSync } from 'node:sqlite'

const BUSY_TIMEOUT_MS = 10_000

/** A tax office's database in the hands of somebody with write access to it: beside the running server, by plain SQL. */
export class OfficeDatabase {
  readonly #db: DatabaseSync

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  }

  close(): void {
    this.#db.close()
  }

  /** Writes another amount into the only version of an order. */
  alterAmount(orderId: string, amountMinor: number): void {
    this.#change(
      'UPDATE payments SET amount_minor = ? WHERE order_key = (SELECT order_key FROM orders WHERE order_id = ?)',
      amountMinor,
      orderId,
    )
  }

  /** Takes the only version of an order away. */
  deletePayment(orderId: string): void {
    this.#change(
      'DELETE FROM payments WHERE order_key = (SELECT order_key FROM orders WHERE order_id = ?)',
      orderId,
    )
  }

  #change(sql: string, ...values: (string | number)[]): void {
    const { changes } = this.#db.prepare(sql).run(...values)
    if (changes !== 1) throw new Error(`${changes} rows of the office's database were meant, not one`)
  }
}
