import { runApiKeyCommand } from '../party/api-keys/api-key-command.ts'
import { EVIDENCE_SCOPES } from './api-key-scopes.ts'
import { readDatabaseFile } from './config.ts'
import { joinEvidenceDatabase } from './store/database.ts'

await runApiKeyCommand({
  name: 'evidence-api-key',
  party: 'evidence server',
  defaultDatabase: readDatabaseFile(process.env),
  scopes: EVIDENCE_SCOPES,
  scopesHelp:
    'store: hands evidence in; read: gets it back; verify: has it checked; revoke: revokes and erases. Keys of one name are one client',
  openDatabase: joinEvidenceDatabase,
})
