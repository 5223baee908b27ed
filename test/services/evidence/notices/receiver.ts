import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export interface Received {
  id: string
  body: string
  headers: Record<string, string>
}

/** A real receiver of webhooks that answers as it is told to. */
export async function startReceiver(answer: (response: ServerResponse, count: number) => void = ok) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ id: String(request.headers['webhook-id']), body, headers: request.headers as never })
    receiver.answer(response, received.length)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received,
    answer,
    /** The documents, their signatures checked by the independent library. */
    documents: (secret: string) =>
      received.map(
        ({ body, headers }) => new Webhook(secret).verify(body, headers) as Record<string, unknown>,
      ),
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return receiver
}

export const ok = (response: ServerResponse): void => void response.writeHead(204).end()
