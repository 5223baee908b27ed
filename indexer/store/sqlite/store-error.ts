import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'

/** Primary result codes of SQLite. */
const CODES = { busy: 5, readOnly: 8, io: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 }

const codeOf = (error: unknown): number | undefined => {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What an operator can do something about, under a code of its own; everything else as it is. */
export function toStoreError(error: unknown): unknown {
  if (isCountersignError(error)) return error
  const code = codeOf(error)
  const options = { cause: error }
  if (code === CODES.full) return new CountersignError('STORE_FULL', `SQLite: ${reasonOf(error)}`, options)
  if (code === CODES.readOnly)
    return new CountersignError('STORE_READ_ONLY', `SQLite: ${reasonOf(error)}`, options)
  if (code === CODES.busy || code === CODES.io || code === CODES.cantOpen)
    return new CountersignError('STORE_UNAVAILABLE', `SQLite: ${reasonOf(error)}`, options)
  if (code === CODES.corrupt || code === CODES.notADatabase)
    return new CountersignError('INDEX_DATABASE_UNREADABLE', `SQLite: ${reasonOf(error)}`, options)
  return error
}

/** While a database is opened: whatever goes wrong with its file is about that file. */
export function toOpenError(error: unknown, path: string): unknown {
  if (isCountersignError(error)) return error
  const { code, syscall } = error as NodeJS.ErrnoException
  const isFileError = syscall !== undefined && code !== undefined
  const sqliteCode = codeOf(error)
  if (!isFileError && sqliteCode === undefined) return error
  const text = `${path}: ${reasonOf(error)}`
  const options = { cause: error }
  if (sqliteCode === CODES.full || code === 'ENOSPC') return new CountersignError('STORE_FULL', text, options)
  if (sqliteCode === CODES.readOnly || code === 'EROFS')
    return new CountersignError('STORE_READ_ONLY', text, options)
  return new CountersignError('INDEX_DATABASE_UNREADABLE', text, options)
}
