import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signAnswerStatement } from '../../protocol/answer-statement.ts'
import { signAuditStatement } from '../../protocol/audit-statement.ts'
import type { Json } from '../../protocol/canonical-json.ts'
import { contentHashOf } from '../../protocol/content-hash.ts'
import { isCountersignError, toProblem } from '../../protocol/errors.ts'
import { type Address, type Bytes32, randomBytes32, ZERO_BYTES32 } from '../../protocol/hex.ts'
import { queryResultDigest } from '../../protocol/query-result.ts'
import { assembleReceipt, type Receipt, type ReceiptContent } from '../../protocol/receipt.ts'
import { type Serial, serialToKey } from '../../protocol/serial.ts'
import { addressOf } from '../../protocol/signature.ts'
import { verifyRequest } from '../../protocol/signed-request.ts'
import { registryAs } from './contracts.ts'

/** What a test provider does other than its duty. Changeable at any time. */
export interface Misbehaviour {
  /** Milliseconds before it answers. */
  delayMs?: number
  /** Sends this in place of its answer. */
  reply?: { status: number; body: string }
  /** Answers with these members besides the serial. */
  result?: { [member: string]: Json }
  /** Changes the content of its receipt before signing. */
  beforeSigning?: (content: UnsignedReceipt) => Partial<UnsignedReceipt>
  /** Changes its receipt after signing; the integrity hash is made anew. */
  afterSigning?: (receipt: UnsignedReceipt) => Partial<UnsignedReceipt>
  /** Puts another digest on chain than it answers with. */
  recordsOther?: boolean
  /** Never puts it on chain. */
  recordsNothing?: boolean
  /** Seconds from the answer to the end of its promise. Default 60. */
  promisedWithinS?: number
  /** Changes its answer to an audit before signing. */
  auditsWith?: (kept: KeptAnswer) => { stored?: Json; derived?: Json; erased?: boolean; nonce?: Bytes32 }
  /** Signs the digests of what it said then, whatever it shows in an audit. */
  signsOldDigests?: boolean
  /** Names this block in audits in place of the right one. */
  wrongLocation?: number
}

export interface KeptAnswer {
  serial: Serial
  result: Json
  salt: Bytes32
  digest: Bytes32
  disclosure: 'result' | 'digest'
}
type UnsignedReceipt = Omit<ReceiptContent, 'format' | 'version' | 'kind' | 'signature'> & {
  signature?: Receipt['signature']
}

export interface TestProviderOptions {
  key: Bytes32
  rpcUrl: string
  chainId: number
  registry: Address
  /** Answers wait for {@link TestProvider.flush} instead of being put on chain one by one before the reply. */
  batches?: boolean
}

export interface TestProvider {
  address: Address
  endpoint: string
  /** What it does wrong. */
  misbehaviour: Misbehaviour
  /** Serials it was asked, in order; repetitions too. */
  asked: Serial[]
  kept: Map<Serial, KeptAnswer>
  /** Puts the digest of an answer on chain that it kept back. */
  recordNow(serial: Serial): Promise<void>
  /** Puts waiting digests on chain, 100 a transaction. */
  flush(): Promise<void>
  close(): Promise<void>
}

const BATCH = 100

/** A real HTTP server that speaks the provider's side of the protocol, with real signatures, on a real chain; and can be told to lie. */
export async function startTestProvider(options: TestProviderOptions): Promise<TestProvider> {
  const { key, chainId, registry } = options
  const address = addressOf(key)
  const book = registryAs(options.rpcUrl, registry, key)
  const waiting: { key: Bytes32; digest: Bytes32 }[] = []
  const locations = new Map<Serial, number>()
  const asked: Serial[] = []
  const kept = new Map<Serial, KeptAnswer>()
  let recording: Promise<unknown> = Promise.resolve()

  async function record(serial: Serial, digest: Bytes32): Promise<void> {
    if (provider.misbehaviour.recordsNothing) return
    const onChain = provider.misbehaviour.recordsOther ? randomBytes32() : digest
    if (options.batches) waiting.push({ key: serialToKey(serial), digest: onChain })
    else await recordOne(serial, onChain)
  }

  async function recordOne(serial: Serial, digest: Bytes32): Promise<void> {
    const turn = recording.then(async () => {
      const sent = await book.registry.getFunction('record')(serialToKey(serial), digest)
      locations.set(serial, (await sent.wait()).blockNumber)
    })
    recording = turn.catch(() => {})
    await turn
  }

  async function answer(query: { serial: Serial; subject: Json; disclosure: 'result' | 'digest' }) {
    const { serial, disclosure } = query
    const { beforeSigning, afterSigning, promisedWithinS = 60 } = provider.misbehaviour
    asked.push(serial)
    const result: Json = { serial, ...(provider.misbehaviour.result ?? { found: true, balance: '1200.50' }) }
    const salt = randomBytes32()
    const contentHash = contentHashOf(result)
    const digest = queryResultDigest({ chainId, registry, serial, provider: address, contentHash, salt })
    kept.set(serial, { serial, result, salt, digest, disclosure })
    const answeredAt = Math.floor(Date.now() / 1000)
    let content: UnsignedReceipt = {
      chainId,
      registry,
      author: address,
      serial,
      disclosure,
      ...(disclosure === 'result' && { result, contentHash, salt }),
      digest,
      answeredAt,
      recordBy: answeredAt + promisedWithinS,
      proof: null,
      head: null,
    }
    content = { ...content, ...beforeSigning?.(content) }
    const signature = signAnswerStatement({ ...content, provider: content.author }, key)
    const signed = { ...content, signature }
    await record(serial, digest)
    return {
      mode: 'contemporaneous',
      receipt: assembleReceipt({ ...signed, ...afterSigning?.(signed) } as ReceiptContent),
    }
  }

  function audit({ serial, nonce: asked }: { serial: Serial; nonce: Bytes32 }) {
    const entry = kept.get(serial)!
    const change = provider.misbehaviour.auditsWith?.(entry) ?? {}
    const digestOf = (result: Json): Bytes32 =>
      provider.misbehaviour.signsOldDigests
        ? entry.digest
        : queryResultDigest({
            chainId,
            registry,
            serial,
            provider: address,
            contentHash: contentHashOf(result),
            salt: entry.salt,
          })
    const stored = change.stored ?? entry.result
    const derived = change.derived ?? entry.result
    const shows = entry.disclosure === 'result' && !change.erased
    const statement = {
      storedDigest: change.erased ? ZERO_BYTES32 : digestOf(stored),
      derivedDigest: change.erased ? ZERO_BYTES32 : digestOf(derived),
      nonce: change.nonce ?? asked,
      answeredAt: Math.floor(Date.now() / 1000),
    }
    const blockNumber = provider.misbehaviour.wrongLocation ?? locations.get(serial)
    return {
      serial,
      provider: address,
      stored: { digest: statement.storedDigest, ...(shows && { result: stored }) },
      derived: { digest: statement.derivedDigest, ...(shows && { result: derived }) },
      ...(shows && { salt: entry.salt }),
      erased: change.erased ?? false,
      nonce: statement.nonce,
      answeredAt: statement.answeredAt,
      signature: signAuditStatement({ chainId, registry, serial, provider: address, ...statement }, key),
      ...(blockNumber !== undefined && { location: { transactionHash: ZERO_BYTES32, blockNumber } }),
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request)
    const send = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(text)
    try {
      verifyRequest({
        method: request.method!,
        path: request.url!,
        body,
        headers: request.headers,
        recipient: address,
        now: Math.floor(Date.now() / 1000),
      })
      const { delayMs, reply } = provider.misbehaviour
      if (delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, delayMs))
      if (reply !== undefined) return void send(reply.status, reply.body)
      const content = JSON.parse(body.toString('utf8'))
      const answered = request.url === '/v1/answers' ? await answer(content) : audit(content)
      send(200, JSON.stringify(answered))
    } catch (error) {
      if (isCountersignError(error)) send(error.httpStatus, JSON.stringify(toProblem(error)))
      else send(500, JSON.stringify({ message: String(error) }))
    }
  }

  const server = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const provider: TestProvider = {
    address,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    misbehaviour: {},
    asked,
    kept,
    recordNow: (serial) => recordOne(serial, kept.get(serial)!.digest),
    async flush() {
      while (waiting.length > 0) {
        const entries = waiting.splice(0, BATCH)
        const sent = await book.registry.getFunction('recordBatch')(entries)
        await sent.wait()
      }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      book.provider.destroy()
    },
  }
  return provider
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}
