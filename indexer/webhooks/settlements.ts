import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Settlement, WebhookStore } from '../store/webhook-store.ts'

/** Outcomes wait so long for others, to be written with them: each write is a flush of the disk. */
const COLLECT_MS = 20
const PAUSE_MS = 1_000

/**
 * Writes what became of deliveries, many at a time. One that was delivered and whose outcome is not written when the process
 * dies is delivered again.
 */
export class Settlements {
  readonly #store: Pick<WebhookStore, 'settleDeliveries'>
  readonly #log: Logger
  #waiting: Settlement[] = []
  #writing: Promise<void> | undefined
  #isClosing = false

  constructor(store: Pick<WebhookStore, 'settleDeliveries'>, log: Logger) {
    this.#store = store
    this.#log = log
  }

  add(settlement: Settlement): void {
    this.#waiting.push(settlement)
    this.#writing ??= this.#write()
  }

  /** Writes what is waiting; once, whether or not the store takes it. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#writing
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (!this.#isClosing) await sleep(COLLECT_MS)
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#store.settleDeliveries(batch)
      } catch (error) {
        this.#log.warn({ err: error }, 'outcomes of webhook deliveries could not be written')
        if (this.#isClosing) break
        this.#waiting = [...batch, ...this.#waiting]
        await sleep(PAUSE_MS)
      }
    }
    this.#writing = undefined
  }
}
