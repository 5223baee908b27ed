import { CountersignError } from '../../protocol/errors.ts'
import type { StoredApiKey } from '../party/api-keys/api-key-store.ts'

/** `user`: asks, and sees what it asked; `auditor`: sees and audits everything; `admin`: both. */
export const PROXY_SCOPES = ['user', 'auditor', 'admin'] as const
export type ProxyScope = (typeof PROXY_SCOPES)[number]

/** Who sent a request. */
export type Caller = Pick<StoredApiKey<ProxyScope>, 'id' | 'scopes'>

/** True when the caller has the scope; `admin` has them all. */
export const hasScope = ({ scopes }: Caller, wanted: ProxyScope): boolean =>
  scopes.includes('admin') || scopes.includes(wanted)

/** @throws SCOPE_MISSING */
export function requireScope(caller: Caller, wanted: ProxyScope): void {
  if (!hasScope(caller, wanted))
    throw new CountersignError('SCOPE_MISSING', `this needs an API key with the scope ${wanted}`)
}
