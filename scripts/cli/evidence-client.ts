import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { Agent, type Dispatcher, request } from 'undici'
import { CountersignError } from '../../protocol/errors.ts'
import { MAX_PROOF_FILE_BYTES } from '../../protocol/proof-file.ts'
import { problemOf } from './problem-of.ts'

export interface NewEvidence {
  /** The file that is sent, read as a stream. */
  file: string
  /** Its length in bytes; another one that is found while it is read is an error. */
  size: number
  mediaType: string
  /** Name and expiry; the rest of the metadata follows from the file. */
  metadata: { name?: string; validUntil?: string }
  idempotencyKey: string
  /** Told of each piece of the file that is sent. */
  onBytes?: (bytes: number) => void
  signal?: AbortSignal
}
export interface AcceptedEvidence {
  credentialId: string
  state: 'pending' | 'recorded'
  /** The credential as a JSON value; not to be believed before it was verified. */
  credential: object
}
export interface Revocation {
  reason: string
  /** ISO 8601. */
  revokedAt: string
  /** `recorded`: the chain has it for good; `conflict`: the chain has another reason. */
  state: 'pending' | 'recorded' | 'conflict'
}
/** What is kept of one: what it is and how far, not the content. */
export interface EvidenceDescription {
  credentialId: string
  state: 'pending' | 'recorded' | 'conflict'
  revocation?: Revocation
  erasedAt?: string
  checkedAt?: string
  lastVerdict?: string
}
/** That evidence failed a recheck. */
export interface Notice {
  credentialId: string
  verdict: string
  foundAt?: string
}
/** A short request; the upload of a file may take longer than this at every step. */
const TIMEOUT_MS = 60_000
/** The server reads a large file several times before it answers. */
const UPLOAD_SILENCE_MS = 600_000
const CONNECT_TIMEOUT_MS = 5_000

/** Asks an evidence server. Every call throws the problem it answered, or EVIDENCE_SERVER_UNREACHABLE. */
export class EvidenceClient {
  readonly url: string
  readonly #apiKey: string
  readonly #agent: Agent

  constructor(url: string, apiKey: string) {
    this.url = url
    this.#apiKey = apiKey
    this.#agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS } })
  }

  /** Hands a file in. Sent again under its key, it is stored once and gets the same credential. */
  async store(evidence: NewEvidence): Promise<AcceptedEvidence> {
    const boundary = `countersign-${randomUUID()}`
    const [head, tail] = framingOf(evidence, boundary)
    const text = await this.#send({
      method: 'POST',
      path: '/v1/evidence',
      headers: {
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': String(head.length + evidence.size + tail.length),
        'idempotency-key': evidence.idempotencyKey,
      },
      body: Readable.from(multipart(evidence, head, tail)),
      silenceMs: UPLOAD_SILENCE_MS,
      ...(evidence.signal && { signal: evidence.signal }),
    })
    const answer = JSON.parse(text) as AcceptedEvidence
    if (typeof answer.credential !== 'object' || answer.credential === null)
      throw new CountersignError('EVIDENCE_SERVER_UNREACHABLE', 'the answer is not one of an evidence server')
    return answer
  }

  /** The bytes of the credential file, with its receipt once it is on chain. */
  credential(credentialId: string): Promise<string> {
    return this.#send({ method: 'GET', path: `/v1/evidence/${credentialId}/credential` })
  }

  /** Has what is stored re-read and held against the chain. @returns the bytes of the signed statement */
  async verify(credentialId: string, credential: object): Promise<object> {
    const path = `/v1/evidence/${credentialId}/verify`
    const { statement } = JSON.parse(
      await this.#send({ method: 'POST', path, json: { credential }, silenceMs: UPLOAD_SILENCE_MS }),
    )
    return statement
  }

  async revoke(credentialId: string, reason: string): Promise<Revocation & { credentialId: string }> {
    const path = `/v1/evidence/${credentialId}/revocation`
    return JSON.parse(await this.#send({ method: 'POST', path, json: { reason } }))
  }

  async erase(credentialId: string): Promise<Record<string, unknown>> {
    const path = `/v1/evidence/${credentialId}/erasure`
    return JSON.parse(await this.#send({ method: 'POST', path, json: {} }))
  }

  async describe(credentialId: string): Promise<EvidenceDescription> {
    return JSON.parse(await this.#send({ method: 'GET', path: `/v1/evidence/${credentialId}` }))
  }

  /** What this client handed in, latest first. @param cursor of the page before */
  list(cursor: string | null): Promise<{ evidence: EvidenceDescription[]; nextCursor: string | null }> {
    return this.#page('/v1/evidence', cursor)
  }

  /** What failed a recheck. */
  notices(cursor: string | null): Promise<{ notices: Notice[]; nextCursor: string | null }> {
    return this.#page('/v1/notices', cursor)
  }

  close(): Promise<void> {
    return this.#agent.close()
  }

  async #page<T>(path: string, cursor: string | null): Promise<T> {
    const query = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`
    return JSON.parse(await this.#send({ method: 'GET', path: `${path}${query}` }))
  }

  async #send({ method, path, json, silenceMs = TIMEOUT_MS, ...rest }: Sent): Promise<string> {
    let status: number
    let text: string
    try {
      const response = await request(new URL(path, this.url), {
        method,
        dispatcher: this.#agent,
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
        headers: {
          authorization: `Bearer ${this.#apiKey}`,
          ...(json && { 'content-type': 'application/json' }),
          ...rest.headers,
        },
        ...(rest.signal && { signal: rest.signal }),
        ...(json !== undefined && { body: JSON.stringify(json) }),
        ...(rest.body && { body: rest.body }),
      })
      status = response.statusCode
      text = await readBounded(response.body)
    } catch (cause) {
      if (cause instanceof CountersignError) throw cause
      if (rest.signal?.aborted) throw rest.signal.reason
      throw new CountersignError(
        'EVIDENCE_SERVER_UNREACHABLE',
        `no evidence server answers at ${this.url}: ${(cause as Error).message}`,
        { cause },
      )
    }
    if (status !== 200 && status !== 201 && status !== 202)
      throw problemOf(status, text, 'EVIDENCE_SERVER_UNREACHABLE')
    return text
  }
}

interface Sent {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  json?: object
  body?: Readable
  /** Milliseconds without a byte after which it is given up. */
  silenceMs?: number
  signal?: AbortSignal
}

async function readBounded(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_PROOF_FILE_BYTES)
      throw new Error(`the answer is longer than ${MAX_PROOF_FILE_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What stands before and after the file's bytes (RFC 7578). The file's own name is in the metadata alone. */
function framingOf(
  { metadata, mediaType, size }: NewEvidence,
  boundary: string,
): [head: Buffer, tail: Buffer] {
  const head =
    `--${boundary}\r\ncontent-disposition: form-data; name="metadata"\r\ncontent-type: application/json\r\n\r\n` +
    `${JSON.stringify({ ...metadata, mediaType, size })}\r\n` +
    `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="content"\r\ncontent-type: ${mediaType}\r\n\r\n`
  return [Buffer.from(head), Buffer.from(`\r\n--${boundary}--\r\n`)]
}

async function* multipart(
  { file, size, onBytes }: NewEvidence,
  head: Buffer,
  tail: Buffer,
): AsyncGenerator<Buffer> {
  yield head
  let sent = 0
  try {
    // A file that grows meanwhile is not read on: its first `size` bytes have another hash than it now has, and that shows.
    if (size > 0)
      for await (const chunk of createReadStream(file, { end: size - 1 })) {
        sent += chunk.length
        onBytes?.(chunk.length)
        yield chunk
      }
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${file}: ${(cause as Error).message}`, { cause })
  }
  if (sent !== size) throw new CountersignError('FILE_UNREADABLE', `${file} became shorter while it was read`)
  yield tail
}
