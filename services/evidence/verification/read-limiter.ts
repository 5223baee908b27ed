import { CountersignError } from '../../../protocol/errors.ts'

export interface ReadLimits {
  /** Contents read at a time. Default 4. */
  total?: number
  /** Of one client. Default 2. */
  perClient?: number
  /** Requests of one client that may wait. Default 32. */
  waitingPerClient?: number
}

interface Waiting {
  client: number
  start: () => void
}

/** Bounds how many contents are read at a time, so that no client keeps the others from theirs. */
export class ReadLimiter {
  readonly #total: number
  readonly #perClient: number
  readonly #waitingPerClient: number
  readonly #queue: Waiting[] = []
  readonly #running = new Map<number, number>()
  #runningTotal = 0

  constructor({ total = 4, perClient = 2, waitingPerClient = 32 }: ReadLimits = {}) {
    this.#total = total
    this.#perClient = perClient
    this.#waitingPerClient = waitingPerClient
  }

  /** Runs `work` when it is its turn. @throws RATE_LIMITED when the client has too many waiting; the signal's reason when it goes */
  async run<T>(client: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#queue.filter((waiting) => waiting.client === client).length >= this.#waitingPerClient)
      throw new CountersignError(
        'RATE_LIMITED',
        `${this.#waitingPerClient} requests of this client wait already`,
        { action: 'Wait for those that are under way.' },
      )
    await this.#turn(client, signal)
    try {
      return await work()
    } finally {
      this.#count(client, -1)
      this.#next()
    }
  }

  async #turn(client: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#isFree(client)) return this.#count(client, 1)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { client, start: resolve }
    const leave = (): void => {
      const place = this.#queue.indexOf(waiting)
      // Once it has its turn it is no longer in the queue, and ends by itself.
      if (place === -1) return
      this.#queue.splice(place, 1)
      reject(signal.reason)
    }
    this.#queue.push(waiting)
    signal.addEventListener('abort', leave, { once: true })
    await promise.finally(() => signal.removeEventListener('abort', leave))
  }

  #isFree(client: number): boolean {
    return this.#runningTotal < this.#total && (this.#running.get(client) ?? 0) < this.#perClient
  }

  #next(): void {
    for (let place = 0; place < this.#queue.length; ) {
      const { client, start } = this.#queue[place]!
      if (this.#runningTotal >= this.#total) return
      if (!this.#isFree(client)) {
        place++
        continue
      }
      this.#queue.splice(place, 1)
      this.#count(client, 1)
      start()
    }
  }

  #count(client: number, change: 1 | -1): void {
    this.#runningTotal += change
    const running = (this.#running.get(client) ?? 0) + change
    if (running === 0) this.#running.delete(client)
    else this.#running.set(client, running)
  }
}
