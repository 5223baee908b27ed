import { existsSync } from 'node:fs'
import Table from 'cli-table3'
import { Command, Option } from 'commander'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { createApiKey } from '../party/api-keys/api-key.ts'
import { ApiKeyStore, type StoredApiKey } from '../party/api-keys/api-key-store.ts'
import { PROXY_SCOPES, type ProxyScope } from './api-key-scopes.ts'
import { readDatabaseFile } from './config.ts'
import { joinProxyDatabase } from './store/database.ts'

const program = new Command('api-key')
  .description('Makes, lists and revokes the API keys of a proxy, in its database; the proxy may be running.')
  .option('--database <file>', "the proxy's database", readDatabaseFile(process.env))
  .option('--json', 'print one JSON document')

program
  .command('create')
  .description('Makes a key and prints it. It is shown this once: only its SHA-256 is kept.')
  .requiredOption('--name <name>', 'what you call its holder, at most 100 characters')
  .addOption(
    new Option('--scope <scopes...>', 'user: asks, sees its own; auditor: sees and audits all; admin: both')
      .choices(PROXY_SCOPES)
      .default(['user'] as ProxyScope[]),
  )
  .action(({ name, scope }: { name: string; scope: ProxyScope[] }) =>
    withKeys(
      (keys) => {
        const { id, token, secretHash } = createApiKey()
        const scopes = [...new Set(scope)]
        keys.insert({ id, name: name.slice(0, 100), scopes, secretHash, createdAt: Date.now() })
        print({ id, name, scopes, token }, token)
      },
      { mayBeNew: true },
    ),
  )

program
  .command('list')
  .description('Lists the keys, revoked ones too; secrets are not kept.')
  .action(() =>
    withKeys((keys) => {
      const rows = keys.list().map(describe)
      const table = new Table({
        head: ['id', 'name', 'scopes', 'created', 'revoked'],
        style: { head: [], border: [] },
      })
      for (const { id, name, scopes, createdAt, revokedAt } of rows)
        table.push([id, name, scopes.join(' '), createdAt, revokedAt ?? ''])
      print(rows, table.toString())
    }),
  )

program
  .command('revoke')
  .description('Revokes a key; a running proxy refuses it from its next request on.')
  .argument('<id>', 'the 16 characters after cs_')
  .action((id: string) =>
    withKeys((keys) => {
      if (!keys.revoke(id, Date.now()))
        throw new CountersignError('API_KEY_UNKNOWN', `there is no key ${id.slice(0, 40)} to revoke`)
      print({ id, revoked: true }, `revoked ${id}`)
    }),
  )

try {
  await program.parseAsync()
} catch (error) {
  if (!isCountersignError(error)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n${error.action}\n`)
  process.exitCode = error.code === 'API_KEY_UNKNOWN' ? 3 : 1
}

function withKeys(use: (keys: ApiKeyStore<ProxyScope>) => void, { mayBeNew = false } = {}): void {
  const { database } = program.opts<{ database: string }>()
  // A mistyped name would make an empty database and find nothing in it.
  if (!mayBeNew && !existsSync(database))
    throw new CountersignError('FILE_UNREADABLE', `there is no database at ${database}`)
  const { db, close } = joinProxyDatabase(database)
  try {
    use(new ApiKeyStore(db))
  } finally {
    close()
  }
}

function describe({ id, name, scopes, createdAt, revokedAt }: StoredApiKey<ProxyScope>) {
  return {
    id,
    name,
    scopes,
    createdAt: new Date(createdAt).toISOString(),
    revokedAt: revokedAt === null ? null : new Date(revokedAt).toISOString(),
  }
}

function print(document: object, text: string): void {
  process.stdout.write(
    `${program.opts<{ json?: boolean }>().json ? JSON.stringify(document, null, 2) : text}\n`,
  )
}
