import type { RpcRequest, RpcResponse } from './fault-answers.ts'
import type { FaultDecisions } from './fault-plan.ts'
import type { ServerSocket } from './fault-websocket.ts'

export interface SubscriptionDeps {
  socket: ServerSocket
  /** `http://…` of the chain, which answers WebSockets at the same place. */
  chainUrl: string
  decisions: FaultDecisions
  /** Answers any other call that comes over the socket. */
  answer(call: RpcRequest): Promise<RpcResponse>
  note(calls: readonly RpcRequest[]): void
  /** Has the socket while it is subscribed. */
  subscribers: Set<unknown>
}

/** How long an announcement that comes out of order waits for the next one, which goes first. */
const HOLD_MS = 300

/** One client's WebSocket: its subscriptions are the chain's own, passed on with the faults that strike. */
export function serveSubscriptions({
  socket,
  chainUrl,
  decisions,
  answer,
  note,
  subscribers,
}: SubscriptionDeps): void {
  const upstream = new WebSocket(chainUrl.replace('http', 'ws'))
  const opened = new Promise<void>((resolve) =>
    upstream.addEventListener('open', () => resolve(), { once: true }),
  )
  /** Client's ids of subscriptions under way, by ours. */
  const pending = new Map<number, unknown>()
  let nextId = 1
  let held: { text: string; timer: NodeJS.Timeout } | undefined

  socket.onClose = () => {
    subscribers.delete(socket)
    if (held !== undefined) clearTimeout(held.timer)
    upstream.close()
  }
  upstream.addEventListener('error', () => socket.cut())
  upstream.addEventListener('close', () => socket.cut())

  socket.onMessage = (text) => {
    const asked = JSON.parse(text) as RpcRequest | RpcRequest[]
    const list = Array.isArray(asked) ? asked : [asked]
    note(list)
    if (Array.isArray(asked))
      return void Promise.all(asked.map(answer)).then(
        (answers) => socket.send(JSON.stringify(answers)),
        socket.cut,
      )
    if (asked.method === 'eth_subscribe' || asked.method === 'eth_unsubscribe') return void subscribe(asked)
    answer(asked).then((made) => socket.send(JSON.stringify(made)), socket.cut)
  }

  async function subscribe(call: RpcRequest): Promise<void> {
    await opened
    const id = nextId++
    pending.set(id, call.id)
    upstream.send(JSON.stringify({ jsonrpc: '2.0', ...call, id }))
  }

  upstream.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as { id?: number; params?: { result?: { hash?: string } } }
    if (message.id !== undefined) {
      const id = pending.get(message.id)
      pending.delete(message.id)
      subscribers.add(socket)
      return socket.send(JSON.stringify({ ...message, id }))
    }
    announce(String(data), message.params?.result?.hash ?? '')
  })

  function announce(text: string, key: string): void {
    if (decisions.strikes('subscription-cut', key) !== undefined) {
      socket.cut()
      return
    }
    if (decisions.strikes('subscription-silent', key) !== undefined) return
    if (held === undefined && decisions.strikes('subscription-out-of-order', key) !== undefined) {
      held = { text, timer: setTimeout(release, HOLD_MS) }
      return
    }
    socket.send(text)
    if (decisions.strikes('subscription-repeated', key) !== undefined) socket.send(text)
    release()
  }

  function release(): void {
    if (held === undefined) return
    clearTimeout(held.timer)
    socket.send(held.text)
    held = undefined
  }
}
