import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RpcResponse } from './fault-answers.ts'
import { LIMIT_DIALECTS } from './fault-dialects.ts'
import type { FaultDecisions } from './fault-plan.ts'

const HTTP_FAULTS = [
  'connection-cut',
  'time-out',
  'http-429',
  'http-429-retry-after',
  'http-5xx',
  'malformed-json',
] as const

/** The faults that strike a request as a whole. True when it is dealt with. */
export async function failWhole(
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  decisions: FaultDecisions,
  holdMs: number,
): Promise<boolean> {
  const name = HTTP_FAULTS.find((fault) => decisions.strikes(fault, key) !== undefined)
  switch (name) {
    case undefined:
      return false
    case 'connection-cut':
      request.socket.destroy()
      return true
    case 'time-out':
      setTimeout(() => request.socket.destroy(), holdMs).unref()
      return true
    case 'http-429':
      sendText(response, 429, 'Too Many Requests')
      return true
    case 'http-429-retry-after':
      response.setHeader('retry-after', '1')
      sendText(
        response,
        429,
        '{"jsonrpc":"2.0","id":null,"error":{"code":429,"message":"rate limit exceeded"}}',
      )
      return true
    case 'http-5xx':
      sendText(
        response,
        [500, 502, 503, 504][Math.floor(decisions.variant(name, key) * 4)]!,
        '<html><body>Bad Gateway</body></html>',
      )
      return true
    case 'malformed-json':
      sendText(response, 200, '{"jsonrpc":"2.0","id":1,"result":[{"address":')
      return true
  }
}

export function spoilBatch(answers: RpcResponse[], key: string, decisions: FaultDecisions): RpcResponse[] {
  if (decisions.strikes('batch-incomplete', key) !== undefined)
    return answers.toSpliced(Math.floor(decisions.variant('batch-incomplete', key) * answers.length), 1)
  return decisions.strikes('batch-shuffled', key) === undefined ? answers : answers.toReversed()
}

/** Some services say with the HTTP status too that a range is too large. */
export function statusOf(answer: RpcResponse, decisions: FaultDecisions): number {
  if (answer.error === undefined) return 200
  for (const { dialect } of decisions.planned('range-too-large')) {
    const { error, status } = LIMIT_DIALECTS[dialect ?? 0]!
    if (error(1, 1, 2).code === answer.error.code) return status ?? 200
  }
  return 200
}

export const send = (response: ServerResponse, status: number, value: unknown): void =>
  sendText(response, status, JSON.stringify(value))

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(text)
}
