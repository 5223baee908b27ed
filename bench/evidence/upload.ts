import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { Pool } from 'undici'
import type { EvidenceCredential } from '../../protocol/credentials/evidence-credential.ts'
import { type Bytes32, bytesToHex } from '../../protocol/hex.ts'

export interface UploadAnswer {
  credentialId: string
  credential: EvidenceCredential
}

const BOUNDARY = `countersign-${randomBytes(12).toString('hex')}`
const head = (name: string): Buffer =>
  Buffer.from(
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n` +
      'content-type: application/octet-stream\r\n\r\n',
  )
const TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)

/** Hands evidence in over real sockets. Close it when done. */
export class Uploader {
  readonly #pool: Pool
  readonly #apiKey: string

  constructor(url: string, apiKey: string, connections: number) {
    this.#apiKey = apiKey
    this.#pool = new Pool(url, { connections, headersTimeout: 0, bodyTimeout: 0 })
  }

  upload(name: string, content: Buffer): Promise<UploadAnswer> {
    return this.#post('/v1/evidence', Buffer.concat([head(name), content, TAIL]))
  }

  /** A file of `size` bytes that exists nowhere: made while it is sent. Answered when it is on chain. */
  async uploadLarge(name: string, size: number): Promise<UploadAnswer & { contentHash: Bytes32 }> {
    const hash = createHash('sha256')
    const first = head(name)
    async function* body() {
      yield first
      const chunk = randomBytes(1 << 20)
      for (let sent = 0; sent < size; sent += chunk.length) {
        // No two chunks are equal.
        chunk.writeDoubleBE(sent)
        const part = Buffer.from(chunk.subarray(0, Math.min(chunk.length, size - sent)))
        hash.update(part)
        yield part
      }
      yield TAIL
    }
    const answer = await this.#post(
      '/v1/evidence?wait=recorded',
      Readable.from(body()),
      first.length + size + TAIL.length,
    )
    return { ...answer, contentHash: bytesToHex(hash.digest()) }
  }

  /** As the server says it now. */
  async credential(credentialId: string): Promise<EvidenceCredential> {
    const { statusCode, body } = await this.#pool.request({
      method: 'GET',
      path: `/v1/evidence/${credentialId}/credential`,
      headers: { authorization: `Bearer ${this.#apiKey}` },
    })
    if (statusCode !== 200) throw new Error(`${statusCode} ${await body.text()}`)
    return (await body.json()) as EvidenceCredential
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #post(path: string, content: Buffer | Readable, length?: number): Promise<UploadAnswer> {
    const { statusCode, body } = await this.#pool.request({
      method: 'POST',
      path,
      headers: {
        authorization: `Bearer ${this.#apiKey}`,
        'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
        ...(length !== undefined && { 'content-length': String(length) }),
      },
      body: content,
    })
    if (statusCode !== 201) throw new Error(`${statusCode} ${await body.text()}`)
    return (await body.json()) as UploadAnswer
  }
}
