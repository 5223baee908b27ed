import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contract } from 'ethers'
import { pino } from 'pino'
import type { AddressBook } from '../../protocol/address-book.ts'
import type { Address } from '../../protocol/hex.ts'
import { roleMask } from '../../protocol/roles.ts'
import { createApiKey } from '../../services/party/api-keys/api-key.ts'
import { ApiKeyStore } from '../../services/party/api-keys/api-key-store.ts'
import { developmentKey } from '../../services/party/development-keys.ts'
import type { ProxyScope } from '../../services/proxy/api-key-scopes.ts'
import {
  type ComposedProxy,
  composeProxy,
  type ProxyReplacements,
} from '../../services/proxy/compose-proxy.ts'
import { readProxyConfig } from '../../services/proxy/config.ts'
import { joinProxyDatabase } from '../../services/proxy/store/database.ts'
import { type AnvilChain, type AnvilOptions, startAnvil } from './anvil.ts'
import { deployAll, directoryAs } from './contracts.ts'
import { startTestProvider, type TestProvider } from './test-provider.ts'

export const LOAN_TYPE = {
  type: 'loan',
  title: 'Is there a loan?',
  subject: {
    type: 'object',
    properties: { loanId: { type: 'string', pattern: '^[0-9]{1,10}$' } },
    required: ['loanId'],
    additionalProperties: false,
  },
  parameters: {
    type: 'object',
    properties: { currency: { enum: ['EUR', 'USD'] } },
    additionalProperties: false,
  },
  result: {
    type: 'object',
    properties: { serial: { type: 'string' }, found: { type: 'boolean' }, balance: { type: 'string' } },
    required: ['serial', 'found'],
    additionalProperties: false,
  },
}
const UNSERVED_TYPE = { ...LOAN_TYPE, type: 'pension', title: 'Is there a pension?' }

export interface ProxyNetworkOptions {
  /** Default 2. */
  providers?: number
  batches?: boolean
  anvil?: AnvilOptions
  finalityDepth?: number
}

/** A chain with the contracts, test providers registered on it, and the files a proxy needs. */
export interface ProxyNetwork {
  chain: AnvilChain
  registry: Address
  providers: TestProvider[]
  folder: string
  databaseFile: string
  /** Variables for a proxy; with a free port. */
  environment: Record<string, string>
  /** The directory, as its administrator. */
  directory: Contract
  /** A proxy in this process; closed with the network. */
  startProxy(environment?: Record<string, string>, replacements?: ProxyReplacements): Promise<RunningProxy>
  /** Makes an API key in the proxy's database; returns the header. */
  authorization(...scopes: ProxyScope[]): string
  close(): Promise<void>
}

export interface RunningProxy extends ComposedProxy {
  url: string
}

export async function startProxyNetwork(options: ProxyNetworkOptions = {}): Promise<ProxyNetwork> {
  const chain = await startAnvil(options.anvil)
  const contracts = await deployAll(chain.url)
  const { directory, provider: administration } = directoryAs(chain.url, contracts.ParticipantDirectory)
  const registry = contracts.QueryResultRegistry
  const providers: TestProvider[] = []
  for (let n = 0; n < (options.providers ?? 2); n++) {
    const provider = await startTestProvider({
      key: developmentKey(n + 2).privateKey,
      rpcUrl: chain.url,
      chainId: chain.chainId,
      registry,
      batches: options.batches ?? false,
    })
    await register(directory, provider, `Lender ${n + 1}`, { chainId: chain.chainId, registry })
    providers.push(provider)
  }
  await sent(
    directory.getFunction('register')(developmentKey(1).address, roleMask(['proxy']), 'Proxy', '', ''),
  )
  const folder = mkdtempSync(join(tmpdir(), 'countersign-proxy-'))
  const environment = writeFiles(folder, chain, contracts, options.finalityDepth ?? 0)
  const databaseFile = environment.PROXY_DATABASE!
  const proxies: RunningProxy[] = []

  return {
    chain,
    registry,
    providers,
    folder,
    databaseFile,
    environment,
    directory,
    async startProxy(changes = {}, replacements = {}) {
      const config = readProxyConfig({ ...environment, ...changes })
      const composed = await composeProxy(config, pino({ level: config.LOG_LEVEL }), replacements)
      const proxy = { ...composed, url: await composed.listen() }
      proxies.push(proxy)
      return proxy
    },
    authorization(...scopes) {
      const { db, close } = joinProxyDatabase(databaseFile)
      const { id, token, secretHash } = createApiKey()
      new ApiKeyStore(db).insert({ id, name: 'test', scopes, secretHash, createdAt: Date.now() })
      close()
      return `Bearer ${token}`
    },
    async close() {
      for (const proxy of proxies) await proxy.close().catch(() => {})
      for (const provider of providers) await provider.close()
      administration.destroy()
      await chain.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function register(
  directory: Contract,
  { address, endpoint }: TestProvider,
  name: string,
  book: { chainId: number; registry: Address },
): Promise<void> {
  const metadata = `data:application/json,${encodeURIComponent(JSON.stringify({ queryTypes: ['loan'] }))}`
  await sent(directory.getFunction('register')(address, roleMask(['provider']), name, endpoint, metadata))
  await sent(directory.getFunction('setBook')(address, 0, book.chainId, book.registry))
}

function writeFiles(
  folder: string,
  chain: AnvilChain,
  contracts: Awaited<ReturnType<typeof deployAll>>,
  finalityDepth: number,
): Record<string, string> {
  const { startBlock, ...addresses } = contracts
  const book: AddressBook = {
    version: 1,
    directory: { chainId: chain.chainId, address: contracts.ParticipantDirectory },
    chains: [
      {
        chainId: chain.chainId,
        name: 'lenders',
        rpcUrls: [chain.url],
        finalityDepth,
        contracts: Object.fromEntries(
          Object.entries(addresses).map(([name, address]) => [name, { address, startBlock }]),
        ),
      },
    ],
  }
  const addressBook = join(folder, 'address-book.json')
  writeFileSync(addressBook, JSON.stringify(book))
  const types = join(folder, 'query-types')
  mkdirSync(types)
  for (const type of [LOAN_TYPE, UNSERVED_TYPE])
    writeFileSync(join(types, `${type.type}.json`), JSON.stringify(type))
  return {
    COUNTERSIGN_ADDRESS_BOOK: addressBook,
    COUNTERSIGN_PRIVATE_KEY: developmentKey(1).privateKey,
    PROXY_PORT: '0',
    PROXY_DATABASE: join(folder, 'proxy.db'),
    PROXY_QUERY_TYPES: types,
    PROXY_PROVIDER_DEADLINE_MS: '10000',
    PROXY_AUDIT_DEADLINE_MS: '10000',
    PROXY_DIRECTORY_REFRESH_MS: '100',
    LOG_LEVEL: 'silent',
  }
}

const sent = async (transaction: Promise<{ wait(): Promise<unknown> }>): Promise<void> => {
  await (await transaction).wait()
}
