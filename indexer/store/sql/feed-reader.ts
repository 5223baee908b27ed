import { CountersignError } from '../../../protocol/errors.ts'
import type { ChainPosition, FeedEvent, FeedPosition, FeedReader, FeedRow } from '../feed.ts'
import type { Columns, SqlReader } from './engine.ts'
import {
  ADDED_ROWS,
  ADDED_ROWS_AFTER,
  COUNT_RETRACTED,
  FINAL_ROWS,
  RETRACTED_ROWS,
  toFeedRow,
} from './feed-rows.ts'
import type { JournalEntry } from './journal.ts'

const ENTRIES_A_QUERY = 100
const JOURNAL = `
  SELECT version, chain_id, kind, from_block, to_block, details FROM journal
  WHERE version >= $1 ORDER BY version LIMIT ${ENTRIES_A_QUERY}`

/** Whether the reader may have seen a row that a commit took away. */
type IsSeen = (row: FeedRow, at: ChainPosition, addedVersion: number, version: number) => boolean

const toEntry = (c: Columns): JournalEntry => ({
  version: c[0] as number,
  chainId: c[1] as number,
  kind: c[2] as JournalEntry['kind'],
  fromBlock: c[3] as number,
  toBlock: c[4] as number,
  details: c[5] === null ? null : JSON.parse(c[5] as string),
})

/** @param isReplica a position may then be ahead of what is here */
export function createFeedReader(reader: SqlReader, isReplica: () => boolean): FeedReader {
  /** Where the last event before a position stands: who comes back with it need not be counted up to. */
  const places = new WeakMap<FeedPosition, ChainPosition>()
  const readState = async (): Promise<{ version: number; prunedTo: number }> => {
    const [row] = await reader.query('SELECT version, feed_pruned_to FROM store_version')
    return { version: row![0] as number, prunedTo: row![1] as number }
  }

  async function checkKept(after: FeedPosition | null): Promise<void> {
    const { version, prunedTo } = await readState()
    if (
      after === null
        ? prunedTo === 0
        : after.version > prunedTo && (after.version <= version + 1 || isReplica())
    )
      return
    const where = after === null ? 'the beginning' : `version ${after.version}`
    throw new CountersignError(
      'FEED_EXPIRED',
      `changes after ${where} are not kept: this store has those after version ${prunedTo}, up to ${version}`,
    )
  }

  return {
    async listFeed({ after, limit, isKnown = () => false }) {
      await checkKept(after)
      const events: FeedEvent[] = []
      const from: FeedPosition = after ?? { version: 0, ordinal: 0 }
      let at = from
      const lastSeen = await lastAdded(from)
      const isSeen: IsSeen = (row, place, addedVersion, version) =>
        addedVersion < from.version ||
        (addedVersion === from.version && lastSeen !== undefined && comparePlaces(place, lastSeen) <= 0) ||
        isKnown(row.row.chainId, place, version)
      for (;;) {
        const entries = (await reader.query(JOURNAL, at.version)).map(toEntry)
        for (const entry of entries) {
          const ordinal = entry.version === at.version ? at.ordinal : 0
          const place = ordinal > 0 ? lastSeen : undefined
          await readEntry(entry, ordinal, place, isSeen, limit - events.length, events)
          if (events.length >= limit) return events
        }
        if (entries.length < ENTRIES_A_QUERY) return events
        at = { version: entries.at(-1)!.version + 1, ordinal: 0 }
      }
    },
    async feedStart() {
      return { version: (await readState()).prunedTo + 1, ordinal: 0 }
    },
    async feedEnd() {
      return { version: (await readState()).version + 1, ordinal: 0 }
    },
    async listFinalFeed({ chainId, after, toBlock, limit }) {
      const { blockNumber, logIndex, entryIndex } = after ?? { blockNumber: -1, logIndex: -1, entryIndex: -2 }
      const rows = await reader.query(FINAL_ROWS, chainId, toBlock, blockNumber, logIndex, entryIndex, limit)
      return rows
        .map(toFeedRow)
        .map(({ row, at, rest }) => ({ ...row, change: 'added', at, version: rest[0] as number }))
    },
  }

  /** Where the last row stands that whoever is at a position has seen added by its commit: none, if it only saw what that took. */
  async function lastAdded(position: FeedPosition): Promise<ChainPosition | undefined> {
    const { version, ordinal } = position
    if (ordinal === 0 || places.has(position)) return places.get(position)
    const entry = (await reader.query(JOURNAL, version)).map(toEntry)[0]
    if (entry?.version !== version) return undefined
    const { chainId, fromBlock, toBlock } = entry
    const place = ordinal - 1 - (await countRetracted(entry))
    if (place < 0) return undefined
    const rows = await reader.query(ADDED_ROWS, chainId, fromBlock, toBlock, version, 1, place)
    return rows.map(toFeedRow)[0]?.at
  }

  async function countRetracted({ version, kind }: JournalEntry): Promise<number> {
    if (kind === 'append') return 0
    const [row] = await reader.query(`SELECT ${COUNT_RETRACTED}`, version)
    return row![0] as number
  }

  /** Appends up to `limit` events of one commit, after its first `ordinal` ones: what it took first, then what it added. */
  async function readEntry(
    entry: JournalEntry,
    ordinal: number,
    place: ChainPosition | undefined,
    isSeen: IsSeen,
    limit: number,
    events: FeedEvent[],
  ): Promise<void> {
    const { version, chainId, kind, fromBlock, toBlock, details } = entry
    const until = events.length + limit
    const retracted = await countRetracted(entry)
    let next = ordinal
    while (next < retracted && events.length < until) {
      const rows = await reader.query(RETRACTED_ROWS, version, until - events.length, next)
      if (rows.length === 0) break
      for (const { row, at, rest } of rows.map(toFeedRow)) {
        next++
        const [addedVersion, reason] = rest
        if (!isSeen(row, at, addedVersion as number, version)) continue
        const isLate = reason === 'contradicted'
        events.push({
          ...row,
          change: 'retracted',
          at,
          isLate,
          addedVersion: addedVersion as number,
          position: { version, ordinal: next },
        })
      }
    }
    const isLate = kind === 'repair' || details?.isLate === true
    let last = next === retracted ? { blockNumber: fromBlock, logIndex: -1, entryIndex: -1 } : place
    while (events.length < until) {
      const asked = until - events.length
      const rows =
        last === undefined
          ? await reader.query(ADDED_ROWS, chainId, fromBlock, toBlock, version, asked, next - retracted)
          : await reader.query(
              ADDED_ROWS_AFTER,
              chainId,
              last.blockNumber,
              toBlock,
              version,
              asked,
              last.logIndex,
              last.entryIndex,
            )
      for (const { row, at, rest } of rows.map(toFeedRow)) {
        next++
        last = at
        if (rest[0] === 0) continue
        const position = { version, ordinal: next }
        places.set(position, at)
        events.push({ ...row, change: 'added', at, isLate, position })
      }
      if (rows.length < asked) return
    }
  }
}

const comparePlaces = (a: ChainPosition, b: ChainPosition): number =>
  a.blockNumber - b.blockNumber || a.logIndex - b.logIndex || a.entryIndex - b.entryIndex
