import { expect } from 'chai'
import { CountersignError, type ErrorCode } from '../../protocol/errors.ts'

/** Runs `action` and returns the error of this code that it throws; fails on any other outcome. */
export function expectError(action: () => unknown, code: ErrorCode): CountersignError {
  try {
    action()
  } catch (error) {
    return checked(error, code)
  }
  throw new Error(`nothing was thrown, expected ${code}`)
}

/** As {@link expectError}, for a promise. */
export async function expectRejection(promise: Promise<unknown>, code: ErrorCode): Promise<CountersignError> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return checked(error, code)
  }
  throw new Error(`resolved to ${JSON.stringify(value)?.slice(0, 200)}, expected ${code}`)
}

function checked(error: unknown, code: ErrorCode): CountersignError {
  if (!(error instanceof CountersignError)) throw error
  expect(error.code, error.message).to.equal(code)
  return error
}
