import type { IncomingMessage } from 'node:http'
import { CountersignError } from '../../../protocol/errors.ts'

export interface UploadTimes {
  /** Milliseconds from its beginning to its last byte. */
  totalMs: number
  /** Milliseconds without a byte. */
  stallMs: number
}

export interface UploadClock {
  signal: AbortSignal
  stop: () => void
}

const LOOKS_PER_STALL = 8

/**
 * Ends uploads that take too long: `signal` is aborted with REQUEST_TIMED_OUT. Only the sender's own silence counts: what has come and
 * waits for the disk does not.
 */
export function watchUpload(request: IncomingMessage, { totalMs, stallMs }: UploadTimes): UploadClock {
  const controller = new AbortController()
  const { socket } = request
  const startedAt = performance.now()
  let bytes = socket.bytesRead
  let since = startedAt
  const looking = setInterval(() => {
    const now = performance.now()
    if (request.complete) clearInterval(looking)
    else if (now - startedAt >= totalMs) end(`within ${totalMs} ms`)
    else if (socket.bytesRead !== bytes || request.readableLength > 0) {
      bytes = socket.bytesRead
      since = now
    } else if (now - since >= stallMs) end(`and no byte came for ${stallMs} ms`)
  }, stallMs / LOOKS_PER_STALL)
  looking.unref()
  const end = (when: string): void => {
    clearInterval(looking)
    controller.abort(new CountersignError('REQUEST_TIMED_OUT', `the upload was not complete ${when}`))
  }
  return { signal: controller.signal, stop: () => clearInterval(looking) }
}
