import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { EvidenceCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { type Bytes32, bytesToHex } from '../../../protocol/hex.ts'
import { addressOf } from '../../../protocol/signature.ts'
import { EVIDENCE_SCOPES, type EvidenceScope } from '../../../services/evidence/api-key-scopes.ts'
import { joinEvidenceDatabase } from '../../../services/evidence/store/database.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import { type PartyNetwork, PartyProcess, type PartyProgram } from '../party/party-process.ts'

export { PROJECT } from '../party/party-process.ts'

/** Ninth account of the test mnemonic: funded on every local chain. */
export const ISSUER_KEY: Bytes32 = '0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97'
export const ISSUER = addressOf(ISSUER_KEY)
export const EVIDENCE_SECRET: Bytes32 = bytesToHex(new Uint8Array(32).fill(0xe7))

const PROGRAM: PartyProgram<EvidenceScope> = {
  name: 'evidence',
  main: 'services/evidence/main.ts',
  nodeOptions: ['--max-semi-space-size=2'],
  portVariable: 'EVIDENCE_PORT',
  registry: 'CredentialRegistry',
  scopes: EVIDENCE_SCOPES,
  joinDatabase: joinEvidenceDatabase,
}

export interface EvidenceAnswer {
  credentialId: string
  state: 'pending' | 'recorded'
  credential: EvidenceCredential
}

export class EvidenceProcess extends PartyProcess<EvidenceScope> {
  readonly storeFolder = path.join(this.folder, 'store')
  readonly stagingFolder = path.join(this.storeFolder, 'staging')
  readonly env: Record<string, string>
  readonly apiKey: string

  constructor(network: PartyNetwork, env: Record<string, string> = {}) {
    super(PROGRAM, network)
    this.env = {
      COUNTERSIGN_ADDRESS_BOOK: this.addressBookFile,
      COUNTERSIGN_PRIVATE_KEY: ISSUER_KEY,
      EVIDENCE_DATABASE: this.databaseFile,
      EVIDENCE_SECRET,
      EVIDENCE_CHAIN_ID: String(network.chainId),
      EVIDENCE_STORE: this.storeFolder,
      EVIDENCE_FLUSH_MS: '20',
      EVIDENCE_RPC_TIMEOUT_MS: '2000',
      EVIDENCE_RESUBMIT_AFTER_MS: '1500',
      EVIDENCE_RATE_PER_MINUTE: '1000000',
      ...env,
    }
    this.apiKey = this.issueKey('client')
  }

  /** Bytes of memory that the process had at most, where the system tells. */
  peakMemory(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024
    } catch {
      return undefined
    }
  }

  request(route: string, init: RequestInit = {}, apiKey = this.apiKey): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${apiKey}`)
    return fetch(`${this.url}${route}`, { ...init, headers })
  }

  /** Hands a file in; the answer as it came. */
  upload(
    content: Uint8Array | string,
    {
      name = 'document.pdf',
      type = 'application/pdf',
      metadata,
      query = '',
      apiKey,
      headers = {},
    }: UploadOptions = {},
  ): Promise<Response> {
    const form = new FormData()
    if (metadata !== undefined) form.append('metadata', JSON.stringify(metadata))
    form.append('file', new Blob([content as never], { type }), name)
    return this.request(`/v1/evidence${query}`, { method: 'POST', body: form, headers }, apiKey)
  }

  /** Hands a file in, and expects it to be taken. */
  async take(content: Uint8Array | string, options: UploadOptions = {}): Promise<EvidenceAnswer> {
    const response = await this.upload(content, options)
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`)
    return (await response.json()) as EvidenceAnswer
  }

  json(
    body: string | Uint8Array,
    { query = '', apiKey, headers = {} }: UploadOptions = {},
  ): Promise<Response> {
    return this.request(
      `/v1/evidence${query}`,
      { method: 'POST', body: body as never, headers: { 'content-type': 'application/json', ...headers } },
      apiKey,
    )
  }

  /** Hashes of what is in the content store, sorted. */
  storedHashes(): string[] {
    const objects = path.join(this.storeFolder, 'objects')
    if (!existsSync(objects)) return []
    return readdirSync(objects)
      .flatMap((folder) => readdirSync(path.join(objects, folder)).map((file) => `0x${folder}${file}`))
      .sort()
  }

  stagedFiles(): string[] {
    return existsSync(this.stagingFolder) ? readdirSync(this.stagingFolder) : []
  }

  /** Rows as SQL finds them, while it runs or not. */
  query<Row = Record<string, unknown>>(sql: string, ...parameters: string[]): Row[] {
    const db = new DatabaseSync(this.databaseFile, { readOnly: true, timeout: 5_000 })
    try {
      return db.prepare(sql).all(...parameters) as Row[]
    } finally {
      db.close()
    }
  }

  count(table: string): number {
    return Number(this.query<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)[0]!.count)
  }
}

export interface UploadOptions {
  name?: string
  type?: string
  metadata?: unknown
  query?: string
  apiKey?: string
  headers?: Record<string, string>
}

export const sha256 = (content: Uint8Array | string): Bytes32 =>
  `0x${createHash('sha256').update(content).digest('hex')}`

export interface Neighbourhood {
  chain: AnvilChain
  contracts: DeployedContracts
  server: EvidenceProcess
  end(): Promise<void>
}

/** A chain with the registries on it, and an evidence server that is not started yet. */
export async function settleEvidence(
  env: Record<string, string> = {},
  finalityDepth = 0,
): Promise<Neighbourhood> {
  const chain = await startAnvil()
  const contracts = await deployAll(chain.url)
  const home: Neighbourhood = {
    chain,
    contracts,
    server: new EvidenceProcess({ chainId: chain.chainId, rpcUrl: chain.url, contracts, finalityDepth }, env),
    end: async () => {
      await home.server.remove()
      await chain.kill()
    },
  }
  return home
}

/** What a refusal says. */
export const problem = async (
  response: Response,
): Promise<{ status: number; code: string; detail: string }> => {
  const { code, detail } = (await response.json()) as { code: string; detail: string }
  return { status: response.status, code, detail }
}
