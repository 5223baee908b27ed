import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { ChainCommit } from '../../../indexer/store/store.ts'
import type { Value } from '../../../indexer/store/tables.ts'

export const CHAIN = 7
/** Enough for a commit to take a while. */
export const ROWS_A_COMMIT = 4_000

const hashOf = (number: number): Buffer => {
  const hash = Buffer.alloc(32)
  hash.writeUInt32BE(number)
  return hash
}

/** Step `number` of a chain whose every block has as many records. */
export function commitOf(number: number): ChainCommit {
  const block = { number, hash: hashOf(number), timestamp: number }
  const author = Buffer.alloc(20, 0xa1)
  const values: Value[] = []
  for (let i = 0; i < ROWS_A_COMMIT; i++) {
    const key = hashOf(number)
    key.writeUInt32BE(i, 4)
    values.push(CHAIN, number, i, 0, 1, author, key, key, 0, key)
  }
  return {
    chainId: CHAIN,
    base: hashOf(number - 1),
    blocks: [block],
    rows: [{ table: 'records', values }],
    heads: [
      {
        contractId: 1,
        author,
        blockNumber: number,
        head: hashOf(number),
        entryCount: number,
        verified: false,
      },
    ],
    checkpoint: { ...block, finalNumber: number },
  }
}

/** A process that opens a store and writes to it without end. */
export interface WritingProcess {
  child: ChildProcess
  /** Resolves to the number of the last commit that it was told is on disk. */
  kill(): Promise<number>
}

export async function startWritingProcess(database: string): Promise<WritingProcess> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), database], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let last = -1
  const lines = createInterface(child.stdout!)
  const first = once(lines, 'line')
  lines.on('line', (line) => {
    last = Number(line)
  })
  await Promise.race([
    first,
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the writing process ended with ${code}`))),
  ])
  return {
    child,
    async kill() {
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
      return last
    },
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const store = await openStore(process.argv[2]!)
  const [chain] = await store.listChains()
  if (chain === undefined) {
    const checkpoint = { number: 0, hash: hashOf(0), timestamp: 0, finalNumber: 0 }
    await store.createChain({ chainId: CHAIN, genesisHash: hashOf(0), checkpoint })
    const address = Buffer.alloc(20, 1)
    await store.createContract({ chainId: CHAIN, address, kind: 'X', startBlock: 1, caughtUpTo: null })
  }
  let number = chain?.checkpoint.number ?? 0
  process.stdout.write(`${number}\n`)
  for (;;) {
    number++
    await store.commit(commitOf(number))
    process.stdout.write(`${number}\n`)
  }
}
