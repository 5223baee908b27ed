import { toCountersignError } from '../../http/problem.ts'
import { toProblem } from '../../protocol/errors.ts'
import type { Feed } from '../feed/feed.ts'
import type { FeedCursor } from '../feed/feed-cursor.ts'
import type { FeedFilter } from '../feed/feed-filter.ts'
import { matcherOf } from '../feed/feed-filter.ts'
import type { FeedPage, PageEntry } from '../feed/feed-pages.ts'
import type { Standing } from './schemas.ts'

export interface StreamTimes {
  /** A comment after so long without anything else. */
  heartbeatMs: number
  /** Between two reports of where the index stands. */
  checkpointMs: number
  /** What a client is asked to wait before it connects again. */
  retryMs: number
}

export const STREAM_TIMES: StreamTimes = { heartbeatMs: 15_000, checkpointMs: 250, retryMs: 1_000 }

/** Characters handed on at once. */
const CHUNK_LENGTH = 16 * 1024
/** A filter that lets little through is told how far it got after so many events. */
const SILENT_EVENTS = 1_000

export interface StreamOptions {
  feed: Feed
  cursor: FeedCursor
  filter: FeedFilter
  signal: AbortSignal
  times?: StreamTimes
  /** Called with the number of events of each chunk. */
  onEvents?: (count: number) => void
  /** Called with what ends the stream by no fault of the client. */
  onFailure?: (error: unknown) => void
}

/**
 * The text of one client's stream, made as fast as it is taken and no faster. The id of every frame is where to resume.
 * Ends when `signal` is aborted, or with an `error` event.
 */
export async function* streamFrames(options: StreamOptions): AsyncGenerator<string> {
  const { feed, filter, signal, times = STREAM_TIMES, onEvents, onFailure } = options
  const matches = matcherOf(filter)
  const checkpoints = new Checkpoints(filter.chainId, times.checkpointMs)
  let { cursor } = options
  let silent = 0
  // At once, so that the client knows that it is connected.
  yield `retry: ${times.retryMs}\n\n`
  try {
    while (!signal.aborted) {
      const { tick } = feed
      // Of the page only its text is held while the client takes its time.
      const { chunks, ...page } = prepare(await feed.page(cursor), matches)
      for (const chunk of chunks) {
        onEvents?.(chunk.count)
        silent = 0
        yield chunk.text
        if (signal.aborted) return
      }
      cursor = page.next
      silent += page.count
      if (silent >= SILENT_EVENTS) {
        silent = 0
        // Without data it is no event, but moves the id that a client resumes after.
        yield `id: ${page.cursor}\n\n`
      }
      if (!page.isEnd) continue
      const due = checkpoints.take(page.standings, performance.now())
      if (due.length > 0) yield due.map((standing) => frame('checkpoint', page.cursor, standing)).join('')
      await feed.changed(tick, checkpoints.waitMs(times.heartbeatMs), signal)
      if (checkpoints.isPending || feed.tick !== tick || signal.aborted) continue
      yield ':\n\n'
    }
  } catch (error) {
    const problem = toProblem(toCountersignError(error))
    if (problem.status >= 500) onFailure?.(error)
    yield `event: error\ndata: ${JSON.stringify(problem)}\n\n`
  }
}

const frame = (event: string, id: string, data: unknown): string =>
  `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`

const prepare = (
  { entries, next, cursor, isEnd, standings }: FeedPage,
  matches: (entry: PageEntry) => boolean,
) => ({
  chunks: [...chunksOf(entries.filter(matches))],
  count: entries.length,
  next,
  cursor,
  isEnd,
  standings,
})

function* chunksOf(entries: readonly PageEntry[]): Generator<{ text: string; count: number }> {
  let text = ''
  let count = 0
  for (const { document, cursor, json } of entries) {
    text += `event: ${document.type}\nid: ${cursor}\ndata: ${json}\n\n`
    count++
    if (text.length < CHUNK_LENGTH) continue
    yield { text, count }
    text = ''
    count = 0
  }
  if (count > 0) yield { text, count }
}

/** Which chains' standings a client is still to be told of. */
class Checkpoints {
  readonly #chainId: number | undefined
  readonly #pauseMs: number
  readonly #told = new Map<number, Standing>()
  #lastAt = Number.NEGATIVE_INFINITY
  #pending = false

  constructor(chainId: number | undefined, pauseMs: number) {
    this.#chainId = chainId
    this.#pauseMs = pauseMs
  }

  /** Something is to be told, once the pause is over. */
  get isPending(): boolean {
    return this.#pending
  }

  take(standings: readonly Standing[], now: number): Standing[] {
    const changed = standings.filter(
      (standing) =>
        (this.#chainId === undefined || this.#chainId === standing.chainId) &&
        this.#told.get(standing.chainId) !== standing,
    )
    this.#pending = changed.length > 0 && now - this.#lastAt < this.#pauseMs
    if (this.#pending || changed.length === 0) return []
    this.#lastAt = now
    for (const standing of changed) this.#told.set(standing.chainId, standing)
    return changed
  }

  waitMs(heartbeatMs: number): number {
    if (!this.#pending) return heartbeatMs
    return Math.max(this.#lastAt + this.#pauseMs - performance.now(), 1)
  }
}
