import { ERROR_CATALOGUE, type ErrorCode } from './error-catalogue.ts'

export type { ErrorCode } from './error-catalogue.ts'

export interface ErrorOptions {
  /** What to do next, where it is more exact than the catalogue's remedy. */
  action?: string
  cause?: unknown
  /** Values a program may want; never personal data. */
  details?: Record<string, unknown>
}

/** RFC 9457 problem document. `type` is a row of `docs/errors.md`. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode
  action: string
  retryable: boolean
  [member: string]: unknown
}

/** Base of every error this project throws on purpose: what happened, where, and what to do about it. */
export class CountersignError extends Error {
  readonly code: ErrorCode
  readonly action: string
  readonly retryable: boolean
  readonly httpStatus: number
  readonly details: Record<string, unknown>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const row = ERROR_CATALOGUE[code]
    this.name = 'CountersignError'
    this.code = code
    this.action = options.action ?? row.remedy
    this.retryable = row.retryable
    this.httpStatus = row.httpStatus
    this.details = options.details ?? {}
  }
}

export const isCountersignError = (error: unknown, code?: ErrorCode): error is CountersignError =>
  error instanceof CountersignError && (code === undefined || error.code === code)

/** Turns an error into the problem document that HTTP answers carry. */
export const toProblem = (error: CountersignError): Problem => ({
  type: `https://countersign.example/errors#${error.code}`,
  title: ERROR_CATALOGUE[error.code].meaning,
  status: error.httpStatus,
  detail: error.message,
  code: error.code,
  action: error.action,
  retryable: error.retryable,
  ...error.details,
})
