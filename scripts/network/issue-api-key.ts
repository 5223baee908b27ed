import { createApiKey as createOfficeApiKey } from '../../services/party/api-keys/api-key.ts'
import { ApiKeyStore as OfficeApiKeyStore } from '../../services/party/api-keys/api-key-store.ts'
import { createApiKey } from '../../services/proxy/api-keys.ts'
import { ApiKeyStore } from '../../services/proxy/store/api-key-store.ts'
import { joinProxyDatabase } from '../../services/proxy/store/database.ts'
import { OFFICE_SCOPES, type OfficeScope } from '../../services/tax-office/api-key-scopes.ts'
import { joinOfficeDatabase } from '../../services/tax-office/store/database.ts'

/** Makes an API key of a user who may ask and audit, in the database of a proxy on this machine. */
export function issueApiKey(databaseFile: string, name: string): string {
  const { db, close } = joinProxyDatabase(databaseFile)
  try {
    const { id, token, secretHash } = createApiKey()
    new ApiKeyStore(db).insert({ id, name, scopes: ['user', 'auditor'], secretHash, createdAt: Date.now() })
    return token
  } finally {
    close()
  }
}

/** Makes an API key of one who may upload and print slips, in the database of a tax office on this machine. */
export function issueOfficeApiKey(databaseFile: string, name: string): string {
  const { db, close } = joinOfficeDatabase(databaseFile)
  try {
    const { id, token, secretHash } = createOfficeApiKey()
    const keys = new OfficeApiKeyStore<OfficeScope>(db)
    keys.insert({ id, name, scopes: [...OFFICE_SCOPES], secretHash, createdAt: Date.now() })
    return token
  } finally {
    close()
  }
}
