import { EVIDENCE_SCOPES, type EvidenceScope } from '../../services/evidence/api-key-scopes.ts'
import { joinEvidenceDatabase } from '../../services/evidence/store/database.ts'
import { createApiKey } from '../../services/party/api-keys/api-key.ts'
import { ApiKeyStore } from '../../services/party/api-keys/api-key-store.ts'
import type { PartyDatabase } from '../../services/party/database.ts'
import type { ProxyScope } from '../../services/proxy/api-key-scopes.ts'
import { joinProxyDatabase } from '../../services/proxy/store/database.ts'
import { OFFICE_SCOPES, type OfficeScope } from '../../services/tax-office/api-key-scopes.ts'
import { joinOfficeDatabase } from '../../services/tax-office/store/database.ts'

/** Makes an API key of a user who may ask and audit, in the database of a proxy on this machine. */
export const issueApiKey = (databaseFile: string, name: string): string =>
  issue<ProxyScope>(joinProxyDatabase(databaseFile), name, ['user', 'auditor'])

/** Makes an API key of one who may upload and print slips, in the database of a tax office on this machine. */
export const issueOfficeApiKey = (databaseFile: string, name: string): string =>
  issue<OfficeScope>(joinOfficeDatabase(databaseFile), name, [...OFFICE_SCOPES])

/** Makes an API key of one who may store, read, verify and revoke, in the database of an evidence server on this machine. */
export const issueEvidenceApiKey = (databaseFile: string, name: string): string =>
  issue<EvidenceScope>(joinEvidenceDatabase(databaseFile), name, [...EVIDENCE_SCOPES])

function issue<Scope extends string>({ db, close }: PartyDatabase, name: string, scopes: Scope[]): string {
  try {
    const { id, token, secretHash } = createApiKey()
    new ApiKeyStore<Scope>(db).insert({ id, name, scopes, secretHash, createdAt: Date.now() })
    return token
  } finally {
    close()
  }
}
