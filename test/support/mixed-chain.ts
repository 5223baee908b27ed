import { Interface } from 'ethers'
import { PARTICIPANT_DIRECTORY_ABI } from '../../protocol/abi/participant-directory.ts'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import { type Address, keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'
import type { AnvilChain } from './anvil.ts'
import type { DeployedContracts } from './contracts.ts'
import type { Random } from './fault-random.ts'

const registry = new Interface([...QUERY_RESULT_REGISTRY_ABI])
const directory = new Interface([...PARTICIPANT_DIRECTORY_ABI])

/** A log with where it stands and whose it is: its author, or the directory. */
export interface PlacedLog {
  blockNumber: number
  logIndex: number
  owner: string
}

export interface MixedChain {
  head: number
  logs: PlacedLog[]
  /** Accounts that write; the first half of them are in the directory, with their book. */
  authors: string[]
}

/**
 * Fills a chain with events of every kind by several authors, some of them in the directory, most not, over blocks that
 * have none, one, or many of them. What is written follows from `random`.
 */
export async function fillMixed(
  { request, chainId }: AnvilChain,
  contracts: DeployedContracts,
  random: Random,
  blocks: number,
): Promise<MixedChain> {
  const accounts = await request<string[]>('eth_accounts')
  const [administrator, ...authors] = accounts as [string, ...string[]]
  await request('evm_setAutomine', [false])
  const send = (from: string, to: Address, data: string) =>
    request('eth_sendTransaction', [{ from, to, data, gas: '0x1e8480' }])
  let made = 0
  const word = (what: string) => keccak256Hex(utf8ToBytes(`${what} ${made++}`))
  const entries = (count: number) =>
    Array.from({ length: count }, () => ({ key: random.hex(32), digest: random.hex(32) }))
  const write = (author: string) => {
    const count = random.integer(1, 5)
    const tier = random.integer(0, 9)
    const [first] = entries(1)
    if (tier < 4) return registry.encodeFunctionData('record', [first!.key, first!.digest])
    if (tier < 7) return registry.encodeFunctionData('recordBatch', [entries(count)])
    if (tier < 9) return registry.encodeFunctionData('publish', [entries(count)])
    return registry.encodeFunctionData('anchor', [word('root'), 1 + random.integer(0, 1e6), `m ${author}`])
  }
  const administer = (method: string, args: unknown[]) =>
    send(administrator, contracts.ParticipantDirectory, directory.encodeFunctionData(method, args))
  const known = authors.slice(0, Math.floor(authors.length / 2))
  for (const account of known) {
    await administer('register', [account, 1, `Lender ${account.slice(2, 6)}`, 'https://lender.example', ''])
    await administer('setBook', [account, 0, chainId, contracts.QueryResultRegistry])
    await request('evm_mine')
  }
  for (let block = 0; block < blocks; block++) {
    const writes = random.integer(0, 3) === 0 ? 0 : random.integer(1, 4)
    for (let i = 0; i < writes; i++) {
      const author = authors[random.integer(0, authors.length - 1)]!
      await send(author, contracts.QueryResultRegistry, write(author))
    }
    if (random.integer(0, 7) === 0)
      await administer('update', [known[random.integer(0, known.length - 1)], 1, word('name'), '', 'a:b'])
    await request('evm_mine')
  }
  const found = await request<{ address: string; topics: string[]; blockNumber: string; logIndex: string }[]>(
    'eth_getLogs',
    [
      {
        fromBlock: '0x0',
        toBlock: 'latest',
        address: [contracts.QueryResultRegistry, contracts.ParticipantDirectory],
      },
    ],
  )
  const isDirectory = (address: string) =>
    address.toLowerCase() === contracts.ParticipantDirectory.toLowerCase()
  return {
    head: Number(await request<string>('eth_blockNumber')),
    logs: found
      // What deploying made of it: the access manager was set.
      .filter(({ topics, address }) => !isDirectory(address) || directory.getEvent(topics[0]!) !== null)
      .map(({ address, topics, blockNumber, logIndex }) => ({
        blockNumber: Number(blockNumber),
        logIndex: Number(logIndex),
        owner: isDirectory(address) ? 'directory' : `0x${topics[2]!.slice(26)}`,
      })),
    authors,
  }
}
