import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Contract, JsonRpcProvider } from 'ethers'
import { pino } from 'pino'
import { QUERY_RESULT_REGISTRY_ABI } from '../../../../protocol/abi/query-result-registry.ts'
import { type Bytes32, randomBytes32 } from '../../../../protocol/hex.ts'
import type { Entry } from '../../../../protocol/record-book.ts'
import { newSerial, serialToKey } from '../../../../protocol/serial.ts'
import { addressOf } from '../../../../protocol/signature.ts'
import { BookWriter } from '../../../../services/party/book-writer/book-writer.ts'
import type { BookWriterOptions } from '../../../../services/party/book-writer/book-writer-options.ts'
import { openPartyDatabase, type PartyDatabase } from '../../../../services/party/database.ts'
import { GroupCommit } from '../../../../services/party/group-commit.ts'
import { type ChainRpc, connectChain } from '../../../../services/party/rpc.ts'
import type { AnvilChain } from '../../../support/anvil.ts'
import { deployAll } from '../../../support/contracts.ts'

/** Second account of the test mnemonic: funded on every local chain. */
export const AUTHOR_KEY: Bytes32 = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
export const AUTHOR = addressOf(AUTHOR_KEY)

export interface WrittenBook {
  writer: BookWriter
  db: PartyDatabase['db']
  registryAddress: Bytes32
  /** The registry, read only. */
  registry: Contract
  databaseFile: string
  add(entries: readonly Entry[], recordBy?: number): Promise<void>
  /** What the author's events say, in order. */
  recorded(): Promise<Entry[]>
  close(): Promise<void>
}

export const newEntry = (): Entry => ({ key: serialToKey(newSerial()), digest: randomBytes32() })
export const newEntries = (count: number): Entry[] => Array.from({ length: count }, newEntry)

/** A writer with timings fit for tests, its own database, and a fresh registry on `chain`. */
export async function writeBook(
  chain: AnvilChain,
  options: Partial<BookWriterOptions> = {},
  registryAddress?: Bytes32,
): Promise<WrittenBook> {
  const registry = registryAddress ?? (await deployAll(chain.url)).QueryResultRegistry
  const folder = mkdtempSync(join(tmpdir(), 'book-writer-'))
  const databaseFile = join(folder, 'party.sqlite')
  const { db, close } = openPartyDatabase(databaseFile)
  const commits = new GroupCommit(db)
  const rpc: ChainRpc = connectChain({ chainId: chain.chainId, rpcUrls: [chain.url], timeoutMs: 1_000 })
  const writer = new BookWriter({
    db,
    commits,
    rpc,
    registry: { chainId: chain.chainId, registry },
    key: { privateKey: AUTHOR_KEY, address: AUTHOR },
    logger: pino({ level: process.env.TEST_LOG ?? 'silent' }),
    flushIntervalMs: 20,
    pollIntervalMs: 100,
    resubmitAfterMs: 1_500,
    maxBackoffMs: 200,
    ...options,
  })
  writer.start()
  const reader = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true, cacheTimeout: -1 })
  const contract = new Contract(registry, QUERY_RESULT_REGISTRY_ABI, reader)
  return {
    writer,
    db,
    registryAddress: registry,
    registry: contract,
    databaseFile,
    add: async (entries, recordBy = 0) => {
      await commits.write(() => {
        for (const entry of entries) writer.add({ ...entry, recordBy })
      })
      writer.notify()
    },
    recorded: () => recordedBy(contract),
    close: async () => {
      await writer.stop()
      reader.destroy()
      rpc.destroy()
      close()
      rmSync(folder, { recursive: true })
    },
  }
}

export async function recordedBy(registry: Contract): Promise<Entry[]> {
  const logs = await registry.queryFilter(registry.filters.ResultRecorded!(null, AUTHOR), 0)
  return logs.map(({ topics, data }) => ({ key: topics[1] as Bytes32, digest: data as Bytes32 }))
}

/** As {@link recordedBy}, of what was published without slots. */
export async function publishedBy(registry: Contract): Promise<Entry[]> {
  const logs = await registry.queryFilter(registry.filters.Published!(null, AUTHOR), 0)
  // By position: `entries` is a method of what ethers decodes.
  return logs.flatMap((log) =>
    (registry.interface.parseLog(log)!.args[2] as Entry[]).map(({ key, digest }) => ({ key, digest })),
  )
}

/** Waits until `isSo`; fails after `timeoutMs`. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
  what = isSo.toString(),
): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`not so within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const byKey = (entries: readonly Entry[]): Entry[] =>
  [...entries].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
