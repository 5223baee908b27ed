import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** The chunks of a stream, each told to `count` before it goes on; what `count` throws, or `signal` says, ends it. */
export function metered(stream: Readable, count: (bytes: number) => void, signal: AbortSignal): Readable {
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        count(chunk.length)
        done(null, chunk)
      } catch (error) {
        done(error as Error)
      }
    },
  })
  // The reader of the meter is told of a failure.
  pipeline(stream, meter, { signal, end: true }).catch((error) => meter.destroy(error))
  return meter
}
