import { EventSourceParserStream } from 'eventsource-parser/stream'
import { IndexerProblem, problemOf } from './problem.ts'

export interface EventStreamOptions {
  /** Where to go on: the `id` of the last event that was dealt with. Default: with what happens from now on. */
  lastEventId?: string
  /** Parameters of `/v1/stream`, which filter what is sent. */
  query?: Readonly<Record<string, string>>
  /** Ends the reading. */
  signal?: AbortSignal
  /** Default 500; it doubles with each attempt in vain, up to half a minute. */
  retryMs?: number
}

export interface StreamedEvent {
  /** To go on after this event, give it as `lastEventId`. */
  id: string | undefined
  /** `message` where the stream names none. */
  event: string
  /** As JSON says. */
  data: unknown
}

interface Connection {
  fetch: typeof globalThis.fetch
  headers: Readonly<Record<string, string>>
}

const MAX_RETRY_MS = 30_000
/** Statuses after which asking again, for the same, is of use. */
const isPassing = ({ status, retryable }: IndexerProblem): boolean =>
  retryable || status === 429 || status >= 500

/**
 * Server-sent events of `/v1/stream`. When the connection breaks, a new one resumes after the last event that was read, so that none is left
 * out or seen twice. Ends when `signal` does.
 * @throws IndexerProblem when asking again is of no use: 4xx, such as 410 once the place to resume from is no longer kept
 */
export async function* readEventStream(
  baseUrl: string,
  options: EventStreamOptions & Connection,
): AsyncGenerator<StreamedEvent> {
  const { signal, retryMs = 500 } = options
  let { lastEventId } = options
  let waitMs = retryMs
  const isOver = () => signal?.aborted === true
  while (!isOver()) {
    try {
      for await (const event of readConnection(baseUrl, { ...options, lastEventId })) {
        lastEventId = event.id ?? lastEventId
        waitMs = retryMs
        yield event
        // What has come already is not said any more.
        if (isOver()) return
      }
    } catch (error) {
      if (isOver()) return
      if (error instanceof IndexerProblem && !isPassing(error)) throw error
      if (error instanceof IndexerProblem && error.retryAfterSeconds !== undefined)
        waitMs = Math.max(waitMs, error.retryAfterSeconds * 1000)
    }
    await pause(waitMs, signal)
    waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)
  }
}

async function* readConnection(
  baseUrl: string,
  {
    fetch,
    headers,
    query = {},
    lastEventId,
    signal,
  }: Omit<EventStreamOptions, 'lastEventId'> & Connection & { lastEventId: string | undefined },
): AsyncGenerator<StreamedEvent> {
  const url = new URL(`${baseUrl.replace(/\/$/, '')}/v1/stream`)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const response = await fetch(url, {
    headers: {
      ...headers,
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    ...(signal === undefined ? {} : { signal }),
  })
  if (response.status >= 400) throw await problemOf(response)
  if (response.body === null) return
  const reader = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield { id: value.id, event: value.event ?? 'message', data: JSON.parse(value.data) }
    }
  } finally {
    // Also when whoever reads the events has enough of them.
    await reader.cancel().catch(() => {})
  }
}

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
    if (signal?.aborted === true) end()
  })
