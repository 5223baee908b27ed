import { setTimeout as sleep } from 'node:timers/promises'
import { AwsV4Signer } from 'aws4fetch'
import { Agent, type Dispatcher, request } from 'undici'
import { CountersignError } from '../../../protocol/errors.ts'
import { storeFailure } from './store-failure.ts'

export interface S3Options {
  /** Base URL of the service, `https://s3.eu-central-1.amazonaws.com` say; buckets are addressed by path. */
  endpoint: string
  region: string
  bucket: string
  /** In front of every key; '' for none. */
  prefix: string
  accessKeyId: string
  secretAccessKey: string
  /** Milliseconds without progress after which a request counts as failed. Default 30,000. */
  stallMs?: number
}

export interface S3Request {
  method: 'GET' | 'PUT' | 'DELETE'
  key: string
  headers?: Record<string, string>
  /** Made anew for each attempt. Tell of each chunk sent by `onProgress`. */
  body?: (onProgress: () => void) => Dispatcher.DispatchOptions['body']
  signal?: AbortSignal
}

const ATTEMPTS = 3
const FIRST_PAUSE_MS = 100
const ERROR_BYTES = 16 * 1024
const FULL_CODES = /^(QuotaExceeded|XMinioStorageFull|InsufficientStorage)$/

/** Sends signed requests to one bucket (AWS Signature Version 4), each with a time limit, repeated where a repetition may help. */
export class S3Client {
  readonly #options: S3Options
  readonly #stallMs: number
  readonly #agent: Agent
  readonly #signingKeys = new Map<string, ArrayBuffer>()

  constructor(options: S3Options) {
    this.#options = options
    this.#stallMs = options.stallMs ?? 30_000
    this.#agent = new Agent({
      connect: { timeout: this.#stallMs },
      headersTimeout: this.#stallMs,
      bodyTimeout: this.#stallMs,
    })
  }

  /**
   * The answer, body unread (read or destroy it); with status 404, and its body read, where the bucket has no such key.
   * @throws EVIDENCE_STORE_FULL, EVIDENCE_STORE_UNAVAILABLE, AbortError
   */
  async send(wanted: S3Request): Promise<Dispatcher.ResponseData> {
    for (let attempt = 1; ; attempt++)
      try {
        return await this.#sendOnce(wanted)
      } catch (error) {
        wanted.signal?.throwIfAborted()
        if (attempt === ATTEMPTS || !isWorthRepeating(error)) throw storeFailure(error)
        await sleep(FIRST_PAUSE_MS * 2 ** attempt * Math.random(), undefined, { signal: wanted.signal })
      }
  }

  /** Endpoint, bucket and prefix. */
  describe(): string {
    const { endpoint, bucket, prefix } = this.#options
    return `s3://${bucket}/${prefix} at ${endpoint}`
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #sendOnce({ method, key, headers = {}, body, signal }: S3Request) {
    const { endpoint, region, bucket, prefix, accessKeyId, secretAccessKey } = this.#options
    const signer = new AwsV4Signer({
      method,
      url: `${endpoint.replace(/\/+$/, '')}/${bucket}/${prefix}${key}`,
      headers: { 'x-amz-content-sha256': EMPTY_SHA256, ...headers },
      accessKeyId,
      secretAccessKey,
      service: 's3',
      region,
      cache: this.#signingKeys,
    })
    const signed = await signer.sign()
    const fields: Record<string, string> = {}
    signed.headers.forEach((value, name) => {
      fields[name] = value
    })
    const stall = new AbortController()
    // undici's own limits do not run while a body is being sent.
    const timer = setTimeout(() => stall.abort(stalled()), this.#stallMs)
    try {
      const answer = await request(String(signed.url), {
        method,
        headers: fields,
        body: body?.(() => timer.refresh()) ?? null,
        dispatcher: this.#agent,
        signal: AbortSignal.any([stall.signal, ...(signal === undefined ? [] : [signal])]),
      })
      if (answer.statusCode >= 200 && answer.statusCode < 300) return answer
      await requireAbsence(answer)
      return answer
    } finally {
      clearTimeout(timer)
    }
  }
}

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Throws what the store says of a request that it did not carry out. A 404 may also mean that the bucket is gone. */
async function requireAbsence({ statusCode, body }: Dispatcher.ResponseData): Promise<void> {
  let text = ''
  for await (const chunk of body) {
    text += chunk
    if (text.length > ERROR_BYTES) break
  }
  const code = /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(text)?.[1] ?? 'no code'
  if (statusCode === 404 && code === 'NoSuchKey') return
  if (statusCode === 507 || FULL_CODES.test(code))
    throw new CountersignError('EVIDENCE_STORE_FULL', `the object store has no room: ${code}`)
  throw new RefusedError(statusCode, code)
}

class RefusedError extends Error {
  readonly code: string
  readonly status: number
  constructor(status: number, code: string) {
    super(`the object store answered ${status} ${code}`)
    this.code = `${status} ${code}`
    this.status = status
  }
}

const stalled = (): Error => Object.assign(new Error('no progress'), { code: 'STALLED' })

/** Whoever waited that long once has waited long enough. */
const TIMEOUTS: readonly unknown[] = [
  'STALLED',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]

const isWorthRepeating = (error: unknown): boolean =>
  error instanceof RefusedError
    ? error.status >= 500 || error.status === 429
    : !(error instanceof CountersignError) && !TIMEOUTS.includes((error as { code?: unknown }).code)
