import { runApiKeyCommand } from '../party/api-keys/api-key-command.ts'
import { PROXY_SCOPES } from './api-key-scopes.ts'
import { readDatabaseFile } from './config.ts'
import { joinProxyDatabase } from './store/database.ts'

await runApiKeyCommand({
  name: 'api-key',
  party: 'proxy',
  defaultDatabase: readDatabaseFile(process.env),
  scopes: PROXY_SCOPES,
  scopesHelp: 'user: asks, sees its own; auditor: sees and audits all; admin: both',
  openDatabase: joinProxyDatabase,
})
