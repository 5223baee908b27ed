import { contentHasher } from '../../protocol/credentials/content-hasher.ts'
import type { Bytes32 } from '../../protocol/hex.ts'

export interface HashFileOptions {
  /** Of the file's bytes, from 0 to 1; called a few times a second. */
  onProgress?: (share: number) => void
  signal?: AbortSignal
}

/** The page answers to keys and pointers at least this often. */
const TURN_MS = 12
const PROGRESS_MS = 100
/** A browser hands over as much as it likes; a part is hashed in about a millisecond. */
const PART_BYTES = 128 * 1024

/**
 * Hashes a file as it is read, part by part: never more of it is in memory than the browser hands over at once.
 * @throws the signal's reason when aborted; NotReadableError, NotFoundError as the browser has them
 */
export async function hashFile(file: Blob, { onProgress, signal }: HashFileOptions = {}): Promise<Bytes32> {
  signal?.throwIfAborted()
  const hasher = contentHasher()
  const reader = partsOf(file)
  let read = 0
  let turnEnds = performance.now() + TURN_MS
  let progressAt = 0
  try {
    for (;;) {
      const part = await reader.next()
      if (part === undefined) break
      for (let start = 0; start < part.length; start += PART_BYTES) {
        hasher.update(part.subarray(start, start + PART_BYTES))
        if (performance.now() < turnEnds) continue
        await nextTurn()
        signal?.throwIfAborted()
        turnEnds = performance.now() + TURN_MS
      }
      read += part.length
      if (performance.now() - progressAt < PROGRESS_MS) continue
      progressAt = performance.now()
      onProgress?.(read / file.size)
    }
  } finally {
    // Of a stream that is read to its end, nothing is left to cancel.
    await reader.cancel().catch(() => undefined)
  }
  signal?.throwIfAborted()
  return hasher.digest()
}

/** The file's bytes, all read into one place in turn where the browser can: what it hands over otherwise stays in memory for a while. */
function partsOf(file: Blob): { next(): Promise<Uint8Array | undefined>; cancel(): Promise<void> } {
  try {
    const reader = file.stream().getReader({ mode: 'byob' })
    let place = new ArrayBuffer(PART_BYTES)
    return {
      async next() {
        const { done, value } = await reader.read(new Uint8Array(place))
        if (done) return undefined
        place = value.buffer
        return value
      },
      cancel: () => reader.cancel(),
    }
  } catch {
    const reader = file.stream().getReader()
    return { next: async () => (await reader.read()).value, cancel: () => reader.cancel() }
  }
}

/** Lets the browser do what waits: timers are throttled in a page that is not in front, messages are not. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
