import { CountersignError } from '../../protocol/errors.ts'

/** Of SQLite's result codes: the disk is full; reading or writing failed. */
const SQLITE_FULL = 13
const SQLITE_IOERR = 10

/** A failure of the database's disk as ours; any other error as it is. */
export function databaseFailure(cause: unknown): unknown {
  const { errcode } = cause as { errcode?: number }
  // The lower byte is the primary code.
  const code = errcode === undefined ? undefined : errcode & 0xff
  if (code === SQLITE_FULL)
    return new CountersignError('EVIDENCE_STORE_FULL', 'no room is left for the database', { cause })
  if (code === SQLITE_IOERR)
    return new CountersignError('EVIDENCE_STORE_UNAVAILABLE', 'the disk of the database failed', { cause })
  return cause
}
