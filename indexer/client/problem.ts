import type { components } from './schema.d.ts'

export type Problem = components['schemas']['Problem'] & Readonly<Record<string, unknown>>

/** An answer that is an error: the problem document, and what a program asks of it first. */
export class IndexerProblem extends Error {
  readonly problem: Problem
  /** A row of the error catalogue, docs/errors.md; `UNREADABLE_ANSWER` when what answered is no indexer. */
  readonly code: string
  readonly status: number
  /** What to do next. */
  readonly action: string
  readonly retryable: boolean
  /** When it may be tried again, where the answer says so. */
  readonly retryAfterSeconds: number | undefined

  constructor(problem: Problem, retryAfterSeconds?: number) {
    super(problem.detail)
    this.name = 'IndexerProblem'
    this.problem = problem
    this.code = problem.code
    this.status = problem.status
    this.action = problem.action
    this.retryable = problem.retryable
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** Of an answer with status 400 or above. Reads its body. */
export async function problemOf(response: Response): Promise<IndexerProblem> {
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const problem = await readProblem(response)
  return new IndexerProblem(problem, Number.isFinite(retryAfter) ? retryAfter : undefined)
}

async function readProblem(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => undefined)
  if (isProblem(body)) return body
  return {
    type: 'about:blank',
    title: 'The answer is no problem document',
    status: response.status,
    detail: `${response.url} answered with ${response.status}`,
    code: 'UNREADABLE_ANSWER',
    action: 'Check that the address is that of an indexer, and what stands in between.',
    retryable: response.status >= 500,
  }
}

const isProblem = (body: unknown): body is Problem => {
  const { code, detail, status } = (body ?? {}) as Problem
  return typeof code === 'string' && typeof detail === 'string' && typeof status === 'number'
}
