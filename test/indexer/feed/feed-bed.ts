import { createDirectory } from '../../../indexer/directory.ts'
import type { EventDocument } from '../../../indexer/feed/event-schemas.ts'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import {
  addressBookOf,
  caughtUp,
  startTestIndexer,
  type TestChain,
  testChain,
} from '../../support/indexer.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'
import type { StoreEngine } from '../../support/stores.ts'
import { connectSse, type SseClient } from './sse-client.ts'

export const OTHER_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
export const ADMIN_TOKEN = 'a token for tests, long enough'

/** A chain with contracts and two authors, and whatever is started beside it; ended together. */
export interface FeedBed {
  chain: AnvilChain
  contracts: DeployedContracts
  writer: RecordWriter
  other: RecordWriter
  testChain: TestChain
  keep<Part>(end: () => unknown, part: Part): Part
  /** An empty one, dropped at the end. */
  newDatabase(): Promise<string>
  /** On a database of its own unless one is given. */
  start(overrides?: Parameters<typeof startTestIndexer>[1]): Promise<RunningIndexer>
  connect(indexer: { url: string }, options?: Parameters<typeof connectSse>[1]): Promise<SseClient>
  /** Takes back everything since the snapshot, and writes something else: `blocks` blocks with a record each. */
  branch(snapshot: unknown, blocks: number): Promise<void>
  snapshot(): Promise<unknown>
  caughtUp(indexer: RunningIndexer): Promise<void>
  directoryOf(indexer: RunningIndexer): ReturnType<typeof createDirectory>
  end(): Promise<void>
}

export async function createFeedBed(engine: StoreEngine, finalityDepth = 20): Promise<FeedBed> {
  const chain = await startAnvil()
  const contracts = await deployAll(chain.url)
  const writer = recordWriter(chain.url, contracts.QueryResultRegistry)
  const other = recordWriter(chain.url, contracts.QueryResultRegistry, OTHER_KEY)
  const ends: (() => unknown)[] = []
  const bed: FeedBed = {
    chain,
    contracts,
    writer,
    other,
    testChain: testChain(chain, contracts, { finalityDepth }),
    keep(end, part) {
      ends.push(end)
      return part
    },
    async newDatabase() {
      const { database, drop } = await engine.newDatabase()
      return bed.keep(drop, database)
    },
    async start(overrides) {
      const database = overrides?.database ?? (await bed.newDatabase())
      const indexer = await startTestIndexer([bed.testChain], {
        adminToken: ADMIN_TOKEN,
        ...overrides,
        database,
      })
      let stopping: Promise<void> | undefined
      const once = {
        ...indexer,
        stop() {
          stopping ??= indexer.stop()
          return stopping
        },
      }
      bed.keep(once.stop, once)
      await caughtUp(once, chain)
      return once
    },
    async connect(indexer, options) {
      const client = await connectSse(indexer.url, options)
      return bed.keep(() => client.close(), client)
    },
    snapshot: () => chain.request('evm_snapshot'),
    async branch(snapshot, blocks) {
      await chain.request('evm_revert', [snapshot])
      writer.reset()
      other.reset()
      for (let i = 0; i < blocks; i++) await (i % 2 === 0 ? writer.record() : other.recordBatch(2))
    },
    caughtUp: (indexer) => caughtUp(indexer, chain),
    directoryOf: (indexer) =>
      createDirectory(addressBookOf([bed.testChain]), indexer.store, (id) => indexer.views.get(id)!),
    async end() {
      for (const end of ends.reverse()) await end()
      writer.close()
      other.close()
      await chain.kill()
    },
  }
  return bed
}

/** Every record that the API lists of a provider, by where it stands. */
export async function listedRecords(indexer: RunningIndexer, provider: string): Promise<Map<string, string>> {
  const records = new Map<string, string>()
  let cursor = ''
  do {
    const response = await fetch(`${indexer.url}/v1/results?provider=${provider}&limit=200${cursor}`)
    const page = (await response.json()) as { records: EventDocument['data'][]; next: string | null }
    for (const record of page.records) records.set(placeOf(record), sameAlways(record))
    cursor = page.next === null ? '' : `&cursor=${page.next}`
  } while (cursor !== '')
  return records
}

export const placeOf = ({ block, logIndex, ...data }: EventDocument['data']): string =>
  `${block.number}:${block.hash}:${logIndex}:${'entryIndex' in data ? data.entryIndex : ''}`

/** Without what changes while it stays the same record. */
export function sameAlways(data: EventDocument['data']): string {
  const { finality: _, completeness: __, ...rest } = data as Record<string, unknown>
  return JSON.stringify(rest)
}

/** What somebody knows who applies events as they come, and insists that each is new and each retraction is of something known. */
export class Consumer {
  readonly known = new Map<string, { id: string; data: EventDocument['data'] }>()
  readonly seen = new Set<string>()

  apply(event: EventDocument): void {
    const { id, type, subject, retracts, data } = event
    if (this.seen.has(id)) throw new Error(`${id} came twice`)
    this.seen.add(id)
    if (type.endsWith('.retracted')) {
      if (this.known.get(subject)?.id !== retracts)
        throw new Error(`${id} retracts what is not known: ${retracts}`)
      this.known.delete(subject)
    } else {
      if (this.known.has(subject)) throw new Error(`${id} was added already`)
      this.known.set(subject, { id, data })
    }
  }

  /**
   * As `apply`, after a connection that may have ended within a commit: then a row of it is told to be gone which had not come yet,
   * and that changes nothing.
   */
  applyAfterCut(event: EventDocument): void {
    const { retracts, subject } = event
    if (retracts === undefined || this.known.get(subject)?.id === retracts) this.apply(event)
  }

  /** As `listedRecords`. */
  records(): Map<string, string> {
    return new Map([...this.known.values()].map(({ data }) => [placeOf(data), sameAlways(data)]))
  }
}
