import createClient, { type Client, type Middleware } from 'openapi-fetch'
import { type EventStreamOptions, readEventStream, type StreamedEvent } from './event-stream.ts'
import { problemOf } from './problem.ts'
import type { components, paths } from './schema.d.ts'

export type { EventStreamOptions, StreamedEvent } from './event-stream.ts'
export { IndexerProblem } from './problem.ts'
export type { components, operations, paths } from './schema.d.ts'

/** What the OpenAPI document calls `Record`, `Standing` and so on. */
export type Schemas = components['schemas']

export interface IndexerClient extends Pick<Client<paths>, 'GET' | 'POST' | 'DELETE' | 'PUT'> {
  /** Live events of `/v1/stream`, resumed by itself after the last one read when the connection breaks. */
  events(options?: EventStreamOptions): AsyncGenerator<StreamedEvent>
}

export interface IndexerClientOptions {
  fetch?: typeof globalThis.fetch
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>>
}

/**
 * A client of the indexer's API, typed by its OpenAPI document (`npm run client:generate`). Paths, parameters and answers are checked when
 * compiling; an answer that is an error is thrown as an `IndexerProblem`, so `data` is there whenever a call returns (but for 304).
 *
 *     const indexer = createIndexerClient('http://127.0.0.1:4000')
 *     const { data } = await indexer.GET('/v1/results/{serial}/{provider}', { params: { path: { serial, provider } } })
 *     for await (const { data: event } of indexer.events()) console.log(event)
 */
export function createIndexerClient(baseUrl: string, options: IndexerClientOptions = {}): IndexerClient {
  const { fetch = globalThis.fetch, headers = {} } = options
  const client = createClient<paths>({ baseUrl, fetch: (request) => fetch(request), headers })
  client.use(throwProblems)
  return {
    GET: client.GET,
    POST: client.POST,
    PUT: client.PUT,
    DELETE: client.DELETE,
    events: (streamOptions = {}) => readEventStream(baseUrl, { fetch, headers, ...streamOptions }),
  }
}

const throwProblems: Middleware = {
  async onResponse({ response }) {
    if (response.status >= 400) throw await problemOf(response)
  },
}
