import { Option } from 'commander'
import type { AddressBook } from '../protocol/address-book.ts'
import { CountersignError } from '../protocol/errors.ts'
import type { Address } from '../protocol/hex.ts'
import { ROLES, type Role } from '../protocol/roles.ts'
import { DEFAULT_ADDRESS_BOOK, readAddressBook } from '../services/party/address-book-file.ts'
import { loadKeyOfEnvironment } from '../services/party/keys.ts'
import { address, wholeNumber } from './cli/arguments.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, printTable } from './cli/output.ts'
import { createCommand, KEY_HELP, runCommand } from './cli/run.ts'
import { type Registration, registerParticipants } from './registration.ts'

interface Options {
  account: Address
  role: Role[]
  name: string
  endpoint: string
  queryType: string[]
  bookRole?: Role
  bookChain?: number
  addressBook: string
  json?: boolean
}

const REGISTRY_OF_ROLE: Partial<Record<Role, string>> = {
  taxOffice: 'PaymentRecordRegistry',
  credentialIssuer: 'CredentialRegistry',
}

const roleNames = Object.keys(ROLES)
const command = createCommand(
  'register',
  'Enters a party in the directory of participants, or brings its entry up to date; run again, it changes nothing.\n' +
    `The directory administrator's key comes from ${KEY_HELP}`,
)
  .requiredOption('--account <address>', "the party's account", address)
  .addOption(new Option('--role <role...>', 'its roles').choices(roleNames).makeOptionMandatory())
  .requiredOption('--name <text>', 'what people call it')
  .addOption(new Option('--endpoint <url>', 'base URL of its server').default('', 'none'))
  .addOption(
    new Option('--query-type <type...>', 'for a provider: the query types it answers').default([], 'none'),
  )
  .addOption(
    new Option('--book-role <role>', 'the role whose records are kept on --book-chain').choices(roleNames),
  )
  .option(
    '--book-chain <id>',
    'chain id of the registry its records are kept in',
    wholeNumber(1, Number.MAX_SAFE_INTEGER),
  )
  .option(
    '--address-book <file>',
    'the address book that deploy wrote; COUNTERSIGN_ADDRESS_BOOK names another',
    process.env.COUNTERSIGN_ADDRESS_BOOK ?? DEFAULT_ADDRESS_BOOK,
  )
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const options = command.opts<Options>()
  const addressBook = readAddressBook(options.addressBook)
  const registration: Registration = {
    account: options.account,
    roles: options.role,
    name: options.name,
    endpoint: options.endpoint,
    queryTypes: options.queryType,
    book: bookOf(options, addressBook),
  }
  const { privateKey } = await loadKeyOfEnvironment(process.env, [addressBook.directory.chainId])
  const [outcome] = await registerParticipants(addressBook, [registration], privateKey)
  if (options.json) printJson({ ...registration, outcome })
  else
    printTable(
      ['account', 'name', 'roles', 'outcome'],
      [[registration.account, registration.name, registration.roles.join(', '), outcome!]],
    )
  return EXIT.consistent
})

function bookOf({ bookRole, bookChain }: Options, { chains }: AddressBook): Registration['book'] {
  if (bookRole === undefined && bookChain === undefined) return null
  if (bookRole === undefined || bookChain === undefined)
    return command.error('error: --book-role and --book-chain go together')
  const name = REGISTRY_OF_ROLE[bookRole] ?? 'QueryResultRegistry'
  const registry = chains.find(({ chainId }) => chainId === bookChain)?.contracts[name]?.address
  if (registry === undefined)
    throw new CountersignError('CHAIN_UNKNOWN', `the address book has no ${name} on chain ${bookChain}`)
  return { role: bookRole, chainId: bookChain, registry }
}
