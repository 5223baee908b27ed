import { AssertionError, expect } from 'chai'
import { CountersignError, type ErrorCode } from '../../protocol/errors.ts'

/** Runs `action` and returns the error of this code that it throws; fails on any other outcome. */
export function expectError(action: () => unknown, code: ErrorCode): CountersignError {
  let value: unknown
  try {
    value = action()
  } catch (error) {
    return withCode(ours(error), code)
  }
  throw notRefused(value)
}

/** As {@link expectError}, for a promise. */
export const expectRejection = async (
  promise: Promise<unknown>,
  code: ErrorCode,
): Promise<CountersignError> => withCode(await refusal(() => promise), code)

/** The project's error that `action` throws or rejects with, whatever its code; any other end of it fails the test. */
export async function refusal(action: () => unknown): Promise<CountersignError> {
  let value: unknown
  try {
    value = await action()
  } catch (error) {
    return ours(error)
  }
  throw notRefused(value)
}

function ours(error: unknown): CountersignError {
  if (error instanceof CountersignError) return error
  throw error
}

function withCode(error: CountersignError, code: ErrorCode): CountersignError {
  expect(error.code, error.message).to.equal(code)
  return error
}

const notRefused = (value: unknown): Error =>
  new AssertionError(`expected a refusal, got ${JSON.stringify(value)?.slice(0, 200)}`)
