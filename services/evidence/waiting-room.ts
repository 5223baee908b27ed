import { CountersignError } from '../../protocol/errors.ts'

export interface WaitingRoomOptions {
  /** Credentials and revocations that wait for the chain. */
  count: () => number
  /** The same by client. It costs more. */
  countByClient: () => Map<number, number>
  /** So many of all clients together, and of one. */
  places: number
  clientPlaces: number
}

/** Counting the outbox costs more the fuller it is: it may take a hundredth of the time. */
const SHARE_OF_TIME = 100

/** What may wait for the chain: bounded for all clients together, and for each, so that none takes all the room. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions
  #waiting = 0
  #ofClient = new Map<number, number>()
  #nextLookAt = 0

  constructor(options: WaitingRoomOptions) {
    this.#options = options
  }

  /**
   * Lets one more of a client's in.
   * @throws NOT_READY when there is no room at all, RATE_LIMITED when there is none for this client
   */
  enter(client: number): void {
    this.#look()
    const { places, clientPlaces } = this.#options
    const own = this.#ofClient.get(client) ?? 0
    if (this.#waiting >= places)
      throw new CountersignError(
        'NOT_READY',
        `${this.#waiting} credentials wait for the chain, no more evidence is taken`,
      )
    if (own >= clientPlaces)
      throw new CountersignError(
        'RATE_LIMITED',
        `${own} credentials of this client wait for the chain, no more are taken until it has them`,
      )
    // Until the next look each counts, whatever becomes of it.
    this.#waiting++
    this.#ofClient.set(client, own + 1)
  }

  #look(): void {
    const startedAt = performance.now()
    if (startedAt < this.#nextLookAt) return
    const { count, countByClient, clientPlaces } = this.#options
    this.#waiting = count()
    // Nobody has more than all together.
    this.#ofClient = this.#waiting < clientPlaces ? new Map() : countByClient()
    const endedAt = performance.now()
    this.#nextLookAt = endedAt + SHARE_OF_TIME * (endedAt - startedAt)
  }
}
