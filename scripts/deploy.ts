import { InvalidArgumentError } from 'commander'
import { type Address, toAddress } from '../protocol/hex.ts'
import { DEFAULT_ADDRESS_BOOK } from './address-book-file.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, printTable, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { readDeployerKey } from './deployer-key.ts'
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
The key comes from COUNTERSIGN_PRIVATE_KEY, or from the keystore file COUNTERSIGN_KEYSTORE with
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

await runCommand(command, async () => {
  const { rpc, addressBook, json, ...options } = command.opts<Options>()
  const deployment = await deploy({
    ...options,
    rpcUrl: rpc,
    addressBookFile: addressBook,
    privateKey: await readDeployerKey(process.env),
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
