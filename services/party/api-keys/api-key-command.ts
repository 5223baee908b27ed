import { existsSync } from 'node:fs'
import Table from 'cli-table3'
import { Command, Option } from 'commander'
import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import type { PartyDatabase } from '../database.ts'
import { createApiKey } from './api-key.ts'
import { ApiKeyStore, type StoredApiKey } from './api-key-store.ts'

export interface ApiKeyCommand<Scope extends string> {
  name: string
  /** Whose keys they are, as the help says it. */
  party: string
  defaultDatabase: string
  scopes: readonly [Scope, ...Scope[]]
  scopesHelp: string
  /** Opens the database beside a running server; made on first use. */
  openDatabase: (file: string) => PartyDatabase
}

/**
 * Runs the command that makes, lists and revokes a party's API keys; a key has the first of the scopes unless others are named. Its exit
 * code is 0, 1 for an error, 3 for a key that there is not.
 */
export async function runApiKeyCommand<Scope extends string>(options: ApiKeyCommand<Scope>): Promise<void> {
  try {
    await createProgram(options).parseAsync()
  } catch (error) {
    if (!isCountersignError(error)) throw error
    process.stderr.write(`${error.code}: ${error.message}\n${error.action}\n`)
    process.exitCode = error.code === 'API_KEY_UNKNOWN' ? 3 : 1
  }
}

function createProgram<Scope extends string>(options: ApiKeyCommand<Scope>): Command {
  const { name, party, defaultDatabase, scopes, scopesHelp, openDatabase } = options
  const program = new Command(name)
    .description(`Makes, lists and revokes the API keys of a ${party}, in its database; it may be running.`)
    .option('--database <file>', `the ${party}'s database`, defaultDatabase)
    .option('--json', 'print one JSON document')

  program
    .command('create')
    .description('Makes a key and prints it. It is shown this once: only its SHA-256 is kept.')
    .requiredOption('--name <name>', 'what you call its holder, at most 100 characters')
    .addOption(
      new Option('--scope <scopes...>', scopesHelp).choices(scopes).default([scopes[0]] satisfies Scope[]),
    )
    .action(({ name, scope }: { name: string; scope: Scope[] }) =>
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
        print(rows, tableOf(rows))
      }),
    )

  program
    .command('revoke')
    .description(`Revokes a key; a running ${party} refuses it from its next request on.`)
    .argument('<id>', 'the 16 characters after cs_')
    .action((id: string) =>
      withKeys((keys) => {
        if (!keys.revoke(id, Date.now()))
          throw new CountersignError('API_KEY_UNKNOWN', `there is no key ${id.slice(0, 40)} to revoke`)
        print({ id, revoked: true }, `revoked ${id}`)
      }),
    )

  function withKeys(use: (keys: ApiKeyStore<Scope>) => void, { mayBeNew = false } = {}): void {
    const { database } = program.opts<{ database: string }>()
    // A mistyped name would make an empty database and find nothing in it.
    if (!mayBeNew && !existsSync(database))
      throw new CountersignError('FILE_UNREADABLE', `there is no database at ${database}`)
    const { db, close } = openDatabase(database)
    try {
      use(new ApiKeyStore<Scope>(db))
    } finally {
      close()
    }
  }

  function print(document: object, text: string): void {
    process.stdout.write(
      `${program.opts<{ json?: boolean }>().json ? JSON.stringify(document, null, 2) : text}\n`,
    )
  }

  return program
}

const describe = ({ id, name, scopes, createdAt, revokedAt }: StoredApiKey<string>) => ({
  id,
  name,
  scopes,
  createdAt: new Date(createdAt).toISOString(),
  revokedAt: revokedAt === null ? null : new Date(revokedAt).toISOString(),
})

function tableOf(rows: readonly ReturnType<typeof describe>[]): string {
  const table = new Table({
    head: ['id', 'name', 'scopes', 'created', 'revoked'],
    style: { head: [], border: [] },
  })
  for (const { id, name, scopes, createdAt, revokedAt } of rows)
    table.push([id, name, scopes.join(' '), createdAt, revokedAt ?? ''])
  return table.toString()
}
