import { CountersignError } from '../../protocol/errors.ts'
import type { Address, Bytes32 } from '../../protocol/hex.ts'
import { problemOf } from './problem-of.ts'

export interface PaymentOutcome {
  outcome: 'queued' | 'duplicate' | 'refused'
  orderKey?: Bytes32
  version?: number
  digest?: Bytes32
  /** Of a refusal. */
  code?: string
  detail?: string
  member?: string
}

export interface UploadState {
  office: Address
  chainId: number
  registry: Address
  tier: string
  /** Kept by the office in all. */
  payments: number
  queued: number
  sent: number
  onChain: number
  final: number
  conflict: number
  isChainUsable: boolean
}

export interface Slip {
  orderId: string
  orderKey?: Bytes32
  lookupCode?: string
  url?: string
  /** Of the error, where there is no slip. */
  code?: string
}

const TIMEOUT_MS = 60_000

/** Asks a tax office's server. Every call throws the problem it answered, or TAX_OFFICE_UNREACHABLE. */
export class TaxOfficeClient {
  readonly #url: string
  readonly #apiKey: string

  constructor(url: string, apiKey: string) {
    this.#url = url
    this.#apiKey = apiKey
  }

  /** @param payments up to 1,000 @returns one outcome for each, in their order */
  async upload(payments: readonly object[]): Promise<PaymentOutcome[]> {
    const { outcomes } = await this.#send<{ outcomes: PaymentOutcome[] }>('/v1/payment-batches', { payments })
    return outcomes
  }

  pay(payment: object): Promise<PaymentOutcome> {
    return this.#send('/v1/payments', payment)
  }

  uploads(): Promise<UploadState> {
    return this.#send('/v1/uploads')
  }

  order(orderKey: Bytes32): Promise<{ orderId: string; versions: Record<string, unknown>[] }> {
    return this.#send(`/v1/payments/${orderKey}`)
  }

  /** @param orderIds up to 500 */
  async slips(orderIds: readonly string[]): Promise<Slip[]> {
    return (await this.#send<{ slips: Slip[] }>('/v1/slips', { orderIds })).slips
  }

  async #send<T>(path: string, body?: object): Promise<T> {
    let status: number
    let text: string
    try {
      const response = await fetch(new URL(path, this.#url), {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          authorization: `Bearer ${this.#apiKey}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body && { body: JSON.stringify(body) }),
      })
      status = response.status
      text = await response.text()
    } catch (cause) {
      throw new CountersignError('TAX_OFFICE_UNREACHABLE', `no tax office answers at ${this.#url}`, { cause })
    }
    if (status !== 200) throw problemOf(status, text, 'TAX_OFFICE_UNREACHABLE')
    return JSON.parse(text) as T
  }
}
