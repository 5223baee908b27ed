import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pino } from 'pino'
import { type Bytes32, type Hex, keccak256Hex, randomBytes32, utf8ToBytes } from '../../../protocol/hex.ts'
import type { Receipt } from '../../../protocol/receipt.ts'
import { type Role, roleMask } from '../../../protocol/roles.ts'
import { newSerial } from '../../../protocol/serial.ts'
import { addressOf } from '../../../protocol/signature.ts'
import { signRequest } from '../../../protocol/signed-request.ts'
import { composeProvider, type RunningProvider } from '../../../services/provider/compose-provider.ts'
import { readProviderConfig } from '../../../services/provider/provider-config.ts'
import type { AnvilChain } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll, directoryAs } from '../../support/contracts.ts'

export const PROJECT = resolve(import.meta.dirname, '../../..')

/** Third and fourth account of the test mnemonic. */
export const PROVIDER_KEY: Bytes32 = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'
export const PROXY_KEY: Bytes32 = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'
export const PROVIDER = addressOf(PROVIDER_KEY)
export const PROXY = addressOf(PROXY_KEY)
export const SALT_SECRET = keccak256Hex(utf8ToBytes('a salt secret for tests'))

/** Where a provider can live: contracts, a registered proxy, an address book and a folder. */
export interface Neighbourhood {
  contracts: DeployedContracts
  folder: string
  databaseFile: string
  env: Record<string, string>
  remove(): void
}

export async function settle(chain: AnvilChain): Promise<Neighbourhood> {
  const contracts = await deployAll(chain.url)
  await register(chain, contracts, PROXY, 'proxy')
  const folder = mkdtempSync(join(tmpdir(), 'provider-'))
  const addressBook = join(folder, 'address-book.json')
  const { startBlock, ...addresses } = contracts
  writeFileSync(
    addressBook,
    JSON.stringify({
      version: 1,
      directory: { chainId: chain.chainId, address: contracts.ParticipantDirectory },
      chains: [
        {
          chainId: chain.chainId,
          name: 'test',
          rpcUrls: [chain.url],
          finalityDepth: 0,
          contracts: Object.fromEntries(
            Object.entries(addresses).map(([name, address]) => [name, { address, startBlock }]),
          ),
        },
      ],
    }),
  )
  const databaseFile = join(folder, 'provider.db')
  return {
    contracts,
    folder,
    databaseFile,
    env: {
      COUNTERSIGN_ADDRESS_BOOK: addressBook,
      COUNTERSIGN_PRIVATE_KEY: PROVIDER_KEY,
      PROVIDER_SALT_SECRET: SALT_SECRET,
      PROVIDER_DATABASE: databaseFile,
      PROVIDER_BOOK: join(PROJECT, 'sample/books/insurer-a.json'),
      PROVIDER_QUERY_TYPES: join(PROJECT, 'query-types'),
      PROVIDER_CHAIN_ID: String(chain.chainId),
      PROVIDER_PORT: '0',
      PROVIDER_FLUSH_MS: '20',
      PROVIDER_RPC_TIMEOUT_MS: '1000',
      PROVIDER_DIRECTORY_REFRESH_MS: '100',
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export async function register(
  chain: AnvilChain,
  contracts: DeployedContracts,
  account: Hex,
  role: Role,
): Promise<void> {
  const { directory, provider } = directoryAs(chain.url, contracts.ParticipantDirectory)
  try {
    await (await directory.getFunction('register')(account, roleMask([role]), role, '', '')).wait()
  } finally {
    provider.destroy()
  }
}

export async function setStatus(
  chain: AnvilChain,
  contracts: DeployedContracts,
  account: Hex,
  status: number,
): Promise<void> {
  const { directory, provider } = directoryAs(chain.url, contracts.ParticipantDirectory)
  try {
    await (await directory.getFunction('setStatus')(account, status)).wait()
  } finally {
    provider.destroy()
  }
}

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: as raw as a server's answer
  body: any
}

/** How a proxy speaks to the provider at `url`. */
export class ProxyVoice {
  readonly url: string
  readonly #privateKey: Bytes32

  constructor(url: string, privateKey = PROXY_KEY) {
    this.url = url
    this.#privateKey = privateKey
  }

  headers(path: string, body: Uint8Array, changes: { expiresAt?: number; nonce?: Bytes32 } = {}) {
    return signRequest({
      method: 'POST',
      path,
      body,
      recipient: PROVIDER,
      sender: addressOf(this.#privateKey),
      privateKey: this.#privateKey,
      expiresAt: Math.floor(Date.now() / 1000) + 30,
      ...changes,
    })
  }

  async post(path: string, content: unknown, headers?: Record<string, string>): Promise<Reply> {
    const body = utf8ToBytes(JSON.stringify(content))
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(headers ?? this.headers(path, body)) },
      body: Buffer.from(body),
    })
    return { status: response.status, body: await response.json() }
  }

  ask(query: Record<string, unknown> = {}): Promise<Reply> {
    return this.post('/v1/answers', {
      serial: newSerial(),
      type: 'motor-insurance',
      subject: 'SP-101',
      ...query,
    })
  }

  async receipt(query: Record<string, unknown> = {}): Promise<Receipt> {
    const { status, body } = await this.ask(query)
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
    return body.receipt
  }

  audit(serial: string, nonce = randomBytes32()): Promise<Reply> {
    return this.post('/v1/audit-answers', { serial, nonce })
  }
}

export interface LiveProvider {
  provider: RunningProvider
  proxy: ProxyVoice
  url: string
}

/** A provider in this process, on a real socket. */
export async function startProvider(
  home: Neighbourhood,
  env: Record<string, string> = {},
): Promise<LiveProvider> {
  const config = readProviderConfig({ ...home.env, ...env })
  const provider = await composeProvider(config, pino({ level: process.env.TEST_LOG ?? 'silent' }))
  const url = await provider.listen()
  return { provider, url, proxy: new ProxyVoice(url) }
}

/** Does by SQL what somebody with access to the file could do. */
export function tamper(databaseFile: string, sql: string, ...parameters: string[]): void {
  const db = new DatabaseSync(databaseFile, { timeout: 5_000 })
  try {
    const { changes } = db.prepare(sql).run(...parameters)
    if (Number(changes) === 0) throw new Error(`nothing was altered: ${sql}`)
  } finally {
    db.close()
  }
}
