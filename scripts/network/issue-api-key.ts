import { createApiKey } from '../../services/proxy/api-keys.ts'
import { ApiKeyStore } from '../../services/proxy/store/api-key-store.ts'
import { joinProxyDatabase } from '../../services/proxy/store/database.ts'

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
