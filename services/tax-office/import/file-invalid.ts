import { CountersignError } from '../../../protocol/errors.ts'

/** The file as a whole cannot be read, or not past a line. Names columns, never what stands in them. */
export const fileInvalid = (reason: string, cause?: unknown): CountersignError =>
  new CountersignError('PAYMENT_FILE_INVALID', reason, { cause })
