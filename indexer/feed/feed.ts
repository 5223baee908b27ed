import { setTimeout as sleep } from 'node:timers/promises'
import { standingOf } from '../api/standing.ts'
import { Bell } from './bell.ts'
import { type Delivery, encodeFeedCursor, type FeedCursor } from './feed-cursor.ts'
import { beginFeed, type FeedPage, type PageDeps, readFeedPage } from './feed-pages.ts'

/** Pages kept for consumers that stand where another one stood just now. */
const KEPT_PAGES = 32
const READY_LOOK_MS = 10

/**
 * What the index says, as it says it. Consumers pull pages from where they stand; those that stand at the same place, as all do that
 * have caught up, share one page: it is read and written as text once, however many there are.
 */
export interface Feed {
  /** Resolves when the contracts of all chains are known, which is soon after a start, or after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>
  begin(deliver: Delivery, startAt: 'now' | 'beginning'): Promise<FeedCursor>
  /** What comes after. @throws FEED_EXPIRED */
  page(cursor: FeedCursor): Promise<FeedPage>
  /** Changes whenever there may be something new: to be read before a page, and given to `changed`. */
  readonly tick: number
  /** Resolves when there may be something new since `tick`, after `timeoutMs`, or when `signal` is aborted. */
  changed(tick: number, timeoutMs: number, signal: AbortSignal): Promise<void>
  /** The index was written to, or another process wrote to it. */
  wake(): void
  close(): void
}

export interface FeedOptions extends PageDeps {
  /** Between two looks at what nobody calls about: finality, completeness. Default 100 ms. */
  lookMs?: number
}

interface KeptPage {
  tick: number
  page: Promise<FeedPage>
  /** Undefined while it is being read. */
  isEnd?: boolean
}

export function createFeed({ lookMs = 100, ...deps }: FeedOptions): Feed {
  const pages = new Map<string, KeptPage>()
  const bell = new Bell()
  let tick = 0
  let seen: unknown[] = []

  const wake = (): void => {
    tick++
    bell.ring()
  }
  const looking = setInterval(() => {
    if (!bell.isAwaited) return
    const now = [...deps.views.values()].map(standingOf)
    const isSame = now.length === seen.length && now.every((standing, i) => standing === seen[i])
    seen = now
    if (!isSame) wake()
  }, lookMs)
  looking.unref()

  function readShared(cursor: FeedCursor): Promise<FeedPage> {
    const name = encodeFeedCursor(cursor)
    const kept = pages.get(name)
    // A full page stays right, whatever the index does: what it takes back comes after. A page that had an end may have grown.
    if (kept !== undefined && (kept.tick === tick || kept.isEnd === false)) return kept.page
    const reading: KeptPage = { tick, page: readFeedPage(cursor, deps) }
    pages.delete(name)
    pages.set(name, reading)
    for (const old of pages.keys()) {
      if (pages.size <= KEPT_PAGES) break
      pages.delete(old)
    }
    reading.page.then(
      ({ isEnd }) => {
        reading.isEnd = isEnd
      },
      () => {
        if (pages.get(name) === reading) pages.delete(name)
      },
    )
    return reading.page
  }

  return {
    async ready(timeoutMs) {
      const deadline = performance.now() + timeoutMs
      const isReady = () => [...deps.views.values()].every(({ contracts }) => contracts.length > 0)
      while (!isReady() && performance.now() < deadline) await sleep(READY_LOOK_MS)
    },
    begin: (deliver, startAt) => beginFeed(deps, deliver, startAt),
    page: readShared,
    get tick() {
      return tick
    },
    async changed(since, timeoutMs, signal) {
      if (since !== tick) return
      await bell.wait(timeoutMs, signal)
    },
    wake,
    close() {
      clearInterval(looking)
      wake()
    },
  }
}
