import { InvalidArgumentError } from 'commander'
import type { Address } from '../protocol/hex.ts'
import { DEFAULT_ADDRESS_BOOK } from '../services/party/address-book-file.ts'
import { loadKeyOfEnvironment } from '../services/party/keys.ts'
import { address, wholeNumber } from './cli/arguments.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, printTable, say } from './cli/output.ts'
import { createCommand, KEY_HELP, runCommand } from './cli/run.ts'
import { type Deployment, deploy } from './deployment.ts'

interface Options {
  rpc: string
  name: string
  addressBook: string
  directory?: true
  gate?: Address
  finalityDepth?: number
  reset?: true
  json?: true
}

const command = createCommand(
  'deploy',
  'Deploys the contracts that a chain lacks and enters them in the address book; run again, it changes nothing.\n' +
    `The deployer's key comes from ${KEY_HELP}`,
)
  .requiredOption('--rpc <url>', 'JSON-RPC endpoint of the chain')
  .requiredOption(
    '--name <name>',
    'what the address book calls the chain: lower-case letters, digits, hyphens',
    toName,
  )
  .option('--directory', 'deploy the directory of participants on this chain; one chain of a book has it')
  .option(
    '--gate <address>',
    'the only account whose records the registries take, for ever (default: as a registry that stands; else everybody)',
    address,
  )
  .option(
    '--finality-depth <blocks>',
    'blocks after which a block is final (default: 0 on local chains, else 64)',
    wholeNumber(0, 999_999),
  )
  .option(
    '--address-book <file>',
    'the address book; COUNTERSIGN_ADDRESS_BOOK names another',
    process.env.COUNTERSIGN_ADDRESS_BOOK ?? DEFAULT_ADDRESS_BOOK,
  )
  .option('--reset', 'forget contracts that are gone because a local chain was started anew')
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const { rpc, addressBook, json, ...options } = command.opts<Options>()
  // Held against the chain's id as soon as that is known.
  const { privateKey } = await loadKeyOfEnvironment(process.env, [])
  const deployment = await deploy({
    ...options,
    rpcUrl: rpc,
    addressBookFile: addressBook,
    privateKey,
    onProgress: say,
  })
  if (json) printJson({ addressBook, chain: deployment.chain, deployed: deployment.deployed })
  else print(deployment, addressBook)
  return EXIT.consistent
})

function print({ chain, deployed }: Deployment, addressBook: string): void {
  printTable(
    ['contract', 'address', 'start block', ''],
    Object.entries(chain.contracts).map(([name, { address, startBlock }]) => [
      name,
      address,
      startBlock,
      deployed.includes(name) ? 'deployed' : 'stood already',
    ]),
  )
  say(`${chain.name} (chain ${chain.chainId}) is in ${addressBook}`)
}

function toName(text: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(text))
    throw new InvalidArgumentError('It is not 1 to 40 lower-case letters, digits and hyphens.')
  return text
}
