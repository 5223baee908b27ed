import { runApiKeyCommand } from '../party/api-keys/api-key-command.ts'
import { OFFICE_SCOPES } from './api-key-scopes.ts'
import { readDatabaseFile } from './config.ts'
import { joinOfficeDatabase } from './store/database.ts'

await runApiKeyCommand({
  name: 'office-api-key',
  party: 'tax office',
  defaultDatabase: readDatabaseFile(process.env),
  scopes: OFFICE_SCOPES,
  scopesHelp: 'upload: hands payments in and sees their state; slips: gets lookup codes',
  openDatabase: joinOfficeDatabase,
})
