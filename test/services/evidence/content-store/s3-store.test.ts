import { createHash, createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { ZERO_BYTES32 } from '../../../../protocol/hex.ts'
import { openContentStore } from '../../../../services/evidence/content-store/open-content-store.ts'
import type { S3Options } from '../../../../services/evidence/content-store/s3-client.ts'
import { S3Store } from '../../../../services/evidence/content-store/s3-store.ts'
import { type StagedContent, Staging } from '../../../../services/evidence/content-store/staging.ts'
import { expectRejection } from '../../../support/expect-error.ts'
import { type S3Server, startS3Server } from '../../../support/s3-server.ts'

describe('S3 store', () => {
  let server: S3Server
  let folder: string
  let staging: Staging
  before(async () => {
    server = await startS3Server()
    folder = mkdtempSync(join(tmpdir(), 'countersign-s3-test-'))
    staging = await Staging.open(folder)
  })
  after(async () => {
    await server.drop()
    rmSync(folder, { recursive: true, force: true })
  })
  const stage = (bytes: Buffer): Promise<StagedContent> =>
    staging.receive(Readable.from([bytes]), { maxBytes: 1e9 })

  /** A store that has its identity. */
  const openStore = async (options: Partial<S3Options> = {}): Promise<S3Store> => {
    const store = await S3Store.open({ ...server.options, ...options })
    await store.identify(randomUUID())
    return store
  }

  it('is refused with an unknown key, in a bucket that is not there, and where nobody listens', async () => {
    for (const wrong of [
      { accessKeyId: 'nobody' },
      { bucket: 'nowhere' },
      { endpoint: 'http://127.0.0.1:1' },
    ])
      await expectRejection(S3Store.open({ ...server.options, ...wrong }), 'EVIDENCE_STORE_UNAVAILABLE')
  })

  // The server of the other tests does not calculate signatures.
  it('signs what it sends, content hash included, with the secret key', async () => {
    const seen: string[] = []
    const front = await withFront((incoming, response) => {
      expect(signatureOf(incoming, 'the secret key')).to.equal(
        /Signature=([0-9a-f]{64})$/.exec(incoming.headers.authorization!)?.[1],
      )
      seen.push(`${incoming.method} ${incoming.headers['x-amz-content-sha256']?.slice(0, 8)}`)
      pass(server, incoming, response)
    })
    const options = { ...server.options, endpoint: front.url, secretAccessKey: 'the secret key' }
    const store = await openStore({ ...options, prefix: 'signed/' })
    const staged = await stage(Buffer.from('signed'))
    await store.put(staged)
    expect(await store.remove(staged.contentHash)).to.equal(true)
    const hash = staged.contentHash.slice(2, 10)
    expect(seen).to.include.members([`PUT ${hash}`, 'GET e3b0c442', 'DELETE e3b0c442'])
    await staged.discard()
    await store.close()
    await front.close()
  })

  it('does not take a content for missing when the bucket is deleted', async () => {
    const gone = await withFront((_request, response) => {
      response.writeHead(404, { 'content-type': 'application/xml' })
      response.end('<?xml version="1.0"?><Error><Code>NoSuchBucket</Code></Error>')
    })
    const elsewhere = S3Store.open({ ...server.options, endpoint: gone.url, prefix: 'gone/' })
    await expectRejection(elsewhere, 'EVIDENCE_STORE_UNAVAILABLE')
    await gone.close()
  })

  it('fails within its time when the store takes connections and never answers', async () => {
    const store = await openStore({ stallMs: 2_000 })
    const staged = await stage(Buffer.alloc(3_000_000))
    server.freeze()
    try {
      const startedAt = performance.now()
      await expectRejection(store.open(ZERO_BYTES32), 'EVIDENCE_STORE_UNAVAILABLE')
      await expectRejection(store.put(staged), 'EVIDENCE_STORE_UNAVAILABLE')
      await expectRejection(store.remove(ZERO_BYTES32), 'EVIDENCE_STORE_UNAVAILABLE')
      expect(performance.now() - startedAt).to.be.within(5_900, 25_000)
    } finally {
      server.thaw()
    }
    await store.put(staged)
    await staged.discard()
    await store.close()
  })

  it('fails when an answer stops in the middle, and when the connection breaks off there', async () => {
    let isCut = false
    const front = await withFront((incoming, response) => {
      if (!incoming.url!.includes('/objects/')) return pass(server, incoming, response)
      response.writeHead(200, { 'content-length': 1_000 })
      response.write('only so much')
      if (isCut) setTimeout(() => response.destroy(), 20)
    })
    const store = await openStore({ endpoint: front.url, stallMs: 2_000 })
    for (isCut of [false, true]) {
      const stream = (await store.open(ZERO_BYTES32))!
      await expectRejection(stream.toArray(), 'EVIDENCE_STORE_UNAVAILABLE')
    }
    await store.close()
    await front.close()
  })

  it('tries again where the store says that it is busy, and knows a full one', async () => {
    const codes = [503, 429, 500]
    const front = await withFront((incoming, response) => {
      const code = incoming.url!.includes('/objects/') ? codes.shift() : undefined
      if (code === undefined) return pass(server, incoming, response)
      response.writeHead(code)
      response.end(code === 507 ? '<Error><Code>XMinioStorageFull</Code></Error>' : 'busy')
      incoming.resume()
    })
    const store = await openStore({ endpoint: front.url })
    const staged = await stage(Buffer.from('in the end'))
    codes.splice(2)
    await store.put(staged)
    expect(codes).to.deep.equal([])
    codes.push(500, 500, 500)
    await expectRejection(store.open(ZERO_BYTES32), 'EVIDENCE_STORE_UNAVAILABLE')
    codes.push(507)
    await expectRejection(store.put(staged), 'EVIDENCE_STORE_FULL')
    await staged.discard()
    await store.close()
    await front.close()
  })

  it('says that nothing was destroyed where the bucket keeps versions, however often it is asked', async () => {
    const marker = { 'x-amz-delete-marker': 'true' }
    const front = await withFront((incoming, response) =>
      pass(server, incoming, response, (status) =>
        incoming.method === 'DELETE' || (status === 404 && incoming.url!.includes('/objects/')) ? marker : {},
      ),
    )
    const store = await openStore({ endpoint: front.url })
    const staged = await stage(Buffer.from('in all versions'))
    await store.put(staged)
    for (let i = 0; i < 3; i++) {
      const error = await expectRejection(store.remove(staged.contentHash), 'EVIDENCE_STORE_UNAVAILABLE')
      expect(error.message).to.include('versions')
    }
    // Whoever only reads it finds nothing there.
    expect(await store.open(staged.contentHash)).to.equal(undefined)
    await staged.discard()
    await store.close()
    await front.close()
  })

  it('notices a store that keeps other bytes than it was given', async () => {
    const front = await withFront((incoming, response) => {
      if (incoming.method !== 'GET' || !incoming.url!.includes('/objects/'))
        return pass(server, incoming, response)
      response.end('other bytes')
    })
    const store = await openStore({ endpoint: front.url })
    const staged = await stage(Buffer.from('these bytes'))
    await expectRejection(store.put(staged), 'EVIDENCE_STORE_UNAVAILABLE')
    await staged.discard()
    await store.close()
    await front.close()
  })

  it('follows no redirect', async () => {
    const front = await withFront((_request, response) => {
      response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()
    })
    await expectRejection(
      S3Store.open({ ...server.options, endpoint: front.url }),
      'EVIDENCE_STORE_UNAVAILABLE',
    )
    await front.close()
  })

  it('is opened by its URL', async () => {
    const { bucket: _, prefix: __, ...s3 } = server.options
    for (const path of ['', '/', '/a/b', '/a/b/']) {
      const store = await openContentStore({ store: `s3://evidence${path}`, s3 })
      expect(store.describe()).to.equal(`s3://evidence/${path.includes('a') ? 'a/b/' : ''} at ${s3.endpoint}`)
      await store.close()
    }
    for (const url of [
      's3://',
      's3:evidence',
      's3://UPPER',
      's3://evidence/../x',
      's3://evidence/a//b',
      's3://a/b?c',
    ])
      await expectRejection(openContentStore({ store: url, s3 }), 'CONFIGURATION_INVALID')
    await expectRejection(openContentStore({ store: 's3://evidence' }), 'CONFIGURATION_INVALID')
  })
})

/** A server in front of the real one. */
async function withFront(handle: RequestListener) {
  const front: Server = createServer(handle).listen(0, '127.0.0.1')
  await once(front, 'listening')
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    close: async () => {
      front.closeAllConnections()
      front.close()
    },
  }
}

/** AWS Signature Version 4 of a request as it arrived, worked out again. */
function signatureOf({ method, url, headers }: IncomingMessage, secret: string): string {
  const authorization = String(headers.authorization)
  const [, scope] = /Credential=[^/]+\/([^,]+)/.exec(authorization)!
  const [, signed] = /SignedHeaders=([^,]+)/.exec(authorization)!
  const lines = signed!.split(';').map((name) => `${name}:${headers[name]}\n`)
  const canonical = [method, url, '', lines.join(''), signed, headers['x-amz-content-sha256']].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const key = scope!.split('/').reduce<string | Buffer>((k, part) => hmac(k, part), `AWS4${secret}`)
  return hmac(key, toSign).toString('hex')
}
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** Hands a request on, its signed host as it was. */
function pass(
  server: S3Server,
  incoming: Parameters<RequestListener>[0],
  response: Parameters<RequestListener>[1],
  more: (status: number) => Record<string, string> = () => ({}),
): void {
  const { hostname, port } = new URL(server.options.endpoint)
  const onward = request(
    { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
    (answer) => {
      response.writeHead(answer.statusCode!, { ...answer.headers, ...more(answer.statusCode!) })
      answer.pipe(response)
    },
  )
  incoming.pipe(onward)
}
