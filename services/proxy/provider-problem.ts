import type { CountersignError, Problem } from '../../protocol/errors.ts'
import { toProblem } from '../../protocol/errors.ts'
import type { ProviderReply } from './provider-client.ts'

/** Why an entry has no answer: a problem document cut down to what is known to be harmless. */
export interface EntryProblem {
  title: string
  status: number
  detail: string
  code: string
  retryable: boolean
}

const MAX_TEXT = 300
const CODE = /^[A-Z][A-Z0-9_]{0,59}$/

/** The problem that a provider refused with, bounded; undefined when its reply is none. Members we do not know are left out. */
export function refusalOf({ status, body }: ProviderReply): EntryProblem | undefined {
  if (status < 400 || typeof body !== 'object' || body === null) return undefined
  const problem = body as Partial<Problem>
  if (typeof problem.code !== 'string' || !CODE.test(problem.code)) return undefined
  return {
    title: textOf(problem.title),
    status,
    detail: textOf(problem.detail),
    code: problem.code,
    retryable: problem.retryable === true,
  }
}

/** Our own reason why there is no answer. */
export function entryProblemOf(error: CountersignError): EntryProblem {
  const { title, status, detail, code, retryable } = toProblem(error)
  return { title, status, detail: detail.slice(0, MAX_TEXT), code, retryable }
}

/** Control characters would let a provider write into a terminal. */
const textOf = (value: unknown): string =>
  typeof value === 'string'
    ? value
        .slice(0, MAX_TEXT)
        .toWellFormed()
        .replace(/\p{Cc}/gu, ' ')
    : ''
