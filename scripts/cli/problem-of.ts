import { ERROR_CATALOGUE } from '../../protocol/error-catalogue.ts'
import { CountersignError, type ErrorCode, type Problem } from '../../protocol/errors.ts'

/** A server's own error, as an error here. @param otherwise the error when something else answers there */
export function problemOf(status: number, text: string, otherwise: ErrorCode): CountersignError {
  let problem: Partial<Problem> = {}
  try {
    problem = JSON.parse(text)
  } catch {
    // Not a problem document: something else than the server meant answers there.
  }
  const { code, detail, action } = problem
  if (code !== undefined && Object.hasOwn(ERROR_CATALOGUE, code))
    return new CountersignError(code as ErrorCode, detail ?? '', action === undefined ? {} : { action })
  return new CountersignError(otherwise, `HTTP status ${status} and no problem document`)
}
