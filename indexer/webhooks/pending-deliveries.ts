export interface PendingDelivery {
  eventId: string
  body: string
  attempts: number
  /** Unix milliseconds. */
  nextAttemptAt: number
}

interface Entry extends PendingDelivery {
  subject: string
  isUnderWay: boolean
}

/** What of an event's id tells it from others about the same log entry. */
const OCCASION = /-(?:final|(?:added|retracted)-\d+)$/

/**
 * Deliveries of one webhook in the order of their events. Attempts begin in that order; and of events about the same log entry, one is not
 * begun before those before it are settled, so that no retraction overtakes what it retracts.
 */
export class PendingDeliveries {
  /** In order of insertion, by event. */
  readonly #entries = new Map<string, Entry>()

  get size(): number {
    return this.#entries.size
  }

  /** One that is there already stays as it is. */
  add(delivery: PendingDelivery): void {
    if (this.#entries.has(delivery.eventId)) return
    this.#entries.set(delivery.eventId, {
      ...delivery,
      subject: delivery.eventId.replace(OCCASION, ''),
      isUnderWay: false,
    })
  }

  /** The first that may be begun now, which then counts as under way. */
  take(now: number): PendingDelivery | undefined {
    for (const entry of this.#unblocked())
      if (entry.nextAttemptAt <= now) {
        entry.isUnderWay = true
        return entry
      }
    return undefined
  }

  /** When the next one may be begun, in unix milliseconds; what waits for one under way is left out. */
  nextAt(): number | undefined {
    let next: number | undefined
    for (const { nextAttemptAt } of this.#unblocked())
      if (next === undefined || nextAttemptAt < next) next = nextAttemptAt
    return next
  }

  *#unblocked(): Generator<Entry> {
    const earlier = new Set<string>()
    for (const entry of this.#entries.values()) {
      if (!entry.isUnderWay && !earlier.has(entry.subject)) yield entry
      earlier.add(entry.subject)
    }
  }

  retry(eventId: string, attempts: number, nextAttemptAt: number): void {
    const entry = this.#entries.get(eventId)
    if (entry !== undefined) Object.assign(entry, { attempts, nextAttemptAt, isUnderWay: false })
  }

  remove(eventId: string): void {
    this.#entries.delete(eventId)
  }
}
