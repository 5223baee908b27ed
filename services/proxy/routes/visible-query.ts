import { CountersignError } from '../../../protocol/errors.ts'
import { type Caller, hasScope } from '../api-key-scopes.ts'
import type { QueryStore, StoredQuery } from '../store/query-store.ts'

/** The query of that serial, if the caller may see it: users their own, auditors all. @throws SERIAL_UNKNOWN in either case, so that serials cannot be probed */
export function getVisibleQuery(queries: QueryStore, serial: string, caller: Caller): StoredQuery {
  const query = queries.find(serial)
  if (query === undefined || (query.apiKey !== caller.id && !hasScope(caller, 'auditor')))
    throw new CountersignError('SERIAL_UNKNOWN', `no query of serial ${serial} is known to this API key`)
  return query
}
