import { CountersignError } from '../../protocol/errors.ts'
import type { ClientStore } from './store/client-store.ts'

/** What one client may keep, and send at a time. */
export interface ClientLimits {
  bytes: number
  documents: number
  /** Handed in on one day (UTC), erased ones too: each costs gas, and a row for good. */
  documentsADay: number
  /** Uploads under way at once. */
  uploads: number
}

interface UnderWay {
  uploads: number
  bytes: number
}

/** Documents of one client on one day. */
interface HandedIn {
  /** Days since 1970. */
  day: number
  documents: number
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Holds each client to its limits: what is kept and what is still arriving count together. */
export class Quotas {
  readonly limits: ClientLimits
  readonly #clients: ClientStore
  readonly #handedIn = new Map<number, HandedIn>()
  readonly #underWay = new Map<number, UnderWay>()

  constructor(clients: ClientStore, limits: ClientLimits) {
    this.#clients = clients
    this.limits = limits
  }

  /**
   * Takes part in the quota while an upload is under way. `close` it at the end.
   * @throws EVIDENCE_QUOTA_EXCEEDED when not even an empty document fits, RATE_LIMITED with too many uploads at once
   */
  open(client: number): UploadQuota {
    const underWay = this.#underWay.get(client) ?? { uploads: 0, bytes: 0 }
    if (underWay.uploads >= this.limits.uploads)
      throw new CountersignError(
        'RATE_LIMITED',
        `${underWay.uploads} uploads of this client are under way, no more are taken at once`,
      )
    this.#require(client, underWay.bytes, underWay.uploads + 1)
    underWay.uploads++
    this.#underWay.set(client, underWay)
    let own = 0
    let isOpen = true
    const close = () => {
      if (!isOpen) return
      isOpen = false
      underWay.bytes -= own
      underWay.uploads--
      if (underWay.uploads === 0) this.#underWay.delete(client)
    }
    return {
      expect: (bytes) => this.#require(client, underWay.bytes + bytes, underWay.uploads),
      add: (bytes) => {
        this.#require(client, underWay.bytes + bytes, underWay.uploads)
        own += bytes
        underWay.bytes += bytes
      },
      kept: () => {
        this.#handedInToday(client).documents++
        close()
      },
      close,
    }
  }

  /** Documents that a client handed in today (UTC). */
  handedInToday(client: number): number {
    return this.#handedInToday(client).documents
  }

  #handedInToday(client: number): HandedIn {
    const day = Math.floor(Date.now() / DAY_MS)
    let known = this.#handedIn.get(client)
    if (known === undefined) {
      const documents = this.#clients.handedInSince(client, day * DAY_MS, this.limits.documentsADay)
      known = { day, documents }
      this.#handedIn.set(client, known)
    }
    if (known.day !== day) Object.assign(known, { day, documents: 0 })
    return known
  }

  #require(client: number, bytes: number, documents: number): void {
    const kept = this.#clients.get(client)
    if (kept.documents + documents > this.limits.documents)
      throw new CountersignError(
        'EVIDENCE_QUOTA_EXCEEDED',
        `this client may keep ${this.limits.documents} documents`,
      )
    if (this.handedInToday(client) + documents > this.limits.documentsADay)
      throw new CountersignError(
        'EVIDENCE_QUOTA_EXCEEDED',
        `this client may hand in ${this.limits.documentsADay} documents a day`,
      )
    if (kept.bytes + bytes > this.limits.bytes)
      throw new CountersignError('EVIDENCE_QUOTA_EXCEEDED', `this client may keep ${this.limits.bytes} bytes`)
  }
}

export interface UploadQuota {
  /** Whether so many bytes would fit now. @throws EVIDENCE_QUOTA_EXCEEDED */
  expect(bytes: number): void
  /** Bytes that came. @throws EVIDENCE_QUOTA_EXCEEDED */
  add(bytes: number): void
  /** Inside the transaction that keeps it: from then on it counts as kept. */
  kept(): void
  close(): void
}
