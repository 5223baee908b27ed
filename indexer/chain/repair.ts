import { bytesToHex } from '../../protocol/hex.ts'
import type { BlockRow, HeadRow, Position, Store } from '../store/store.ts'
import { type RowBuffer, TABLES, type Value } from '../store/tables.ts'
import { readBlockTimes } from './block-times.ts'
import { type AuthorHead, EMPTY_HEAD_BYTES } from './chain-heads.ts'
import { CommitDraft } from './commit-draft.ts'
import { decodeLogs, type IndexedContract } from './decode-logs.ts'
import { type LogFilter, readLogRanges } from './log-source.ts'
import type { RpcClient } from './rpc-client.ts'

export interface RepairDeps {
  store: Store
  rpc: RpcClient
  chainId: number
  finalNumber: number
  signal: AbortSignal
}

export interface RepairResult {
  /** True when the author's head is the chain's now. */
  repaired: boolean
  /** Events that were missing, and rows that were not the chain's. */
  missing: number
  surplus: number
  /** Who answered this time. */
  endpoints: string[]
  heads: HeadRow[]
}

/**
 * Reads everything an author wrote since its head was last equal to the chain's, and writes what is missing or wrong;
 * only if the outcome has the head that the chain has at `toBlock`, so that a repair never makes things worse.
 */
export async function repairAuthor(
  author: AuthorHead,
  contract: IndexedContract,
  chainHead: Uint8Array,
  toBlock: number,
  deps: RepairDeps,
): Promise<RepairResult> {
  const { store, chainId } = deps
  const { contractId } = author
  const base = await store.findVerifiedHead(contractId, author.author, toBlock)
  const fromBlock = base === undefined ? contract.stored.startBlock : base.blockNumber + 1
  const draft = new CommitDraft({
    chainId,
    finalNumber: deps.finalNumber,
    baseOf: () => ({ head: base?.head ?? EMPTY_HEAD_BYTES, entryCount: base?.entryCount ?? 0 }),
  })
  const endpoints = await readAgain(author, contract, { fromBlock, toBlock }, draft, deps)

  const heads = draft.heads()
  const newHead = heads.at(-1)?.head ?? base?.head ?? EMPTY_HEAD_BYTES
  const stored = await storedEvents(store, contractId, author.author, fromBlock, toBlock)
  const { rows, surplus, missing } = difference(draft.rows(), stored)
  const repaired = Buffer.compare(newHead, chainHead) === 0
  const verified = heads.map((head, i) => ({ ...head, verified: i === heads.length - 1 }))
  if (repaired)
    await store.repair({
      chainId,
      contractId,
      author: author.author,
      fromBlock,
      surplus,
      blocks: blocksOf(draft, rows),
      rows,
      heads: verified,
    })
  return {
    repaired,
    missing,
    surplus: surplus.length,
    endpoints,
    heads: verified.length > 0 || base === undefined ? verified : [base],
  }
}

async function readAgain(
  author: AuthorHead,
  contract: IndexedContract,
  range: { fromBlock: number; toBlock: number },
  draft: CommitDraft,
  { rpc, signal }: RepairDeps,
): Promise<string[]> {
  const { stored, projection } = contract
  const address = `0x${Buffer.from(stored.address).toString('hex')}`
  // Every event of a record book has its author as second indexed value: the node sends nobody else's.
  const topic = `0x${'0'.repeat(24)}${Buffer.from(author.author).toString('hex')}`
  const filter: LogFilter = { address: [address], topics: [[...projection.events.keys()], null, topic] }
  const contracts = new Map([[address, contract]])
  const endpoints = new Set<string>()
  for await (const { from, to, logs, endpoint } of readLogRanges({
    rpc,
    filter,
    from: range.fromBlock,
    to: range.toBlock,
    signal,
  })) {
    endpoints.add(endpoint)
    const withoutTime = decodeLogs({ logs, fromBlock: from, toBlock: to, endpoint }, contracts, draft)
    await readBlockTimes(rpc, withoutTime, draft)
  }
  return [...endpoints]
}

const keyOf = (position: Position): string => `${position.blockNumber}:${position.logIndex}`

/** What the store has at each position, as text to compare. */
async function storedEvents(
  store: Store,
  contractId: number,
  author: Uint8Array,
  fromBlock: number,
  toBlock: number,
): Promise<Map<string, Position & { content: string[] }>> {
  const events = new Map<string, Position & { content: string[] }>()
  const add = (row: Position, ...values: string[]) => {
    const key = keyOf(row)
    const event = events.get(key) ?? { blockNumber: row.blockNumber, logIndex: row.logIndex, content: [] }
    event.content.push(...values)
    events.set(key, event)
  }
  for (const row of await store.listAuthorRoots(contractId, author, fromBlock, toBlock))
    add(row, bytesToHex(row.root))
  for (const row of await store.listAuthorRecords(contractId, author, fromBlock, toBlock))
    add(row, row.key, row.digest)
  return events
}

/** Rows of the draft that the store lacks or has otherwise, and positions of the store that the draft does not confirm. */
function difference(
  buffers: readonly RowBuffer[],
  stored: ReadonlyMap<string, Position & { content: string[] }>,
): { rows: RowBuffer[]; surplus: Position[]; missing: number } {
  const drafted = new Map<string, string[]>()
  const eachRow = (visit: (buffer: RowBuffer, row: Value[], key: string) => void) => {
    // Roots come before the entries published with them, as in `storedEvents`.
    for (const buffer of [...buffers].sort((a, b) => b.table.localeCompare(a.table))) {
      const width = TABLES[buffer.table].columns.length
      for (let at = 0; at < buffer.values.length; at += width) {
        const row = buffer.values.slice(at, at + width)
        visit(buffer, row, `${row[1]}:${row[2]}`)
      }
    }
  }
  eachRow(({ table }, row, key) => {
    const column = (name: string) => bytesToHex(row[TABLES[table].columns.indexOf(name)] as Uint8Array)
    const content = table === 'roots' ? [column('root')] : [column('key'), column('digest')]
    drafted.set(key, [...(drafted.get(key) ?? []), ...content])
  })
  const same = (key: string) => stored.get(key)?.content.join() === drafted.get(key)?.join()
  const added = new Map<RowBuffer['table'], Value[]>()
  eachRow(({ table }, row, key) => {
    if (same(key)) return
    const values = added.get(table) ?? []
    values.push(...row)
    added.set(table, values)
  })
  return {
    rows: [...added].map(([table, values]) => ({ table, values })),
    surplus: [...stored].filter(([key]) => !same(key)).map(([, position]) => position),
    missing: [...drafted.keys()].filter((key) => !same(key)).length,
  }
}

function blocksOf(draft: CommitDraft, rows: readonly RowBuffer[]): BlockRow[] {
  const numbers = new Set<number>()
  for (const { table, values } of rows)
    for (let at = 0; at < values.length; at += TABLES[table].columns.length)
      numbers.add(values[at + 1] as number)
  return [...numbers].map((number) => draft.blocks.get(number)!)
}
