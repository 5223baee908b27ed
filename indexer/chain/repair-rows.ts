import type { BlockRow, Position } from '../store/store.ts'
import {
  type BesideTable,
  isBesideRecords,
  RECORD_TIERS,
  type RowBuffer,
  TABLES,
  type TableName,
  type Value,
} from '../store/tables.ts'
import type { CommitDraft } from './commit-draft.ts'
import {
  BESIDE_KINDS,
  joinBeside,
  participantContent,
  recordContent,
  rootContent,
  type StoredEvent,
} from './stored-events.ts'

/** Rows that the store lacks or has otherwise, and positions of the store that the chain does not confirm. */
export interface RowDifference {
  rows: RowBuffer[]
  blocks: BlockRow[]
  missing: Position[]
  surplus: Position[]
  /** Where the rows are the chain's but for those beside records, and those. */
  damaged: Position[]
  besides: Value[]
}

/** What the chain says of some blocks, as drafted, against what the store has of them. */
export async function differenceOf(
  draft: CommitDraft,
  stored: AsyncIterable<StoredEvent>,
): Promise<RowDifference> {
  const drafted = contentsOf(draft.rows())
  const besides = besidesOf(draft.rows())
  const surplus: Position[] = []
  const damaged = new Map<string, Position>()
  const same = new Set<string>()
  const strays = new Map<string, Position>()
  for await (const { blockNumber, logIndex, content, beside, isStray } of stored) {
    const key = keyOf(blockNumber, logIndex)
    if (isStray) strays.set(key, { blockNumber, logIndex })
    else if (drafted.get(key)?.join() === content) {
      same.add(key)
      if (joinBeside(besides.get(key) ?? []) !== (beside ?? '')) damaged.set(key, { blockNumber, logIndex })
    } else surplus.push({ blockNumber, logIndex })
  }
  // The records of a log that is not this author's are not taken with a row beside them that says it is.
  for (const [key, position] of strays)
    if (drafted.has(key) && !same.has(key)) surplus.push(position)
    else damaged.set(key, position)
  const added = new Map<TableName, Value[]>()
  const numbers = new Set<number>()
  const restored: Value[] = []
  eachRow(draft.rows(), (table, row, key) => {
    if (isBesideRecords(table) && damaged.has(key)) restored.push(...row)
    if (same.has(key)) return
    let values = added.get(table)
    if (values === undefined) {
      values = []
      added.set(table, values)
    }
    values.push(...row)
    numbers.add(row[1] as number)
  })
  return {
    rows: [...added].map(([table, values]) => ({ table, values })),
    blocks: [...numbers].map((number) => draft.blocks.get(number)!),
    missing: [...drafted.keys()].filter((key) => !same.has(key)).map(positionOf),
    surplus,
    damaged: [...damaged.values()],
    besides: restored,
  }
}

/** Values that a draft holds: a measure of its memory. */
export const sizeOf = (draft: CommitDraft): number =>
  draft.rows().reduce((sum, { values }) => sum + values.length, 0)

/** By position, as `storedEvents` spells it: a publication with its entries. */
function contentsOf(buffers: readonly RowBuffer[]): Map<string, (string | Value)[]> {
  const contents = new Map<string, (string | Value)[]>()
  const order: readonly TableName[] = ['roots', 'records', 'participant_events']
  const sorted = [...buffers].sort((a, b) => order.indexOf(a.table) - order.indexOf(b.table))
  eachRow(sorted, (table, row, key) => {
    const { columns } = TABLES[table]
    if (isBesideRecords(table)) return
    const column = (name: string) => row[columns.indexOf(name)]
    const bytes = (name: string) => column(name) as Uint8Array
    if (table === 'roots') contents.set(key, [rootContent(bytes('root'), column('leaf_count') as string, [])])
    else if (table === 'participant_events')
      contents.set(key, [
        participantContent(bytes('account'), column('kind') as string, column('details') as string),
      ])
    else {
      const content = recordContent(bytes('key'), bytes('digest'))
      if (column('tier') === PUBLISHED) contents.get(key)?.push(content)
      else contents.set(key, [content])
    }
  })
  return contents
}

/** By position, as `storedEvents` spells them. */
function besidesOf(buffers: readonly RowBuffer[]): Map<string, string[]> {
  const contents = new Map<string, string[]>()
  const ofBesides = buffers.filter(({ table }) => isBesideRecords(table))
  eachRow(ofBesides, (table, row, key) => {
    const content = BESIDE_KINDS[table as BesideTable].contentOfDraft(row)
    const own = contents.get(key)
    if (own === undefined) contents.set(key, [content])
    else own.push(content)
  })
  return contents
}

const PUBLISHED = RECORD_TIERS.indexOf('published')

function eachRow(
  buffers: readonly RowBuffer[],
  visit: (table: TableName, row: Value[], key: string) => void,
): void {
  for (const { table, values } of buffers) {
    const width = TABLES[table].columns.length
    for (let at = 0; at < values.length; at += width) {
      const row = values.slice(at, at + width)
      visit(table, row, keyOf(row[1] as number, row[2] as number))
    }
  }
}

const keyOf = (blockNumber: number, logIndex: number): string => `${blockNumber}:${logIndex}`

function positionOf(key: string): Position {
  const [blockNumber, logIndex] = key.split(':').map(Number)
  return { blockNumber: blockNumber!, logIndex: logIndex! }
}
