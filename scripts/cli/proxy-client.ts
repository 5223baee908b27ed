import { CountersignError } from '../../protocol/errors.ts'
import type { Receipt } from '../../protocol/receipt.ts'
import { problemOf } from './problem-of.ts'

export interface QueryAnswer {
  provider: string
  name: string
  outcome: 'answered' | 'refused' | 'timed-out' | 'unreachable' | 'invalid'
  receipt?: Receipt
  error?: { code: string; detail: string }
}
export interface QueryReply {
  serial: string
  type: string
  askedAt: number
  answers: QueryAnswer[]
}
export interface QueryRequest {
  type: string
  subject: string
  parameters?: Record<string, unknown>
  providers?: string[]
  disclosure?: 'result' | 'digest'
}
export interface CampaignRequest {
  provider: string
  from?: string
  to?: string
  sampleSize: number
  confidence?: number
}

const TIMEOUT_MS = 60_000

/** Asks a proxy as a user does. Every call throws the problem the proxy answered, or PROXY_UNREACHABLE. */
export class ProxyClient {
  readonly #url: string
  readonly #apiKey: string

  constructor(url: string, apiKey: string) {
    this.#url = url
    this.#apiKey = apiKey
  }

  /** @param idempotencyKey asking again under the same key asks nobody twice */
  async query(request: QueryRequest, idempotencyKey?: string): Promise<QueryReply> {
    return JSON.parse(await this.#send('POST', '/v1/queries', request, idempotencyKey))
  }

  /** The bytes of the signed audit report. */
  audit(serial: string, provider: string): Promise<string> {
    return this.#send('POST', '/v1/audits', { serial, provider })
  }

  /** The bytes of the receipt, with its proof once it is on chain. */
  receipt(serial: string, provider: string): Promise<string> {
    return this.#send('GET', `/v1/receipts/${serial}/${provider}`)
  }

  async stored(serial: string): Promise<QueryReply> {
    return JSON.parse(await this.#send('GET', `/v1/queries/${encodeURIComponent(serial)}`))
  }

  async startCampaign(request: CampaignRequest): Promise<{ id: string }> {
    return JSON.parse(await this.#send('POST', '/v1/audit-campaigns', request))
  }

  async campaign(id: string): Promise<Record<string, unknown>> {
    return JSON.parse(await this.#send('GET', `/v1/audit-campaigns/${id}`))
  }

  async #send(method: string, path: string, body?: object, idempotencyKey?: string): Promise<string> {
    let response: Response
    try {
      response = await fetch(new URL(path, this.#url), {
        method,
        headers: {
          authorization: `Bearer ${this.#apiKey}`,
          ...(body && { 'content-type': 'application/json' }),
          ...(idempotencyKey && { 'idempotency-key': idempotencyKey }),
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body && { body: JSON.stringify(body) }),
      })
    } catch (cause) {
      throw new CountersignError('PROXY_UNREACHABLE', `no proxy answers at ${this.#url}`, { cause })
    }
    const text = await response.text()
    if (!response.ok) throw problemOf(response.status, text, 'PROXY_UNREACHABLE')
    return text
  }
}
