import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import {
  errorDeploymentResultToExceptionMessage,
  HardhatArtifactResolver,
} from '@nomicfoundation/hardhat-ignition/helpers'
import {
  type DeploymentParameters,
  DeploymentResultType,
  deploy as deployModule,
  type IgnitionModule,
  type IgnitionModuleResult,
  listTransactions,
} from '@nomicfoundation/ignition-core'
import type { EthereumProvider } from 'hardhat/types/providers'
import credentialRegistryModule from '../ignition/modules/credential-registry.ts'
import participantDirectoryModule from '../ignition/modules/participant-directory.ts'
import paymentRecordRegistryModule from '../ignition/modules/payment-record-registry.ts'
import queryResultRegistryModule from '../ignition/modules/query-result-registry.ts'
import type { AddressBook, ChainEntry, DeployedContract } from '../protocol/address-book.ts'
import { CountersignError } from '../protocol/errors.ts'
import {
  type Address,
  type Bytes32,
  isSameAddress,
  keccak256Hex,
  toAddress,
  utf8ToBytes,
  ZERO_ADDRESS,
} from '../protocol/hex.ts'
import { addressOf } from '../protocol/signature.ts'
import { isLocalChain } from '../services/party/development-keys.ts'
import { requireKeyForChain } from '../services/party/keys.ts'
import { findAddressBook, writeAddressBook } from './address-book-file.ts'
import { buildIfNeeded } from './contract-build.ts'
import { hardhatEnvironment } from './hardhat-environment.ts'

const YEAR_S = 365 * 24 * 60 * 60

export interface DeployOptions {
  /** JSON-RPC endpoint of the chain; goes into the address book. */
  rpcUrl: string
  /** What the address book calls the chain. */
  name: string
  addressBookFile: string
  /** Pays for the deployment and becomes the first administrator of the directory. */
  privateKey: Bytes32
  /** Deploy the directory of participants here. The first chain of an address book needs it. */
  directory?: boolean
  /** The only account whose records the registries take. Default: that of a registry that stands; else open to everybody. */
  gate?: Address
  /** Blocks after which a block counts as final. Default: as the book has it; else 0 on local chains, 64 elsewhere. */
  finalityDepth?: number
  /** Forget what book and journal say of the chain, if its contracts are gone from it. */
  reset?: boolean
  /** Told each step in a sentence. */
  onProgress?: (line: string) => void
}

export interface Deployment {
  chain: ChainEntry
  addressBook: AddressBook
  /** Names of the contracts that this run deployed; empty when all stood already. */
  deployed: string[]
}

/**
 * Deploys what the chain lacks and enters it in the address book; what stands already is left alone, so a second run
 * changes neither chain nor book. Ignition's journal lies beside the book: a run that was interrupted is taken up where
 * it stopped. One run at a time per address book.
 * @throws CHAIN_UNREACHABLE, KEY_FOR_DEVELOPMENT_ONLY, DEPLOYMENT_CONFLICT, DEPLOYMENT_STALE, DEPLOYMENT_FAILED,
 * ADDRESS_BOOK_INVALID
 */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const hardhat = await hardhatEnvironment()
  await buildIfNeeded(hardhat, ['AccessManager', 'ParticipantDirectory', ...Object.keys(REGISTRY_MODULES)])
  const { provider } = await hardhat.network.create({
    network: 'external',
    override: { url: options.rpcUrl, accounts: [options.privateKey], timeout: 30_000 },
  })
  const chainId = await askChainId(provider, options.rpcUrl)
  requireKeyForChain(addressOf(options.privateKey), chainId)

  const book = findAddressBook(options.addressBookFile)
  const deployer = new ChainDeployer(
    options,
    provider,
    chainId,
    new HardhatArtifactResolver(hardhat.artifacts),
  )
  return deployer.bringUp(book)
}

/** One run on one chain. */
class ChainDeployer {
  readonly #options: DeployOptions
  readonly #provider: EthereumProvider
  readonly #chainId: number
  readonly #artifacts: HardhatArtifactResolver
  readonly #journal: string
  readonly #deployed: string[] = []

  constructor(
    options: DeployOptions,
    provider: EthereumProvider,
    chainId: number,
    artifacts: HardhatArtifactResolver,
  ) {
    this.#options = options
    this.#provider = provider
    this.#chainId = chainId
    this.#artifacts = artifacts
    this.#journal = join(dirname(options.addressBookFile), 'ignition', `chain-${chainId}`)
  }

  async bringUp(book: AddressBook | undefined): Promise<Deployment> {
    const { rpcUrl } = this.#options
    const chainId = this.#chainId
    this.#requireName(book)
    const hasDirectory = this.#hasDirectory(book)
    const known = book?.chains.find((chain) => chain.chainId === chainId)
    const isForgotten = await this.#isForgotten({ ...known?.contracts })
    let contracts = isForgotten ? {} : { ...known?.contracts }

    if (hasDirectory && contracts.ParticipantDirectory === undefined)
      Object.assign(contracts, await this.#deployModule(participantDirectoryModule))
    contracts = { ...contracts, ...(await this.#registries(contracts)) }

    const chain: ChainEntry = {
      // A local chain makes blocks when there is something for them.
      ...(isLocalChain(chainId) && { maxHeadAge: YEAR_S }),
      ...known,
      chainId,
      genesisHash: await this.#genesisHash(),
      name: this.#options.name,
      rpcUrls: isForgotten ? [rpcUrl] : [...new Set([...(known?.rpcUrls ?? []), rpcUrl])],
      finalityDepth: this.#options.finalityDepth ?? known?.finalityDepth ?? (isLocalChain(chainId) ? 0 : 64),
      contracts,
    }
    return { chain, addressBook: await this.#enter(chain, hasDirectory), deployed: this.#deployed }
  }

  async #genesisHash(): Promise<Bytes32> {
    return (await this.#request<{ hash: Bytes32 }>('eth_getBlockByNumber', ['0x0', false])).hash
  }

  #requireName(book: AddressBook | undefined): void {
    const namesake = book?.chains.find(({ name }) => name === this.#options.name)
    if (namesake !== undefined && namesake.chainId !== this.#chainId)
      throw new CountersignError(
        'DEPLOYMENT_CONFLICT',
        `the address book calls chain ${namesake.chainId} "${namesake.name}" already; this one is ${this.#chainId}`,
        { action: 'Give this chain another --name, or check --rpc.' },
      )
  }

  /** Whether the directory is, or is to be, on this chain. */
  #hasDirectory(book: AddressBook | undefined): boolean {
    const place = book?.directory.chainId
    if (place === undefined && !this.#options.directory)
      throw new CountersignError(
        'DEPLOYMENT_CONFLICT',
        'the address book has no directory of participants yet',
        {
          action: 'Deploy one of the chains with --directory first.',
        },
      )
    if (place !== undefined && place !== this.#chainId && this.#options.directory)
      throw new CountersignError(
        'DEPLOYMENT_CONFLICT',
        `the directory of participants is on chain ${place}`,
        {
          action: 'Leave out --directory, or use another address book.',
        },
      )
    return place === undefined || place === this.#chainId
  }

  /** Looks for the known contracts on the chain; with `reset`, drops the journal of contracts that are gone. */
  async #isForgotten(contracts: Record<string, DeployedContract>): Promise<boolean> {
    const expected = [
      ...Object.entries(contracts).map(([name, { address }]) => [name, address] as const),
      ...(await this.#journalled()),
    ]
    const missing: string[] = []
    for (const [name, address] of expected)
      if ((await this.#request<string>('eth_getCode', [address, 'latest'])) === '0x')
        missing.push(`${name} at ${address}`)
    if (!this.#options.reset) {
      if (missing.length === 0) return false
      throw new CountersignError(
        'DEPLOYMENT_STALE',
        `chain ${this.#chainId} at ${this.#options.rpcUrl} has no code for ${[...new Set(missing)].join(', ')}`,
      )
    }
    if (missing.length === 0 && expected.length > 0) return false
    this.#say(`forgetting what was known of chain ${this.#chainId}`)
    await rm(this.#journal, { recursive: true, force: true })
    return true
  }

  /** Name and address of what Ignition has deployed; its ids are like `SomeModule#SomeContract`. */
  async #journalled(): Promise<(readonly [string, string])[]> {
    const file = join(this.#journal, 'deployed_addresses.json')
    if (!existsSync(file)) return []
    const addresses: Record<string, string> = JSON.parse(await readFile(file, 'utf8'))
    return Object.entries(addresses).map(([id, address]) => [id.split('#')[1]!, toAddress(address)])
  }

  /** Those that are not in `known`, with the gate of those that are, unless told otherwise. */
  async #registries(known: Record<string, DeployedContract>): Promise<Record<string, DeployedContract>> {
    let { gate } = this.#options
    for (const name of Object.keys(REGISTRY_MODULES))
      if (known[name] !== undefined) {
        const standing = await this.#standingGate(known[name].address)
        gate ??= standing
      }
    const deployed: Record<string, DeployedContract> = {}
    for (const [name, module] of Object.entries(REGISTRY_MODULES))
      if (known[name] === undefined)
        Object.assign(
          deployed,
          await this.#deployModule(module, { [module.id]: { gate: gate ?? ZERO_ADDRESS } }),
        )
    return deployed
  }

  /** @throws DEPLOYMENT_CONFLICT when another one is wanted */
  async #standingGate(registry: Address): Promise<Address> {
    const wanted = this.#options.gate
    const answer = await this.#request<string>('eth_call', [{ to: registry, data: GATE_SELECTOR }, 'latest'])
    const standing = toAddress(`0x${answer.slice(-40)}`)
    if (wanted !== undefined && !isSameAddress(wanted, standing))
      throw new CountersignError(
        'DEPLOYMENT_CONFLICT',
        `the registry ${registry} has gate ${standing} for ever, not ${wanted}`,
        { action: 'Leave out --gate, or use another address book for a second registry.' },
      )
    return standing
  }

  async #deployModule<Name extends string>(
    module: IgnitionModule<string, Name, IgnitionModuleResult<Name>>,
    parameters: DeploymentParameters = {},
  ): Promise<Record<string, DeployedContract>> {
    await this.#requireFunds()
    this.#say(`deploying ${Object.keys(module.results).join(' and ')} on chain ${this.#chainId}`)
    const result = await deployModule({
      config: isLocalChain(this.#chainId) ? { blockPollingInterval: 25, requiredConfirmations: 1 } : {},
      artifactResolver: this.#artifacts,
      provider: this.#provider,
      deploymentDir: this.#journal,
      ignitionModule: module,
      deploymentParameters: parameters,
      accounts: [addressOf(this.#options.privateKey)],
    }).catch((cause: Error) => {
      throw new CountersignError('DEPLOYMENT_FAILED', cause.message, { cause })
    })
    if (result.type !== DeploymentResultType.SUCCESSFUL_DEPLOYMENT)
      throw new CountersignError('DEPLOYMENT_FAILED', errorDeploymentResultToExceptionMessage(result).trim())
    const contracts: Record<string, DeployedContract> = {}
    // The result tells of everything in the journal; this module is one of several.
    for (const future of Object.values<{ id: string; contractName: string }>(module.results)) {
      const { contractName, address } = result.contracts[future.id]!
      contracts[contractName] = { address: toAddress(address), startBlock: await this.#startBlock(address) }
      this.#deployed.push(contractName)
    }
    return contracts
  }

  /** Nodes say this in many ways, most of them hard to understand. */
  async #requireFunds(): Promise<void> {
    const deployer = addressOf(this.#options.privateKey)
    if (BigInt(await this.#request<string>('eth_getBalance', [deployer, 'latest'])) === 0n)
      throw new CountersignError(
        'DEPLOYMENT_FAILED',
        `the deployer ${deployer} has nothing to pay with on chain ${this.#chainId}`,
        { action: 'Send it some of the currency of that chain.' },
      )
  }

  async #startBlock(address: string): Promise<number> {
    const transactions = await listTransactions(this.#journal, this.#artifacts)
    const creation = transactions.find((transaction) => isSameAddress(transaction.address ?? '', address))
    const receipt = await this.#request<{ blockNumber: string }>('eth_getTransactionReceipt', [
      creation!.txHash,
    ])
    return Number(receipt.blockNumber)
  }

  /** The book is read again: another chain may have been entered while this one was deployed. */
  async #enter(chain: ChainEntry, hasDirectory: boolean): Promise<AddressBook> {
    const before = await findAddressBook(this.#options.addressBookFile)
    const others = before?.chains.filter(({ chainId }) => chainId !== chain.chainId) ?? []
    const directory = hasDirectory
      ? { chainId: chain.chainId, address: chain.contracts.ParticipantDirectory!.address }
      : before!.directory
    const after: AddressBook = {
      version: 1,
      directory,
      chains: [...others, chain].sort((a, b) => a.chainId - b.chainId),
    }
    if (!isDeepStrictEqual(after, before)) await writeAddressBook(this.#options.addressBookFile, after)
    return after
  }

  #request<T>(method: string, params: unknown[]): Promise<T> {
    return this.#provider.request({ method, params }) as Promise<T>
  }

  #say(line: string): void {
    this.#options.onProgress?.(line)
  }
}

const REGISTRY_MODULES = {
  QueryResultRegistry: queryResultRegistryModule,
  PaymentRecordRegistry: paymentRecordRegistryModule,
  CredentialRegistry: credentialRegistryModule,
}

const GATE_SELECTOR = keccak256Hex(utf8ToBytes('gate()')).slice(0, 10)

async function askChainId(provider: EthereumProvider, rpcUrl: string): Promise<number> {
  try {
    return Number(await provider.request({ method: 'eth_chainId' }))
  } catch (cause) {
    throw new CountersignError('CHAIN_UNREACHABLE', `no node answers at ${rpcUrl}`, { cause })
  }
}
