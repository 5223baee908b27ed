/** So many at a time for each client: downloads, or requests that wait. */
export class ClientPlaces {
  readonly #limit: number
  readonly #taken = new Map<number, number>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Takes a place; undefined when none is left. What is returned gives it back, once. */
  take(client: number): (() => void) | undefined {
    const taken = this.#taken.get(client) ?? 0
    if (taken >= this.#limit) return undefined
    this.#taken.set(client, taken + 1)
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      const left = this.#taken.get(client)! - 1
      if (left === 0) this.#taken.delete(client)
      else this.#taken.set(client, left)
    }
  }
}
