/** Lets work on the same orders happen one after the other, and other work side by side. */
export class OrderLocks {
  readonly #busy = new Map<string, Promise<void>>()

  /** Runs `work` while nobody else works on any of `orders`. All are taken at once, so two who wait never wait for each other. */
  async run<T>(orders: Iterable<string>, work: () => Promise<T>): Promise<T> {
    const keys = new Set(orders)
    for (let ahead = this.#ahead(keys); ahead !== undefined; ahead = this.#ahead(keys)) await ahead
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const key of keys) this.#busy.set(key, promise)
    try {
      return await work()
    } finally {
      for (const key of keys) this.#busy.delete(key)
      resolve()
    }
  }

  #ahead(keys: Iterable<string>): Promise<void> | undefined {
    for (const key of keys) {
      const holder = this.#busy.get(key)
      if (holder !== undefined) return holder
    }
    return undefined
  }
}
