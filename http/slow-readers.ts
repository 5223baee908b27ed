import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** An answer of which the caller takes nothing for so long is given up, and its connection with it. */
const STALL_MS = 20_000
const LOOK_EVERY_MS = 5_000

/** Of a connection, as Node's own timeout looks at it: a write that is under way counts as what is left of it. */
interface WriteHandle {
  bytesWritten: number
  writeQueueSize: number
}

/**
 * Ends connections whose caller does not read what it asked for: otherwise each would hold its answer in memory until the socket's
 * own timeout, which any byte sent pushes on. Looks at all connections every few seconds, so that a request pays nothing for it.
 * @returns ends the looking
 */
export function endSlowReaders(
  server: Server,
  { stallMs = STALL_MS, everyMs = LOOK_EVERY_MS }: { stallMs?: number; everyMs?: number } = {},
): () => void {
  /** Bytes that the system has taken so far, and since when it is no more than that. */
  const taken = new Map<Socket, { bytes: number; since: number }>()
  server.on('connection', (socket: Socket) => {
    taken.set(socket, { bytes: 0, since: performance.now() })
    socket.once('close', () => taken.delete(socket))
  })
  let lastLook = performance.now()
  const looking = setInterval(() => {
    const now = performance.now()
    // While this process was held up nobody could take anything from it.
    const heldUpMs = Math.max(now - lastLook - everyMs, 0)
    lastLook = now
    for (const [socket, seen] of taken) {
      seen.since = Math.min(seen.since + heldUpMs, now)
      const { _handle: handle } = socket as unknown as { _handle?: WriteHandle | null }
      const bytes = handle ? handle.bytesWritten - handle.writeQueueSize : seen.bytes
      if (socket.writableLength === 0 || bytes !== seen.bytes) {
        seen.bytes = bytes
        seen.since = now
      } else if (now - seen.since >= stallMs) socket.destroy()
    }
  }, everyMs)
  looking.unref()
  return () => clearInterval(looking)
}
