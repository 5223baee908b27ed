import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'

const FULL = new Set(['53100', '53200', '53400'])
const READ_ONLY = new Set(['25006'])
const REFUSED = new Set(['28000', '28P01', '3D000', '42501', '3F000'])
/** Classes of SQLSTATE that pass: connection, resources, intervention, rollback because of others, of the server itself. */
const PASSING = /^(08|40|53|57|58|55P03)/
const NETWORK = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT|EACCES)/
/** What the driver says itself has no code. */
const DRIVER =
  /^(Connection terminated|timeout expired|timeout exceeded|Client has encountered|Client was closed|Query read timeout|The server does not support|Cannot use a pool)/

const codeOf = (error: unknown): string => {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

const reasonOf = (error: unknown): string => {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || String(error)
}

/** The session is not what it was: somebody removed its prepared statements, or changed the columns that they give. */
const isStale = (error: unknown): boolean =>
  codeOf(error) === '26000' ||
  (codeOf(error) === '0A000' && (error as { routine?: unknown }).routine === 'RevalidateCachedQuery')

/** True when the connection is gone or must not be used again. */
export const isConnectionError = (error: unknown): boolean =>
  NETWORK.test(codeOf(error)) ||
  isStale(error) ||
  /^(08|57P)/.test(codeOf(error)) ||
  (error instanceof Error && DRIVER.test(error.message))

/** What an operator can do something about, under a code of its own; everything else as it is. */
export function toStoreError(error: unknown): unknown {
  if (isCountersignError(error)) return error
  const code = codeOf(error)
  const text = `PostgreSQL: ${reasonOf(error)}`
  const options = { cause: error }
  if (FULL.has(code)) return new CountersignError('STORE_FULL', text, options)
  if (READ_ONLY.has(code)) return new CountersignError('STORE_READ_ONLY', text, options)
  if (PASSING.test(code) || REFUSED.has(code) || isConnectionError(error))
    return new CountersignError('STORE_UNAVAILABLE', text, options)
  // A table that is not there yet, or not any more.
  if (code === '42P01') return new CountersignError('STORE_UNAVAILABLE', text, options)
  return error
}

/** While a database is opened: what is refused for good stops the start. */
export function toOpenError(error: unknown, name: string): unknown {
  if (isCountersignError(error)) return error
  if (REFUSED.has(codeOf(error)))
    return new CountersignError('INDEX_DATABASE_UNREADABLE', `${name}: ${reasonOf(error)}`, { cause: error })
  return toStoreError(error)
}
