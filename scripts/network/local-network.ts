import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type AddressBook, parseAddressBook } from '../../protocol/address-book.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, type Bytes32, keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'
import type { Role } from '../../protocol/roles.ts'
import { developmentKey } from '../../services/party/development-keys.ts'
import type { LocalState } from '../cli/connection.ts'
import { ProxyClient } from '../cli/proxy-client.ts'
import { deploy } from '../deployment.ts'
import { type Registration, registerParticipants } from '../registration.ts'
import { PartyProcess } from './child-process.ts'
import { evidenceDeclaration, evidenceRegistration, type RunningEvidenceServer } from './evidence.ts'
import { issueApiKey, issueEvidenceApiKey, issueOfficeApiKey } from './issue-api-key.ts'
import { ACCOUNTS, type ProviderDeclaration } from './parties.ts'
import { type NetworkPorts, requireFreePorts } from './ports.ts'
import { type RunningTaxOffice, taxOfficeDeclaration, taxOfficeRegistration } from './tax-office.ts'

export interface LocalNetworkOptions {
  /** Everything the network keeps: databases, logs, address book. Emptied at start, as the chains start empty. */
  folder: string
  ports: NetworkPorts
  providers: readonly ProviderDeclaration[]
  /** Folder of the shared data, for books that read it. */
  dataFolder?: string
  /** Further environment of a provider, e.g. its promise and its batching. */
  providerEnv?: (declaration: ProviderDeclaration) => Record<string, string>
  proxyEnv?: Record<string, string>
  evidenceEnv?: Record<string, string>
  /** URLs of chains that run already, empty, with the development accounts funded; they are not ended with the network. */
  chainUrls?: Record<ChainName, string>
  /** Modules that take the place of the parties' own, for measurements. */
  modules?: Partial<Record<'provider' | 'proxy', string>>
  /** Told of each step. */
  onProgress?: (step: string) => void
}

export type ChainName = 'lenders' | 'insurers'

export interface LocalChain {
  chainId: number
  url: string
  /** Undefined for a chain that ran already. */
  process: PartyProcess | undefined
}

export interface RunningProvider {
  declaration: ProviderDeclaration
  address: Address
  process: PartyProcess
  databaseFile: string
  url: string
}
export interface LocalNetwork {
  addressBook: AddressBook
  addressBookFile: string
  chains: Record<ChainName, LocalChain>
  providers: RunningProvider[]
  proxy: { url: string; process: PartyProcess; client: ProxyClient; apiKey: string; address: Address }
  indexer: { url: string; process: PartyProcess }
  taxOffice: RunningTaxOffice
  evidence: RunningEvidenceServer
  folder: string
  /** Ends every process in order, parties before chains. */
  stop(): Promise<void>
}

const HOST = '127.0.0.1'
const CHAIN_IDS = { lenders: 31337, insurers: 31338 } as const
const TAX_OFFICE_CHAIN: ChainName = 'lenders'
const EVIDENCE_CHAIN: ChainName = 'lenders'

/** Starts two chains, deploys, registers, and starts every party as a process of its own. What was started is ended again if a step fails. */
export async function startLocalNetwork(options: LocalNetworkOptions): Promise<LocalNetwork> {
  const builder = new NetworkBuilder(options)
  try {
    return await builder.build()
  } catch (error) {
    await builder.stop()
    throw error
  }
}

class NetworkBuilder {
  readonly #options: LocalNetworkOptions
  readonly #started: PartyProcess[] = []
  readonly #addressBookFile: string

  constructor(options: LocalNetworkOptions) {
    this.#options = options
    this.#addressBookFile = path.join(options.folder, 'address-book.json')
  }

  async build(): Promise<LocalNetwork> {
    // Before the folder is emptied: it may be that of a network that runs.
    await requireFreePorts(this.#options.ports)
    rmSync(this.#options.folder, { recursive: true, force: true })
    mkdirSync(path.join(this.#options.folder, 'logs'), { recursive: true })
    this.#say('starting two chains')
    const [lenders, insurers] = await Promise.all([this.#startChain('lenders'), this.#startChain('insurers')])
    const chains = { lenders, insurers }
    this.#say('deploying the contracts')
    const addressBook = await this.#deployAll(chains)
    this.#say('registering the parties in the directory')
    await registerParticipants(
      addressBook,
      this.#registrations(addressBook),
      developmentKey(ACCOUNTS.administrator).privateKey,
    )
    this.#say(
      `starting ${this.#options.providers.length} providers, proxy, tax office, evidence server and indexer`,
    )
    const [providers, proxy, indexer, taxOffice, evidence] = await Promise.all([
      Promise.all(this.#options.providers.map((declaration, i) => this.#startProvider(declaration, i))),
      this.#startProxy(),
      this.#startIndexer(),
      this.#startTaxOffice(),
      this.#startEvidence(),
    ])
    return {
      addressBook,
      addressBookFile: this.#addressBookFile,
      chains,
      providers,
      proxy,
      indexer,
      taxOffice,
      evidence,
      folder: this.#options.folder,
      stop: () => this.stop(),
    }
  }

  async stop(): Promise<void> {
    const isChain = ({ name }: PartyProcess): boolean => name.startsWith('chain-')
    await Promise.all(this.#started.filter((party) => !isChain(party)).map((party) => party.stop()))
    await Promise.all(this.#started.filter(isChain).map((chain) => chain.stop()))
  }

  #say(step: string): void {
    this.#options.onProgress?.(step)
  }

  async #start(
    name: string,
    command: string[],
    env: Record<string, string>,
    readyUrl: string,
  ): Promise<PartyProcess> {
    const logFile = path.join(this.#options.folder, 'logs', `${name}.log`)
    const party = new PartyProcess({ name, command, env, logFile, readyUrl })
    this.#started.push(party)
    await party.start()
    return party
  }

  async #startChain(network: ChainName): Promise<LocalChain> {
    const running = this.#options.chainUrls?.[network]
    if (running !== undefined) return { chainId: CHAIN_IDS[network], url: running, process: undefined }
    const port = this.#options.ports[network]
    const url = `http://${HOST}:${port}`
    const command = ['scripts/local-chain.ts', '--network', network, '--port', String(port), '--host', HOST]
    const process = await this.#start(`chain-${network}`, command, {}, `${url}/`)
    return { chainId: CHAIN_IDS[network], url, process }
  }

  async #deployAll(chains: LocalNetwork['chains']): Promise<AddressBook> {
    const privateKey = developmentKey(ACCOUNTS.administrator).privateKey
    const common = { privateKey, addressBookFile: this.#addressBookFile, finalityDepth: 0, reset: true }
    let addressBook: AddressBook | undefined
    for (const name of ['lenders', 'insurers'] as const) {
      const { addressBook: written } = await deploy({
        ...common,
        rpcUrl: chains[name].url,
        name,
        directory: name === 'lenders',
      })
      addressBook = written
    }
    return parseAddressBook(addressBook)
  }

  #registrations(addressBook: AddressBook): Registration[] {
    const { ports, providers } = this.#options
    const proxy: Registration = {
      account: developmentKey(ACCOUNTS.proxy).address,
      roles: ['proxy'],
      name: 'Proxy',
      endpoint: `http://${HOST}:${ports.proxy}`,
      queryTypes: [],
      book: null,
    }
    return [
      proxy,
      taxOfficeRegistration(addressBook, {
        chainId: CHAIN_IDS[TAX_OFFICE_CHAIN],
        endpoint: `http://${HOST}:${ports.taxOffice}`,
      }),
      evidenceRegistration(addressBook, {
        chainId: CHAIN_IDS[EVIDENCE_CHAIN],
        endpoint: `http://${HOST}:${ports.evidence}`,
      }),
      ...providers.map((declaration, i) => this.#providerRegistration(addressBook, declaration, i)),
    ]
  }

  #providerRegistration(
    addressBook: AddressBook,
    { account, name, queryTypes, chain }: ProviderDeclaration,
    i: number,
  ): Registration {
    const chainId = CHAIN_IDS[chain]
    const registry = addressBook.chains.find((entry) => entry.chainId === chainId)?.contracts
      .QueryResultRegistry?.address
    if (registry === undefined)
      throw new CountersignError('CHAIN_UNKNOWN', `chain ${chainId} has no QueryResultRegistry`)
    const role: Role = 'provider'
    return {
      account: developmentKey(account).address,
      roles: [role],
      name,
      endpoint: `http://${HOST}:${this.#options.ports.providers[i]}`,
      queryTypes,
      book: { role, chainId, registry },
    }
  }

  async #startProvider(declaration: ProviderDeclaration, i: number): Promise<RunningProvider> {
    const key = developmentKey(declaration.account)
    const port = this.#options.ports.providers[i]!
    const databaseFile = path.join(this.#options.folder, `${declaration.id}.db`)
    const url = `http://${HOST}:${port}`
    const env = {
      COUNTERSIGN_ADDRESS_BOOK: this.#addressBookFile,
      COUNTERSIGN_PRIVATE_KEY: key.privateKey,
      HOST,
      PROVIDER_PORT: String(port),
      PROVIDER_BOOK: declaration.book,
      PROVIDER_DATABASE: databaseFile,
      PROVIDER_CHAIN_ID: String(CHAIN_IDS[declaration.chain]),
      PROVIDER_SALT_SECRET: developmentSaltSecret(declaration.id),
      ...(this.#options.dataFolder && { COUNTERSIGN_DATA: this.#options.dataFolder }),
      ...this.#options.providerEnv?.(declaration),
    }
    const process = await this.#start(
      declaration.id,
      [this.#options.modules?.provider ?? 'services/provider/main.ts'],
      env,
      `${url}/readyz`,
    )
    return { declaration, address: key.address, process, databaseFile, url }
  }

  async #startProxy(): Promise<LocalNetwork['proxy']> {
    const key = developmentKey(ACCOUNTS.proxy)
    const databaseFile = path.join(this.#options.folder, 'proxy.db')
    const url = `http://${HOST}:${this.#options.ports.proxy}`
    const apiKey = issueApiKey(databaseFile, 'local')
    const env = {
      COUNTERSIGN_ADDRESS_BOOK: this.#addressBookFile,
      COUNTERSIGN_PRIVATE_KEY: key.privateKey,
      HOST,
      PROXY_PORT: String(this.#options.ports.proxy),
      PROXY_DATABASE: databaseFile,
      ...this.#options.proxyEnv,
    }
    const process = await this.#start(
      'proxy',
      [this.#options.modules?.proxy ?? 'services/proxy/main.ts'],
      env,
      `${url}/readyz`,
    )
    return { url, process, client: new ProxyClient(url, apiKey), apiKey, address: key.address }
  }

  async #startIndexer(): Promise<LocalNetwork['indexer']> {
    const url = `http://${HOST}:${this.#options.ports.indexer}`
    const env = {
      COUNTERSIGN_ADDRESS_BOOK: this.#addressBookFile,
      HOST,
      INDEXER_PORT: String(this.#options.ports.indexer),
      INDEXER_DATABASE: path.join(this.#options.folder, 'indexer.db'),
    }
    const process = await this.#start('indexer', ['indexer/main.ts'], env, `${url}/readyz`)
    return { url, process }
  }

  async #startTaxOffice(): Promise<RunningTaxOffice> {
    const { folder, ports } = this.#options
    const { command, env, ...office } = taxOfficeDeclaration({
      folder,
      addressBookFile: this.#addressBookFile,
      host: HOST,
      port: ports.taxOffice,
      indexerPort: ports.indexer,
      chainId: CHAIN_IDS[TAX_OFFICE_CHAIN],
    })
    const apiKey = issueOfficeApiKey(office.variables.TAX_OFFICE_DATABASE, 'local')
    const process = await this.#start('tax-office', command, env, `${office.url}/readyz`)
    return { ...office, apiKey, process }
  }

  async #startEvidence(): Promise<RunningEvidenceServer> {
    const { folder, ports } = this.#options
    const { command, env, ...server } = evidenceDeclaration({
      folder,
      addressBookFile: this.#addressBookFile,
      host: HOST,
      port: ports.evidence,
      chainId: CHAIN_IDS[EVIDENCE_CHAIN],
    })
    const apiKey = issueEvidenceApiKey(server.databaseFile, 'local')
    const variables = { ...env, ...this.#options.evidenceEnv }
    const process = await this.#start('evidence', command, variables, `${server.url}/readyz`)
    return { ...server, apiKey, process }
  }
}

/** Not secret at all. */
const developmentSaltSecret = (party: string): Bytes32 =>
  keccak256Hex(utf8ToBytes(`countersign development salt secret of ${party}`))

/** Leaves how to reach the network for the other scripts. */
export function writeLocalState(file: string, network: LocalNetwork): void {
  const { proxy, indexer, taxOffice, evidence } = network
  const { url, apiKey, variables } = taxOffice
  const state: LocalState = {
    proxyUrl: proxy.url,
    indexerUrl: indexer.url,
    apiKey: proxy.apiKey,
    taxOffice: { url, apiKey, variables },
    evidence: { url: evidence.url, apiKey: evidence.apiKey },
  }
  writeFileSync(file, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
}
