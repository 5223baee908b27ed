/** Thrown in place of a body that is longer than its reader allows. */
export class BodyTooLong extends Error {
  constructor(maxBytes: number) {
    super(`longer than ${maxBytes} bytes`)
    this.name = 'BodyTooLong'
  }
}

/**
 * Reads a response body into memory, `maxBytes` of it at most: what a peer sends never decides how much is kept.
 * @throws BodyTooLong; the stream is then destroyed, and its connection with it.
 */
export async function readBoundedBody(
  body: AsyncIterable<Uint8Array> & { destroy?: () => unknown },
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > maxBytes) {
      body.destroy?.()
      throw new BodyTooLong(maxBytes)
    }
    chunks.push(chunk)
  }
  return chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks, length)
}
