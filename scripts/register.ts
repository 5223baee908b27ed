import { readFile } from 'node:fs/promises'
import { Option } from 'commander'
import { parseAddressBook } from '../protocol/address-book.ts'
import { parseJson } from '../protocol/canonical-json.ts'
import { CountersignError } from '../protocol/errors.ts'
import { toAddress } from '../protocol/hex.ts'
import { ROLES, type Role } from '../protocol/roles.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, printTable } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { readDeployerKey, requireKeyForChain } from './deployer-key.ts'
import { type Registration, registerParticipants } from './registration.ts'

interface Options {
  account: string
  role: Role[]
  name: string
  endpoint: string
  queryType: string[]
  bookRole?: Role
  bookChain?: number
  addressBook: string
  json?: boolean
}

const roleNames = Object.keys(ROLES)
const command = createCommand(
  'register',
  "Enters a party in the directory of participants, or brings its entry up to date. A second run changes nothing.\nThe administrator's key comes from COUNTERSIGN_PRIVATE_KEY, or from the encrypted keystore file COUNTERSIGN_KEYSTORE with COUNTERSIGN_KEYSTORE_PASSWORD.",
)
  .requiredOption('--account <address>', "the party's account")
  .addOption(new Option('--role <role...>', 'its roles').choices(roleNames).makeOptionMandatory())
  .requiredOption('--name <text>', 'what people call it')
  .option('--endpoint <url>', 'base URL of its server', '')
  .option('--query-type <type...>', 'for a provider: the query types it answers', [])
  .addOption(
    new Option('--book-role <role>', 'the role whose records are kept on --book-chain').choices(roleNames),
  )
  .option('--book-chain <id>', 'chain id of the registry its records are kept in', Number)
  .option(
    '--address-book <file>',
    'address book that deploy wrote',
    process.env.COUNTERSIGN_ADDRESS_BOOK ?? '.countersign/address-book.json',
  )
  .option('--json', 'print one JSON document')

await runCommand(command, async () => {
  const options = command.opts<Options>()
  const addressBook = parseAddressBook(parseJson(await readText(options.addressBook)))
  const registration: Registration = {
    account: toAddress(options.account),
    roles: options.role,
    name: options.name,
    endpoint: options.endpoint,
    queryTypes: options.queryType,
    book: bookOf(options, addressBook),
  }
  const key = await readDeployerKey(process.env)
  requireKeyForChain(key, addressBook.directory.chainId)
  const [outcome] = await registerParticipants(addressBook, [registration], key)
  if (options.json) printJson({ ...registration, outcome })
  else
    printTable(
      ['account', 'name', 'roles', 'outcome'],
      [[registration.account, registration.name, registration.roles.join(', '), outcome!]],
    )
  return EXIT.consistent
})

function bookOf(
  { bookRole, bookChain }: Options,
  { chains }: ReturnType<typeof parseAddressBook>,
): Registration['book'] {
  if (bookRole === undefined && bookChain === undefined) return null
  if (bookRole === undefined || bookChain === undefined)
    throw new CountersignError('REQUEST_INVALID', '--book-role and --book-chain go together')
  const registry = chains.find(({ chainId }) => chainId === bookChain)?.contracts.QueryResultRegistry?.address
  if (registry === undefined)
    throw new CountersignError(
      'CHAIN_UNKNOWN',
      `the address book has no QueryResultRegistry on chain ${bookChain}`,
    )
  return { role: bookRole, chainId: bookChain, registry }
}

const readText = (name: string): Promise<string> =>
  readFile(name, 'utf8').catch((cause: Error) => {
    throw new CountersignError('FILE_UNREADABLE', `${name}: ${cause.message}`, { cause })
  })
