import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { EventDocument } from '../../../indexer/feed/event-schemas.ts'

export interface Delivery {
  headers: IncomingHttpHeaders
  body: string
  event: EventDocument
  /** `performance.now()` */
  at: number
}

/** How to answer: a status, or nothing at all. */
export type Answer = number | 'never' | { status: number; headers: Record<string, string>; body: string }

/** A server that takes webhooks, and verifies each as the library does once it knows the secret. */
export interface Receiver {
  url: string
  port: number
  deliveries: Delivery[]
  /** Those answered with a 2xx. */
  taken: Delivery[]
  /** Most requests under way at a time. */
  mostAtOnce: number
  answer: (delivery: Delivery) => Answer | Promise<Answer>
  secret: string | undefined
  close(): Promise<void>
}

export async function startReceiver(port = 0): Promise<Receiver> {
  let underWay = 0
  const server = createServer(async (request, response) => {
    underWay++
    receiver.mostAtOnce = Math.max(receiver.mostAtOnce, underWay)
    response.once('close', () => underWay--)
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    if (receiver.secret !== undefined)
      try {
        new Webhook(receiver.secret).verify(body, request.headers as Record<string, string>)
      } catch {
        return response.writeHead(401).end()
      }
    const delivery = { headers: request.headers, body, event: JSON.parse(body), at: performance.now() }
    receiver.deliveries.push(delivery)
    const answer = await receiver.answer(delivery)
    if (answer === 'never') return
    const {
      status,
      headers,
      body: text,
    } = typeof answer === 'number' ? { status: answer, headers: {}, body: '' } : answer
    if (status >= 200 && status < 300) receiver.taken.push(delivery)
    response.writeHead(status, headers).end(text)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    port: (server.address() as AddressInfo).port,
    deliveries: [],
    taken: [],
    mostAtOnce: 0,
    answer: () => 204,
    secret: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}
