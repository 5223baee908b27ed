import { Readable } from 'node:stream'
import { problemResponse } from '../../http/problem.ts'
import { Type } from '../../http/schema.ts'
import type { HttpServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { Feed } from '../feed/feed.ts'
import { DELIVERIES, decodeFeedCursor, type FeedCursor } from '../feed/feed-cursor.ts'
import { FeedFilterSchema } from '../feed/feed-filter.ts'
import { PROBLEM_RESPONSES } from './schemas.ts'
import { type StreamClientOptions, StreamClients } from './stream-clients.ts'
import { type StreamTimes, streamFrames } from './stream-frames.ts'

const STREAM_DELIVERIES = DELIVERIES.filter((deliver) => deliver !== 'both')
const ResumeId = Type.String({ minLength: 1, maxLength: 4096 })

/** Text made ahead of what the connection has taken; the connection itself buffers as much again. */
const BUFFER_BYTES = 16 * 1024
/** A browser does not connect again after a refusal; so that it may come back while the indexer starts, it is let wait. */
const READY_WAIT_MS = 5_000

export interface StreamRouteDeps extends StreamClientOptions {
  feed: Feed
  times?: StreamTimes
}

const DESCRIPTION = `Server-sent events: \`data\` is an Event, \`event\` its type. The \`id\` of each is where to resume: a client that sends the last one it
got as \`Last-Event-ID\`, or as \`?after=\` where it cannot set headers, gets exactly what came after it, retractions of what it saw included, also
after the indexer was restarted or its chain reorganised. Without one a stream starts now; \`?after=beginning\` starts at the first block.

\`checkpoint\` events say where the index stands on a chain (a Standing): everything up to that block has been sent; with deliver=final up
to its \`finalBlock\`, once the index is complete. \`error\` carries a problem document; the stream then ends.
Comments keep the connection alive. A client that does not read is disconnected and resumes when it connects again.`

/** Live events over SSE. */
export function addStreamRoute(server: HttpServer, { feed, times, ...limits }: StreamRouteDeps): void {
  const clients = new StreamClients(limits)
  server.addHook('preClose', (done) => {
    clients.close()
    done()
  })
  server.get(
    '/v1/stream',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['feed'],
        operationId: 'streamEvents',
        summary: 'Events as they are indexed, or once they are final',
        description: DESCRIPTION,
        querystring: Type.Object({
          ...FeedFilterSchema.properties,
          deliver: Type.Optional(
            Type.Enum([...STREAM_DELIVERIES], {
              type: 'string',
              default: 'instant',
              description:
                'instant: at once, with a retraction if the chain takes it back; final: once its block is final and the index complete',
            }),
          ),
          after: Type.Optional({
            ...ResumeId,
            description: 'Id of the last event seen, or `beginning`. The header counts if both are given.',
          }),
        }),
        headers: Type.Object({
          'last-event-id': Type.Optional(
            Type.String({
              maxLength: 4096,
              description: 'Id of the last event seen: the stream goes on after it',
            }),
          ),
        }),
        response: {
          200: {
            description: 'The stream',
            content: {
              'text/event-stream': {
                schema: Type.String({
                  description: 'Frames of Event, Standing (`checkpoint`) or Problem (`error`)',
                }),
              },
            },
          },
          410: problemResponse('The feed no longer goes back to that event'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const { deliver = 'instant', after, ...filter } = request.query
      const socket = request.raw.socket
      const client = clients.add(request.ip, () => socket.destroy())
      reply.raw.once('close', () => client.closed())
      try {
        await feed.ready(READY_WAIT_MS)
        const resumeId = request.headers['last-event-id'] ?? after
        const cursor = await cursorOf(feed, resumeId, deliver)
        // Asked for before anything is sent: what cannot be resumed is refused with a status.
        await feed.page(cursor)
        const frames = streamFrames({
          feed,
          cursor,
          filter,
          signal: client.signal,
          onFailure: (err) => request.log.error({ err }, 'stream failed'),
          ...(times && { times }),
        })
        const body = Readable.from(offering(frames, client), {
          objectMode: false,
          highWaterMark: BUFFER_BYTES,
        })
        return await reply
          .header('content-type', 'text/event-stream')
          .header('cache-control', 'no-cache, no-transform')
          .header('x-accel-buffering', 'no')
          // When the stream ends, so does the connection: a shutdown waits for none.
          .header('connection', 'close')
          .send(body)
      } catch (error) {
        client.closed()
        throw error
      }
    },
  )
}

async function cursorOf(
  feed: Feed,
  resumeId: string | undefined,
  deliver: (typeof STREAM_DELIVERIES)[number],
): Promise<FeedCursor> {
  if (resumeId === undefined || resumeId === '') return feed.begin(deliver, 'now')
  if (resumeId === 'beginning') return feed.begin(deliver, 'beginning')
  const cursor = decodeFeedCursor(resumeId)
  if (cursor.deliver !== deliver)
    throw new CountersignError(
      'CURSOR_INVALID',
      `the id to resume after is of a stream with deliver=${cursor.deliver}`,
    )
  return cursor
}

/** Between a chunk that was made and the asking for the next one lies the client's reading. */
async function* offering(
  frames: AsyncIterable<string>,
  client: { offered(): void; taken(): void },
): AsyncGenerator<string> {
  for await (const frame of frames) {
    client.offered()
    yield frame
    client.taken()
  }
}
