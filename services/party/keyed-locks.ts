/** Lets work on the same keys happen one after the other, and other work side by side. */
export class KeyedLocks {
  readonly #busy = new Map<string, Promise<void>>()

  /** Runs `work` while nobody else works on any of `keys`. All are taken at once, so two who wait never wait for each other. */
  async run<T>(keys: Iterable<string>, work: () => Promise<T>): Promise<T> {
    const taken = new Set(keys)
    for (let ahead = this.#ahead(taken); ahead !== undefined; ahead = this.#ahead(taken)) await ahead
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const key of taken) this.#busy.set(key, promise)
    try {
      return await work()
    } finally {
      for (const key of taken) this.#busy.delete(key)
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
