import { Command, InvalidArgumentError } from 'commander'
import { blockReceipts } from './block-receipts.ts'
import { setChainClock } from './chain-clock.ts'
import { hardhatEnvironment } from './hardhat-environment.ts'

const program = new Command('local-chain')
  .description(
    'Runs one of the simulated networks of hardhat.config.ts as a JSON-RPC server, in the foreground.',
  )
  .option('--network <name>', 'network of hardhat.config.ts', 'lenders')
  .option('--port <number>', 'TCP port; 0 picks a free one', toPort, 8545)
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .parse()

const { network, port, host } = program.opts<{ network: string; port: number; host: string }>()
try {
  await listen()
} catch (error) {
  console.error(`local-chain: ${(error as Error).message}`)
  process.exit(1)
}

async function listen(): Promise<void> {
  const hardhat = await hardhatEnvironment()
  const simulated = Object.keys(hardhat.config.networks).filter(
    (name) => hardhat.config.networks[name]?.type === 'edr-simulated',
  )
  if (!simulated.includes(network))
    throw new Error(`no simulated network "${network}"; there are ${simulated.join(', ')}`)

  hardhat.hooks.registerHandlers('network', blockReceipts)
  const server = await hardhat.network.createServer(
    { network, override: { initialDate: new Date(Date.now() - 5_000) } },
    host,
    port,
  )
  const listening = await server.listen()
  const url = `http://${listening.address}:${listening.port}`
  await setChainClock(url)
  const chainId = hardhat.config.networks[network]!.chainId
  console.log(`${network} (chain ${chainId}) listens on ${url}`)

  const stop = async () => {
    // Connections kept alive by clients would hold the server open.
    setTimeout(() => process.exit(0), 500)
    await server.close()
    process.exit(0)
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

function toPort(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 65535)
    throw new InvalidArgumentError('a port is 0 to 65535')
  return value
}
