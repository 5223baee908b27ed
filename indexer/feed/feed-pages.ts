import { CountersignError } from '../../protocol/errors.ts'
import type { Standing } from '../api/schemas.ts'
import { standingsOf } from '../api/standing.ts'
import type { ChainPosition, FeedEvent, FeedPosition } from '../store/feed.ts'
import type { StoreReader } from '../store/store.ts'
import { type DocumentDeps, type FeedItem, makeItems, type SaidRow } from './event-document.ts'
import type { FeedChange } from './event-schemas.ts'
import {
  beforeBlock,
  type Delivery,
  encodeFeedCursor,
  endOfBlock,
  type FeedCursor,
  isPassed,
} from './feed-cursor.ts'
import { settledBlocks } from './settled-blocks.ts'

/** Rows of a page; in both deliveries at once there may be twice as many events. */
const ROWS_A_PAGE = 100

export interface PageEntry extends FeedItem {
  /** Where a consumer stands that has got everything up to this event. */
  cursor: string
}

export interface FeedPage {
  entries: PageEntry[]
  next: FeedCursor
  /** `next` as text. */
  cursor: string
  /** True when there was nothing after it. */
  isEnd: boolean
  /** As of before it was read: at the end, everything up to there has been told. */
  standings: Standing[]
}

export interface PageDeps extends DocumentDeps {
  store: Pick<
    StoreReader,
    | 'hasEarlierRecord'
    | 'findPaymentAt'
    | 'findRevocationAt'
    | 'listFeed'
    | 'listFinalFeed'
    | 'feedStart'
    | 'feedEnd'
    | 'listChains'
  >
}

type Said = SaidRow & { after: FeedCursor }

/** Where a consumer begins. */
export async function beginFeed(
  { store }: Pick<PageDeps, 'store'>,
  deliver: Delivery,
  startAt: 'now' | 'beginning',
): Promise<FeedCursor> {
  const finals = (await store.listChains()).map(
    ({ chainId, checkpoint: { number, finalNumber } }) => [chainId, Math.min(number, finalNumber)] as const,
  )
  const journal = await store.feedEnd()
  if (startAt === 'now')
    return { deliver, journal, walked: new Map(finals.map(([id, block]) => [id, endOfBlock(block)])) }
  // Rows that were final before it began are read by block; final ones are in any case.
  if (deliver === 'final') return { deliver, journal, walked: new Map() }
  return {
    deliver,
    journal: null,
    walked: new Map(),
    start: { version: journal.version, blocks: new Map(finals) },
  }
}

/**
 * What comes after `cursor`, at most a page of it. Reading costs what is on the page: nobody has to be waited for, nothing is queued.
 * @throws FEED_EXPIRED when what comes next is no longer kept
 */
export async function readFeedPage(cursor: FeedCursor, deps: PageDeps): Promise<FeedPage> {
  const { store, views } = deps
  // Before any row is read: what is settled or stands here is in the rows.
  const standings = standingsOf(views.values())
  const settled = settledBlocks(views.values())
  const said: Said[] = []
  let next = cursor
  const rowsLeft = () => ROWS_A_PAGE - rows
  let rows = 0
  let isEnd = true

  /** @returns true when the chain's rows up to `toBlock` all fitted */
  async function walk(chainId: number, toBlock: number, changes: readonly FeedChange[]): Promise<boolean> {
    const after = next.walked.get(chainId) ?? beforeBlock(0)
    if (isPassed(endOfBlock(toBlock), after)) return true
    const limit = rowsLeft()
    const found = limit === 0 ? [] : await store.listFinalFeed({ chainId, after, toBlock, limit })
    rows += found.length
    for (const event of found) {
      const passed = withWalked(next, chainId, event.at)
      for (const change of changes)
        said.push({ ...event, change, after: change === changes.at(-1) ? passed : next })
      next = passed
    }
    if (found.length === limit) return false
    next = withWalked(next, chainId, endOfBlock(toBlock))
    return true
  }

  /** @returns true when the journal was read to its end */
  async function readJournal(): Promise<boolean> {
    if (rowsLeft() === 0) return false
    const end = await store.feedEnd()
    const limit = rowsLeft()
    next = { ...next, journal: next.journal ?? (await oldest()) }
    const { start, walked } = next
    // What was walked may have been taken away before the journal comes to the commit that had added it.
    const isKnown = (chainId: number, at: ChainPosition, version: number) =>
      isPassed(at, walked.get(chainId)) && (start === undefined || version >= start.version)
    const found = await store.listFeed({ after: next.journal, limit, isKnown })
    rows += found.length
    for (const event of found) {
      next = { ...next, journal: event.position }
      if (isToldAlready(event, next)) continue
      const isWalked = isPassed(event.at, next.walked.get(event.row.chainId))
      for (const change of changesOf(event, next.deliver, isWalked))
        said.push({
          ...event,
          change,
          version: event.position.version,
          wasSaid: next.deliver === 'final' ? 'final' : 'added',
          after: next,
        })
    }
    if (found.length === limit) return false
    const isBehind = next.journal!.version < end.version
    next = { ...withoutStart(next), journal: isBehind ? end : next.journal }
    return true
  }

  async function oldest(): Promise<FeedPosition> {
    const start = await store.feedStart()
    if (next.start !== undefined && start.version > next.start.version)
      throw new CountersignError(
        'FEED_EXPIRED',
        'reading from the beginning took longer than commits are kept',
      )
    return start
  }

  if (cursor.start !== undefined)
    for (const [chainId, block] of cursor.start.blocks)
      isEnd &&= await walk(chainId, block, cursor.deliver === 'both' ? ['added', 'final'] : ['added'])
  isEnd &&= await readJournal()
  if (cursor.deliver !== 'instant')
    for (const [chainId, block] of settled) isEnd &&= await walk(chainId, block, ['final'])

  const items = await makeItems(said, deps)
  const entries = items.flatMap((item, i) =>
    item === undefined ? [] : [{ ...item, cursor: encodeFeedCursor(said[i]!.after) }],
  )
  return { entries, next, cursor: encodeFeedCursor(next), isEnd, standings }
}

/**
 * What is said of a row that a commit added or took away. One in a block that was passed as final, as after a repair or when a contract
 * was added later, is final at once; and only such a one was ever called final.
 */
function changesOf({ change }: FeedEvent, deliver: Delivery, isWalked: boolean): FeedChange[] {
  if (change === 'retracted') return deliver === 'final' && !isWalked ? [] : ['retracted']
  if (deliver === 'instant') return ['added']
  if (!isWalked) return deliver === 'both' ? ['added'] : []
  return deliver === 'both' ? ['added', 'final'] : ['final']
}

/** The row came in chain order before the commits were read. */
const isToldAlready = ({ position, row }: FeedEvent, { start }: FeedCursor): boolean =>
  start !== undefined &&
  position.version < start.version &&
  row.blockNumber <= (start.blocks.get(row.chainId) ?? -1)

const withWalked = (cursor: FeedCursor, chainId: number, position: ChainPosition): FeedCursor => ({
  ...cursor,
  walked: new Map(cursor.walked).set(chainId, position),
})

/** In instant deliveries nothing is passed as final: what was walked served the start. */
const withoutStart = ({ deliver, journal, walked }: FeedCursor): FeedCursor => ({
  deliver,
  journal,
  walked: deliver === 'instant' ? new Map() : walked,
})
