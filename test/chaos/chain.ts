import { Interface } from 'ethers'
import { PARTICIPANT_DIRECTORY_ABI } from '../../protocol/abi/participant-directory.ts'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import { roleMask } from '../../protocol/roles.ts'
import { type AnvilChain, type AnvilOptions, startAnvil } from '../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../support/contracts.ts'
import { ChainTruth } from './chain-truth.ts'
import { AUTHORS, FINALITY_DEPTH, type Write } from './script.ts'

const REGISTRY = new Interface(QUERY_RESULT_REGISTRY_ABI)
const DIRECTORY = new Interface(PARTICIPANT_DIRECTORY_ABI)
const GAS = '0x400000'
/** A second write of a key in one block, or of a participant that is not registered, fails on chain: that is fine. */
const GAS_PRICE = '0x174876e800'

/** A real chain that is written to, reorganised and cut back, and what it said so far. */
export interface ChaosChain {
  readonly anvil: AnvilChain
  readonly contracts: DeployedContracts
  readonly truth: ChainTruth
  /** One block with these transactions. */
  mine(writes?: readonly Write[]): Promise<void>
  mineEmpty(blocks: number): Promise<void>
  /** Replaces the last blocks by as many others; never one that somebody may have taken for final. */
  reorganise(depth: number, writes?: readonly Write[]): Promise<void>
  /** The same without reading what it made: for a measurement, which calls `truth.sync()` after it. */
  replaceUnseen(depth: number, writes: readonly Write[]): Promise<void>
  /** Takes the last blocks back. */
  cutBack(depth: number): Promise<void>
  stop(): Promise<void>
}

export async function startChaosChain(options: AnvilOptions = {}): Promise<ChaosChain> {
  const anvil = await startAnvil(options)
  try {
    return await prepare(anvil)
  } catch (error) {
    await anvil.kill()
    throw error
  }
}

async function prepare(anvil: AnvilChain): Promise<ChaosChain> {
  const { request } = anvil
  const contracts = await deployAll(anvil.url)
  const accounts = await request<string[]>('eth_accounts')
  await request('evm_setAutomine', [false])
  const authors = accounts.slice(1, AUTHORS + 1)
  const truth = await ChainTruth.of(anvil, contracts, authors)
  let highest = truth.head.number

  const transactionOf = (write: Write) => {
    const { from, to, data } = callOf(write, accounts, contracts, anvil.chainId)
    return { from, to, data, gas: GAS, gasPrice: GAS_PRICE }
  }
  const send = async (writes: readonly Write[]) => {
    for (const write of writes) await request('eth_sendTransaction', [transactionOf(write)])
  }
  const changed = async () => {
    await truth.sync()
    highest = Math.max(highest, truth.head.number)
  }
  /** A chain never takes back what was final at its highest head; nor what the contracts are in. */
  const boundedDepth = (depth: number) =>
    Math.min(
      depth,
      truth.head.number - Math.max(highest - FINALITY_DEPTH, contracts.startBlock + 3, truth.firstNumber),
    )

  const replace = async (depth: number, writes: readonly Write[]) => {
    const transactions = writes.map((write, i) => [transactionOf(write), i % depth])
    await request('anvil_reorg', [depth, transactions])
  }
  return {
    anvil,
    contracts,
    truth,
    async mine(writes = []) {
      await send(writes)
      await request('evm_mine')
      await changed()
    },
    async mineEmpty(blocks) {
      await request('anvil_mine', [toQuantity(blocks)])
      await changed()
    },
    replaceUnseen: replace,
    async reorganise(depth, writes = []) {
      const bounded = boundedDepth(depth)
      if (bounded < 1) return
      await replace(bounded, writes)
      await changed()
    },
    async cutBack(depth) {
      const bounded = boundedDepth(depth)
      if (bounded < 1) return
      await request('anvil_rollback', [bounded])
      await changed()
    },
    stop: () => anvil.kill(),
  }
}

function callOf(write: Write, accounts: readonly string[], contracts: DeployedContracts, chainId: number) {
  const { QueryResultRegistry: registry, ParticipantDirectory: directory } = contracts
  const book = (author: number, name: string, ...args: unknown[]) => ({
    from: accounts[author]!,
    to: registry,
    data: REGISTRY.encodeFunctionData(name, args),
  })
  const administration = (name: string, ...args: unknown[]) => ({
    from: accounts[0]!,
    to: directory,
    data: DIRECTORY.encodeFunctionData(name, args),
  })
  const provider = roleMask(['provider'])
  switch (write.write) {
    case 'record':
      return write.entries.length === 1
        ? book(write.author, 'record', write.entries[0]!.key, write.entries[0]!.digest)
        : book(write.author, 'recordBatch', write.entries)
    case 'publish':
      return book(write.author, 'publish', write.entries)
    case 'anchor':
      return book(write.author, 'anchor', write.root, write.leafCount, 'https://example.org/manifest')
    case 'register':
      return administration('register', accounts[write.account], provider, 'an author', '', '')
    case 'update':
      return write.name.endsWith('7')
        ? administration('setBook', accounts[write.account], 0, chainId, registry)
        : administration('update', accounts[write.account], provider, write.name, '', '')
    case 'setStatus':
      return administration('setStatus', accounts[write.account], write.status)
  }
}
