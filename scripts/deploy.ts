import { InvalidArgumentError } from 'commander'
import { type Address, toAddress } from '../protocol/hex.ts'
import { DEFAULT_ADDRESS_BOOK } from '../services/party/address-book-file.ts'
import { loadKeyOfEnvironment } from '../services/party/keys.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, printTable, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
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
  `Deploys the contracts that a chain lacks and enters them in the address book; run again, it changes nothing.
The key comes from COUNTERSIGN_PRIVATE_KEY, or from the keystore file COUNTERSIGN_KEYSTORE_FILE with
COUNTERSIGN_KEYSTORE_PASSWORD.`,
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
    'the only account whose records the registry takes, for ever (default: everybody)',
    toGate,
  )
  .option(
    '--finality-depth <blocks>',
    'blocks after which a block is final (default: 0 on local chains, else 64)',
    toDepth,
  )
  .option(
    '--address-book <file>',
    'the address book',
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
    throw new InvalidArgumentError('1 to 40 lower-case letters, digits and hyphens')
  return text
}

function toGate(text: string): Address {
  try {
    return toAddress(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function toDepth(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('a number of blocks')
  return Number(text)
}
