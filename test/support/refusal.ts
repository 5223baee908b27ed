import { AssertionError } from 'chai'
import { CountersignError } from '../../protocol/errors.ts'

/** The project's error that `action` throws or rejects with; any other end of it fails the test. */
export async function refusal(action: () => unknown): Promise<CountersignError> {
  let returned: unknown
  try {
    returned = await action()
  } catch (error) {
    if (error instanceof CountersignError) return error
    throw error
  }
  throw new AssertionError(`expected a refusal, got ${JSON.stringify(returned)}`)
}
