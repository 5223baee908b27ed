import { CountersignError } from '../../../protocol/errors.ts'

export interface ReadLimits {
  /** Contents read at a time. Default 4. */
  total?: number
  /** Of one client. Default 2. */
  perClient?: number
  /** Requests of one client that may wait. Default 32. */
  waitingPerClient?: number
}

/** Bounds how many contents are read at a time, and has clients take turns, so that none keeps the others from theirs. */
export class ReadLimiter {
  readonly #total: number
  readonly #perClient: number
  readonly #waitingPerClient: number
  /** What waits, by client; the client whose turn was longest ago comes first. */
  readonly #queues = new Map<number, (() => void)[]>()
  readonly #running = new Map<number, number>()
  #runningTotal = 0

  constructor({ total = 4, perClient = 2, waitingPerClient = 32 }: ReadLimits = {}) {
    this.#total = total
    this.#perClient = perClient
    this.#waitingPerClient = waitingPerClient
  }

  /** Runs `work` when it is its turn. @throws RATE_LIMITED when the client has too many waiting; the signal's reason when it goes */
  async run<T>(client: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if ((this.#queues.get(client)?.length ?? 0) >= this.#waitingPerClient)
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
    const leave = (): void => {
      const queue = this.#queues.get(client) ?? []
      const place = queue.indexOf(resolve)
      // Once it has its turn it is no longer in the queue, and ends by itself.
      if (place === -1) return
      queue.splice(place, 1)
      if (queue.length === 0) this.#queues.delete(client)
      reject(signal.reason)
    }
    const queue = this.#queues.get(client)
    if (queue === undefined) this.#queues.set(client, [resolve])
    else queue.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    await promise.finally(() => signal.removeEventListener('abort', leave))
  }

  #isFree(client: number): boolean {
    return this.#runningTotal < this.#total && (this.#running.get(client) ?? 0) < this.#perClient
  }

  /** What ends makes room for one. */
  #next(): void {
    for (const [client, queue] of this.#queues) {
      if (!this.#isFree(client)) continue
      const start = queue.shift()!
      this.#queues.delete(client)
      if (queue.length > 0) this.#queues.set(client, queue)
      this.#count(client, 1)
      start()
      return
    }
  }

  #count(client: number, change: 1 | -1): void {
    this.#runningTotal += change
    const running = (this.#running.get(client) ?? 0) + change
    if (running === 0) this.#running.delete(client)
    else this.#running.set(client, running)
  }
}
