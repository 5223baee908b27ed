import { CountersignError } from '../../protocol/errors.ts'
import type { ClientStore } from './store/client-store.ts'

/** What one client may keep, and send at a time. */
export interface ClientLimits {
  bytes: number
  documents: number
  /** Uploads under way at once. */
  uploads: number
}

interface UnderWay {
  uploads: number
  bytes: number
}

/** Holds each client to its limits: what is kept and what is still arriving count together. */
export class Quotas {
  readonly limits: ClientLimits
  readonly #clients: ClientStore
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
    return {
      expect: (bytes) => this.#require(client, underWay.bytes + bytes, underWay.uploads),
      add: (bytes) => {
        this.#require(client, underWay.bytes + bytes, underWay.uploads)
        own += bytes
        underWay.bytes += bytes
      },
      close: () => {
        if (!isOpen) return
        isOpen = false
        underWay.bytes -= own
        underWay.uploads--
        if (underWay.uploads === 0) this.#underWay.delete(client)
      },
    }
  }

  #require(client: number, bytes: number, documents: number): void {
    const kept = this.#clients.get(client)
    if (kept.documents + documents > this.limits.documents)
      throw new CountersignError(
        'EVIDENCE_QUOTA_EXCEEDED',
        `this client may keep ${this.limits.documents} documents`,
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
  close(): void
}
