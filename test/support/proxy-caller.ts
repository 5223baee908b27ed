import { expect } from 'chai'
import type { Problem } from '../../protocol/errors.ts'
import type { Receipt } from '../../protocol/receipt.ts'

/** A reply of the proxy. */
export interface ProxyReply<Body> {
  status: number
  headers: Headers
  text: string
  body: Body
}

export interface QueryReply {
  serial: string
  type: string
  disclosure: string
  askedAt: number
  answers: {
    provider: string
    name: string
    outcome: string
    receipt?: Receipt
    error?: { code: string; detail: string; status: number; title: string; retryable: boolean }
  }[]
}

/** Calls a proxy over HTTP with one API key. */
export class ProxyCaller {
  readonly #url: string
  readonly #authorization: string | undefined

  constructor(url: string, authorization?: string) {
    this.#url = url
    this.#authorization = authorization
  }

  async send<Body = Problem>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ProxyReply<Body>> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(this.#authorization !== undefined && { authorization: this.#authorization }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') ?? false
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : text) as Body,
    }
  }

  /** Asks about a loan; expects an answer. */
  async ask(
    changes: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ): Promise<QueryReply> {
    const reply = await this.send<QueryReply>('POST', '/v1/queries', loanQuery(changes), headers)
    expect(reply.status, reply.text).to.equal(200)
    return reply.body
  }

  /** Expects a problem document of this code; returns the reply. */
  async expectProblem(
    code: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<ProxyReply<Problem>> {
    const reply = await this.send(method, path, body, headers)
    expect(reply.body.code, reply.text).to.equal(code)
    expect(reply.status).to.equal(reply.body.status)
    expect(reply.headers.get('content-type')).to.match(/^application\/problem\+json/)
    return reply
  }
}

export const loanQuery = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'loan',
  subject: { loanId: '4711' },
  ...changes,
})
