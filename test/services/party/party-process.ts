import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { AddressBook } from '../../../protocol/address-book.ts'
import { createApiKey } from '../../../services/party/api-keys/api-key.ts'
import { ApiKeyStore } from '../../../services/party/api-keys/api-key-store.ts'
import type { DeployedContracts } from '../../support/contracts.ts'
import { listeningUrl } from '../../support/listening-url.ts'
import { programEnvironment } from '../../support/program-environment.ts'

export const PROJECT = path.resolve(import.meta.dirname, '../../..')

/** How a party's server is run and reached into. */
export interface PartyProgram<Scope extends string> {
  /** Of its folder and its database file. */
  name: string
  main: string
  /** As its npm script has them. */
  nodeOptions?: readonly string[]
  portVariable: string
  registry: 'PaymentRecordRegistry' | 'CredentialRegistry'
  scopes: readonly Scope[]
  joinDatabase(file: string): { db: DatabaseSync; close(): void }
}

/** Where a party finds its chain; `rpcUrl` may be a relay before it. */
export interface PartyNetwork {
  chainId: number
  rpcUrl: string
  contracts: DeployedContracts
  finalityDepth?: number
}

/** A party's server as a process of its own, with database, address book and keys in a folder that is removed at the end. */
export abstract class PartyProcess<Scope extends string> {
  readonly folder: string
  readonly databaseFile: string
  readonly addressBookFile: string
  /** Its settings, the port apart. */
  abstract readonly env: Record<string, string>
  /** Everything that any run of it wrote. */
  output = ''
  url = ''
  readonly #program: PartyProgram<Scope>
  #child: ChildProcess | undefined
  #port = 0

  constructor(program: PartyProgram<Scope>, network: PartyNetwork) {
    this.#program = program
    this.folder = mkdtempSync(path.join(tmpdir(), `${program.name}-`))
    this.databaseFile = path.join(this.folder, `${program.name}.db`)
    this.addressBookFile = path.join(this.folder, 'address-book.json')
    writeFileSync(this.addressBookFile, JSON.stringify(addressBookOf(network, program.registry)))
  }

  get pid(): number {
    return this.#child!.pid!
  }

  /** A key of the client `name`. */
  issueKey(name: string, scopes: readonly Scope[] = this.#program.scopes): string {
    const { db, close } = this.#program.joinDatabase(this.databaseFile)
    const { id, token, secretHash } = createApiKey()
    new ApiKeyStore<Scope>(db).insert({ id, name, scopes: [...scopes], secretHash, createdAt: Date.now() })
    close()
    return token
  }

  /**
   * Resolves once it listens, at the same port as before. Rejects with what it wrote when it ends instead.
   * @param command runs node, and is told the rest
   */
  async start(env: Record<string, string> = {}, command: readonly string[] = []): Promise<void> {
    const { main, nodeOptions = [], portVariable } = this.#program
    const [program, ...args] = [...command, process.execPath, ...nodeOptions, main]
    const child = spawn(program!, args, {
      cwd: PROJECT,
      env: { ...programEnvironment(), ...this.env, [portVariable]: String(this.#port), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.url = await listeningUrl(child, (text) => {
      this.output += text
    })
    this.#port = Number(new URL(this.url).port)
  }

  /** Resolves when the process is gone. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return null
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode
  }

  /** By which signal it ended by itself. */
  async ended(): Promise<NodeJS.Signals | null> {
    const child = this.#child!
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    this.#child = undefined
    return child.signalCode
  }

  async remove(): Promise<void> {
    await this.end('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function addressBookOf(
  { chainId, rpcUrl, contracts, finalityDepth = 0 }: PartyNetwork,
  registry: PartyProgram<string>['registry'],
): AddressBook {
  const { startBlock, ParticipantDirectory, QueryResultRegistry } = contracts
  const addresses = { ParticipantDirectory, QueryResultRegistry, [registry]: contracts[registry] }
  return {
    version: 1,
    directory: { chainId, address: ParticipantDirectory },
    chains: [
      {
        chainId,
        name: 'test',
        rpcUrls: [rpcUrl],
        finalityDepth,
        contracts: Object.fromEntries(
          Object.entries(addresses).map(([name, address]) => [name, { address, startBlock }]),
        ),
      },
    ],
  }
}
