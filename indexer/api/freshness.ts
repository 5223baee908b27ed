import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HttpServer } from '../../http/server.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { StoreReader } from '../store/store.ts'

/**
 * Entity tags of what the index says now. A tag covers everything an answer is made of: the version of the
 * store's rows, and of each chain its checkpoint, finality, tip, state and completeness. Equal tags mean equal answers, in every process that reads the same store.
 */
export interface Freshness {
  /**
   * True when the caller has this answer already: it was then told so with 304, and nothing was looked up. To be asked
   * before anything is read.
   */
  isKnown(request: FastifyRequest, reply: FastifyReply): boolean
  /** The tag at this moment; undefined while a chain is not complete, as then an author's completeness may change by itself. */
  tag(): string | undefined
  /** Says how long the answer may be kept. @param tag as of before anything was read @param isSettled nothing that may change is in it */
  mark(reply: FastifyReply, tag: string | undefined, isSettled?: boolean): void
}

/** Goes up when the same index is answered with in another form. */
const FORM = 1
/** Between two looks at the store's version. A tag may lag behind it by so much, an answer never does. */
const VERSION_POLL_MS = 50
/** Kept, but asked about each time. */
const REVALIDATED = 'no-cache'
/** Of an answer as of a final block, with everything in it final and complete: a day, and then it is asked about. */
const SETTLED = 'public, max-age=86400'

export function createFreshness(
  server: HttpServer,
  store: Pick<StoreReader, 'rowsVersion'>,
  views: ReadonlyMap<number, ChainView>,
): Freshness {
  let version = -1
  let seen: unknown[] = []
  let tag: string | undefined

  const look = async () => {
    version = await store.rowsVersion()
  }
  let looking: NodeJS.Timeout | undefined
  server.addHook('onReady', async () => {
    // A store that cannot be reached is reported by whoever reads rows from it; without a version there are no tags.
    const lookAgain = () =>
      look()
        .catch(() => {
          version = -1
        })
        .finally(() => {
          if (looking !== undefined) looking = setTimeout(lookAgain, VERSION_POLL_MS).unref()
        })
    looking = setTimeout(lookAgain, 0).unref()
  })
  server.addHook('onClose', async () => {
    clearTimeout(looking)
    looking = undefined
  })

  function current(): string | undefined {
    let i = 0
    let isSame = seen[i++] === version
    for (const { checkpoint, state, completeness, tip } of views.values())
      isSame =
        seen[i++] === checkpoint &&
        seen[i++] === state &&
        seen[i++] === completeness &&
        seen[i++] === tip?.number &&
        isSame
    if (isSame && i === seen.length) return tag
    seen = [
      version,
      ...[...views.values()].flatMap(({ checkpoint, state, completeness, tip }) => [
        checkpoint,
        state,
        completeness,
        tip?.number,
      ]),
    ]
    tag = version >= 0 && [...views.values()].every(isWhole) ? tagOf(version, views.values()) : undefined
    return tag
  }

  return {
    tag: current,
    isKnown(request, reply) {
      const known = request.headers['if-none-match']
      if (known === undefined) return false
      const now = current()
      if (now === undefined || !includesTag(known, now)) return false
      reply.code(304).header('etag', now).header('cache-control', REVALIDATED).send()
      return true
    },
    mark(reply, made, isSettled = false) {
      if (made !== undefined) reply.header('etag', made)
      reply.header('cache-control', isSettled && made !== undefined ? SETTLED : REVALIDATED)
    },
  }
}

const isWhole = ({ checkpoint, completeness }: ChainView): boolean =>
  checkpoint !== undefined && completeness === 'complete'

/** Weak: an answer of a replica also says how far behind it is. */
function tagOf(version: number, views: Iterable<ChainView>): string {
  const parts = [...views].map(({ config, checkpoint, state, tip }) => [
    config.chainId,
    config.name,
    checkpoint!.number,
    Buffer.from(checkpoint!.hash).toString('hex'),
    checkpoint!.finalNumber,
    state,
    tip?.number,
  ])
  const digest = createHash('sha256')
    .update(JSON.stringify([FORM, version, parts]))
    .digest('base64url')
  return `W/"${digest.slice(0, 22)}"`
}

/** By the weak comparison of RFC 9110, section 8.8.3.2. `*` is no tag of ours: whether there is an answer is not known yet. */
const includesTag = (header: string, tag: string): boolean =>
  header.split(',').some((candidate) => candidate.trim() === tag || `W/${candidate.trim()}` === tag)
