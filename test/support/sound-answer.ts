import { expect } from 'chai'
import { type RawAnswer, rawHttp } from './raw-http.ts'
import { bytesOf, type FuzzedRequest } from './request-fuzz.ts'

const PROBLEM_MEMBERS = ['type', 'title', 'status', 'detail', 'code', 'action', 'retryable']

/**
 * Sends a request that may be garbage. The answer comes in time, blames nobody but the caller, and says what was wrong as a problem document.
 * @throws an error that shows the answer
 */
export async function soundAnswer(
  url: string,
  request: FuzzedRequest,
  timeoutMs?: number,
): Promise<RawAnswer> {
  const answer = await rawHttp(url, bytesOf(request), timeoutMs)
  const { status, headers, text } = answer
  expect(status, text.slice(0, 300)).to.be.lessThan(500)
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true
  if (request.method === 'HEAD' || isStream || status < 400) return answer
  expect(headers.get('content-type') ?? '').to.contain('application/problem+json')
  const problem = JSON.parse(text)
  expect(problem).to.include.keys(...PROBLEM_MEMBERS)
  expect(problem.status).to.equal(status)
  return answer
}
