import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createParser } from 'eventsource-parser'
import type { EventDocument } from '../../../indexer/feed/event-schemas.ts'
import { eventually } from '../../support/eventually.ts'

export interface Frame {
  event: string
  id: string
  data: unknown
  /** `performance.now()` at its arrival. */
  at: number
}

/** One connection to a stream, kept as it came. */
export interface SseClient {
  readonly status: number
  readonly body: string
  readonly frames: Frame[]
  readonly comments: string[]
  /** Events of the feed among the frames. */
  readonly events: EventDocument[]
  /** What a browser would send as Last-Event-ID. */
  readonly lastId: string | undefined
  readonly hasEnded: boolean
  readonly response: IncomingMessage
  close(): void
}

export async function connectSse(
  url: string,
  {
    query = '',
    lastEventId,
    isPaused = false,
  }: { query?: string; lastEventId?: string; isPaused?: boolean } = {},
): Promise<SseClient> {
  const frames: Frame[] = []
  const comments: string[] = []
  let [lastId, hasEnded, body]: [string | undefined, boolean, string] = [lastEventId, false, '']
  const parser = createParser({
    onEvent({ event = 'message', id = '', data }) {
      lastId = id
      frames.push({ event, id, data: JSON.parse(data), at: performance.now() })
    },
    onComment: (comment) => comments.push(comment),
  })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    httpRequest(`${url}/v1/stream${query}`, { headers, agent: false }, resolve).on('error', reject).end()
  })
  response.on('error', () => {})
  for (const end of ['end', 'close'])
    response.on(end, () => {
      hasEnded = true
    })
  if (!isPaused) {
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      body += text
      if (response.statusCode === 200) parser.feed(text)
    })
  }
  if (response.statusCode !== 200) await eventually('the refusal has come', () => hasEnded)
  return {
    status: response.statusCode!,
    frames,
    comments,
    response,
    get body() {
      return body
    },
    get events() {
      return frames.filter(({ event }) => event.includes('.')).map(({ data }) => data as EventDocument)
    },
    get lastId() {
      return lastId
    },
    get hasEnded() {
      return hasEnded
    },
    close: () => response.destroy(),
  }
}
