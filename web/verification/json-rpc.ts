import { CountersignError } from '../../protocol/errors.ts'
import type { RpcRequest } from '../../protocol/payments/payment-chain-reader.ts'

const TIMEOUT_MS = 10_000
const REVERTED = 3
/** Of JSON-RPC and of nodes: there is no such method, parameter or block. Anything else says nothing about the question. */
const NOT_SUPPORTED: readonly unknown[] = [-32_601, -32_602, -32_000, -39_001]
const MAX_ANSWER_BYTES = 8 * 1024 * 1024

/**
 * Asks a node over HTTP, with nothing of the browser's in the request but what is asked.
 * @throws CHAIN_UNREACHABLE, with `isNotSupported` in its details where the node answers that it does not know what is asked, and
 * CHAIN_CONTRADICTS for a call that its contract reverts
 */
export const jsonRpcOver =
  (url: string): RpcRequest =>
  async (method, params) => {
    let answer: { result?: unknown; error?: { code?: unknown; message?: unknown } }
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        redirect: 'error',
      })
      answer = JSON.parse(await textOf(response))
    } catch (cause) {
      throw unreachable(`${method} has no answer`, cause)
    }
    // As nodes say that a call was refused by the contract that was called: it is none of ours.
    if (method === 'eth_call' && answer?.error?.code === REVERTED)
      throw new CountersignError('CHAIN_CONTRADICTS', 'the contract asked refuses the question')
    if (typeof answer !== 'object' || answer === null || answer.result === undefined)
      throw unreachable(
        `${method}: ${String(answer?.error?.message ?? 'no result').slice(0, 200)}`,
        undefined,
        {
          isNotSupported: NOT_SUPPORTED.includes(answer?.error?.code),
        },
      )
    return answer.result
  }

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array<ArrayBuffer>>) {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return new Blob(chunks).text()
}

const unreachable = (
  message: string,
  cause?: unknown,
  details: Record<string, unknown> = {},
): CountersignError => new CountersignError('CHAIN_UNREACHABLE', message, { cause, details })
