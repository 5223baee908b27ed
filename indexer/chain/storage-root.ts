import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Store } from '../store/store.ts'
import {
  HEAD_BYTES,
  RECORD_BYTES,
  StorageBook,
  type StorageRootAnswer,
  type StorageRootTask,
} from './storage-book.ts'

/** What a record book's storage must hold, as the index has it. */
export interface BookContents {
  contractId: number
  /** Rows up to this block. */
  toBlock: number
  /** Everybody who has a head at that block. */
  heads: readonly { author: Uint8Array; head: Uint8Array; entryCount: number }[]
}

/** Rows read at once: a page takes a few milliseconds of the thread that answers requests. */
const PAGE = 500
/** Entries kept in memory at once, 64 bytes each. */
const ENTRIES_A_PASS = 1 << 19
/** So few are a matter of milliseconds: a thread takes longer to start. */
const ENTRIES_WITHOUT_THREAD = 1_000

export interface StorageRootLimits {
  entriesAPass?: number
  entriesWithoutThread?: number
}

/**
 * The root of the storage trie that a RecordBook with these rows has. Rows are read in pages and handed to a thread of low
 * priority; a book larger than what is kept at once is read several times, for some of the trie's sixteen branches each.
 * @returns 32 bytes; undefined when the rows are such as no book can hold
 */
export async function computeStorageRoot(
  store: Pick<Store, 'listRecords'>,
  contents: BookContents,
  signal: AbortSignal,
  { entriesAPass = ENTRIES_A_PASS, entriesWithoutThread = ENTRIES_WITHOUT_THREAD }: StorageRootLimits = {},
): Promise<Uint8Array | undefined> {
  const entries = contents.heads.reduce((sum, { entryCount }) => sum + entryCount + 1, 0)
  const worker = entries <= entriesWithoutThread ? new InThisThread() : new InWorker()
  try {
    const passes = passesOf(entries, entriesAPass)
    let root: Uint8Array | null | undefined
    for (let pass = 0; pass < passes; pass++) {
      const nibbles = 16 / passes
      const capacity = Math.ceil((entries / passes) * 1.05) + 64
      await worker.ask({ kind: 'pass', firstNibble: pass * nibbles, nibbles, capacity })
      await sendHeads(worker, contents)
      await sendRecords(worker, store, contents, signal)
      ;({ root } = await worker.ask({ kind: 'end', isLast: pass === passes - 1 }))
      if (root === null) return undefined
    }
    return root!
  } finally {
    await worker.end()
  }
}

function passesOf(entries: number, entriesAPass: number): number {
  let passes = 1
  while (passes < 16 && entries / passes > entriesAPass) passes *= 2
  return passes
}

async function sendHeads(worker: RootComputer, { heads }: BookContents): Promise<void> {
  for (let from = 0; from < heads.length; from += PAGE) {
    const some = heads.slice(from, from + PAGE)
    const bytes = new Uint8Array(some.length * HEAD_BYTES)
    some.forEach(({ author, head }, i) => {
      bytes.set(author, i * HEAD_BYTES)
      bytes.set(head, i * HEAD_BYTES + 20)
    })
    await worker.ask({ kind: 'heads', bytes })
  }
}

async function sendRecords(
  worker: RootComputer,
  store: Pick<Store, 'listRecords'>,
  { contractId, toBlock, heads }: BookContents,
  signal: AbortSignal,
): Promise<void> {
  let bytes = Buffer.alloc(2 * PAGE * RECORD_BYTES)
  let used = 0
  const send = async () => {
    const sent = new Uint8Array(bytes.buffer, bytes.byteOffset, used)
    bytes = Buffer.alloc(2 * PAGE * RECORD_BYTES)
    used = 0
    if (sent.length > 0) await worker.ask({ kind: 'records', bytes: sent })
  }
  for (const { author } of heads) {
    let after: { blockNumber: number; logIndex: number; entryIndex: number } | undefined
    for (;;) {
      signal.throwIfAborted()
      const limit = PAGE
      const page = await store.listRecords({ author, contractId, toBlock, limit, ...(after && { after }) })
      for (const { key, digest, tier } of page) {
        if (tier !== 'recorded') continue
        bytes.set(author, used)
        bytes.write(key.slice(2), used + 20, 32, 'hex')
        bytes.write(digest.slice(2), used + 52, 32, 'hex')
        used += RECORD_BYTES
      }
      if (used >= PAGE * RECORD_BYTES) await send()
      await setImmediate()
      if (page.length < limit) break
      after = page.at(-1)!
    }
  }
  await send()
}

/** One task at a time, each answered before the next. */
interface RootComputer {
  ask(task: StorageRootTask): Promise<StorageRootAnswer>
  end(): Promise<void>
}

class InThisThread implements RootComputer {
  readonly #book = new StorageBook()

  async ask(task: StorageRootTask): Promise<StorageRootAnswer> {
    return this.#book.answer(task)
  }

  async end(): Promise<void> {}
}

class InWorker implements RootComputer {
  readonly #worker = new Worker(new URL('./storage-root-worker.ts', import.meta.url))
  #settle: { resolve: (answer: StorageRootAnswer) => void; reject: (error: Error) => void } | undefined
  #failure: Error | undefined

  constructor() {
    this.#worker.on('message', (answer: StorageRootAnswer) => this.#settle?.resolve(answer))
    const fail = (error: Error) => {
      this.#failure = error
      this.#settle?.reject(error)
    }
    this.#worker.on('error', fail)
    this.#worker.on('exit', () => fail(new Error('the thread of the storage root ended')))
  }

  ask(task: StorageRootTask): Promise<StorageRootAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#settle = { resolve, reject }
      this.#worker.postMessage(task, 'bytes' in task ? [task.bytes.buffer as ArrayBuffer] : [])
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
