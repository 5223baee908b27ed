import { addAbortSignal, Readable } from 'node:stream'
import { storeFailure } from './store-failure.ts'

interface ContentSource {
  /** The next bytes; null at the end. */
  read(): Promise<Buffer | null>
  close(): Promise<unknown>
}

/** A stream over a stored content, whose failures are EVIDENCE_STORE_UNAVAILABLE (or an AbortError, when it was called off). */
export function contentStream(source: ContentSource, signal?: AbortSignal): Readable {
  const stream = new Readable({
    read() {
      source.read().then(
        (chunk) => this.push(chunk),
        (error) => this.destroy(error),
      )
    },
    destroy(error, done) {
      const failure = error === null || error.name === 'AbortError' ? error : storeFailure(error)
      source.close().then(
        () => done(failure),
        () => done(failure),
      )
    },
  })
  return signal === undefined ? stream : addAbortSignal(signal, stream)
}
