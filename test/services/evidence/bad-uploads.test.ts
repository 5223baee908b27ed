import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { rawHttp } from '../../support/raw-http.ts'
import { until } from '../party/book-writer/written-book.ts'
import {
  type EvidenceAnswer,
  type Neighbourhood,
  problem,
  settleEvidence,
  sha256,
} from './evidence-fixture.ts'
import { BOUNDARY, filePart, formOf, openUpload, type Part, pour, uploadHead } from './raw-upload.ts'

const MAX_BYTES = 8 * 1024 * 1024

describe('evidence that is not taken', () => {
  let home: Neighbourhood
  const server = () => home.server

  before(async () => {
    home = await settleEvidence({
      LOG_LEVEL: 'trace',
      EVIDENCE_MAX_BYTES: String(MAX_BYTES),
      EVIDENCE_UPLOAD_STALL_MS: '2000',
      EVIDENCE_UPLOAD_MS: '6000',
      EVIDENCE_CLIENT_UPLOADS: '4',
    })
    await home.server.start()
  })
  afterEach(async () => {
    // Whatever was refused has left nothing.
    await until(() => server().stagedFiles().length === 0)
    expect(server().count('evidence')).to.equal(0)
    expect(server().count('content_intents')).to.equal(0)
    expect(server().count('outbox_entries')).to.equal(0)
    expect(server().storedHashes()).to.deep.equal([])
  })
  after(() => home.end())

  async function sendForm(parts: readonly Part[], ...headers: string[]) {
    const body = formOf(parts)
    const { status, text } = await rawHttp(
      server().url,
      Buffer.concat([Buffer.from(uploadHead(server(), `content-length: ${body.length}`, ...headers)), body]),
      5_000,
    )
    return { status, code: (JSON.parse(text) as { code: string }).code, text }
  }

  describe('a form', () => {
    const metadata = (content: string): Part => ({ name: 'metadata', content })
    const cases: [what: string, parts: readonly Part[], status: number, code: string][] = [
      ['without a file', [metadata('{}')], 400, 'REQUEST_INVALID'],
      ['with its metadata after the file', [filePart('x'), metadata('{}')], 400, 'REQUEST_INVALID'],
      ['with two files', [filePart('x'), filePart('y')], 400, 'REQUEST_INVALID'],
      ['with metadata twice', [metadata('{}'), metadata('{}'), filePart('x')], 400, 'REQUEST_INVALID'],
      ['with another part', [{ name: 'note', content: 'x' }, filePart('x')], 400, 'REQUEST_INVALID'],
      [
        'with more parts than it may have',
        Array.from({ length: 9 }, () => metadata('{}')),
        400,
        'REQUEST_INVALID',
      ],
      [
        'with a part named as what all objects have',
        [{ name: '__proto__', content: 'x' }],
        400,
        'REQUEST_INVALID',
      ],
      ['with a file without a name', [{ name: 'file', content: 'x' }], 400, 'REQUEST_INVALID'],
      ['with no file chosen', [{ ...filePart(''), filename: '' }], 400, 'REQUEST_INVALID'],
      [
        'with an encoded file',
        [{ ...filePart('eA=='), headers: ['content-transfer-encoding: base64'] }],
        400,
        'REQUEST_INVALID',
      ],
      ['with metadata that is no JSON', [metadata('{"fields":'), filePart('x')], 400, 'JSON_MALFORMED'],
      ['with metadata that is a list', [metadata('[]'), filePart('x')], 422, 'EVIDENCE_METADATA_INVALID'],
      [
        'with an unknown member',
        [metadata('{"colour":"red"}'), filePart('x')],
        422,
        'EVIDENCE_METADATA_INVALID',
      ],
      [
        'with a name twice in the metadata',
        [metadata('{"fields":{"a":1,"a":2}}'), filePart('x')],
        422,
        'JSON_NOT_CANONICALISABLE',
      ],
      [
        'with an unpaired surrogate',
        [metadata('{"fields":{"a":"\\ud800"}}'), filePart('x')],
        422,
        'EVIDENCE_METADATA_INVALID',
      ],
      [
        'with an integer past 2^53',
        [metadata('{"fields":{"a":9007199254740993}}'), filePart('x')],
        422,
        'EVIDENCE_METADATA_INVALID',
      ],
      [
        'with metadata nested too deep',
        [metadata(`{"fields":${'{"a":'.repeat(80)}1${'}'.repeat(80)}}`), filePart('x')],
        422,
        'EVIDENCE_METADATA_INVALID',
      ],
      [
        'with too much metadata',
        [metadata(`{"fields":{"a":"${'x'.repeat(17_000)}"}}`), filePart('x')],
        422,
        'EVIDENCE_METADATA_INVALID',
      ],
      [
        'with metadata without end',
        [metadata(`{"fields":{"a":"${'x'.repeat(200_000)}"}}`), filePart('x')],
        422,
        'EVIDENCE_METADATA_INVALID',
      ],
      [
        'with another size than announced',
        [metadata('{"size":2}'), filePart('x')],
        400,
        'EVIDENCE_INCOMPLETE',
      ],
      [
        'with a file over the limit, in chunks of any length',
        [filePart(Buffer.alloc(MAX_BYTES + 1))],
        413,
        'EVIDENCE_TOO_LARGE',
      ],
      ...['../../etc/passwd', '/etc/passwd', 'C:\\\\x', '..', 'a/b', 'a\tb', 'x'.repeat(256)].map(
        (name): [string, readonly Part[], number, string] => [
          `with the name ${JSON.stringify(name.slice(0, 20))}`,
          [filePart('x', name)],
          422,
          'EVIDENCE_METADATA_INVALID',
        ],
      ),
    ]
    for (const [what, parts, status, code] of cases)
      it(`${what} is refused`, async () => {
        const answer = await sendForm(parts)
        expect(answer, answer.text).to.include({ status, code })
      })

    it('without a boundary is refused', async () => {
      const body = formOf([filePart('x')])
      const head = uploadHead(server(), 'content-type: multipart/form-data', `content-length: ${body.length}`)
      const { status, text } = await rawHttp(server().url, Buffer.concat([Buffer.from(head), body]), 5_000)
      expect(status, text).to.equal(400)
      expect(text).to.include('boundary')
    })

    it('with another boundary in it than announced is refused', async () => {
      const body = formOf([filePart('x')])
        .toString('latin1')
        .replaceAll(BOUNDARY, 'other')
      const head = uploadHead(server(), `content-length: ${body.length}`)
      const { status, text } = await rawHttp(server().url, Buffer.from(head + body, 'latin1'), 5_000)
      expect(status, text).to.equal(400)
    })

    it('that ends before its last boundary is refused', async () => {
      const body = formOf([filePart('only the beginn')], { isOpen: true })
      const head = uploadHead(server(), `content-length: ${body.length}`)
      const { status, text } = await rawHttp(server().url, Buffer.concat([Buffer.from(head), body]), 5_000)
      expect(status, text).to.equal(400)
      expect(text).to.include('EVIDENCE_INCOMPLETE')
    })

    it('with nothing in it is refused', async () => {
      const { status } = await rawHttp(
        server().url,
        Buffer.from(uploadHead(server(), 'content-length: 0')),
        5_000,
      )
      expect(status).to.equal(400)
    })

    it('of another kind is refused', async () => {
      const response = await server().request('/v1/evidence', {
        method: 'POST',
        body: 'x',
        headers: { 'content-type': 'text/plain' },
      })
      expect(await problem(response)).to.include({ status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' })
    })
  })

  describe('a JSON document', () => {
    const cases: [what: string, body: string | Buffer, status: number, code: string][] = [
      ['that is none', '{"content": ', 400, 'JSON_MALFORMED'],
      ['that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400, 'JSON_MALFORMED'],
      ['without content', '{"metadata":{}}', 400, 'REQUEST_INVALID'],
      ['with more than content and metadata', '{"content":1,"more":2}', 400, 'REQUEST_INVALID'],
      ['with content twice', '{"content":1,"content":2}', 422, 'JSON_NOT_CANONICALISABLE'],
      ['with two members of one name', '{"content":{"a":{"b":1,"b":1}}}', 422, 'JSON_NOT_CANONICALISABLE'],
      [
        'with two of one name, spelled differently',
        '{"content":{"a":1,"\\u0061":1}}',
        422,
        'JSON_NOT_CANONICALISABLE',
      ],
      ['with an unpaired surrogate', '{"content":"\\udc00"}', 422, 'JSON_NOT_CANONICALISABLE'],
      ['with an integer past 2^53', '{"content":9007199254740993}', 422, 'JSON_NOT_CANONICALISABLE'],
      ['with a number past all', '{"content":1e999}', 422, 'JSON_NOT_CANONICALISABLE'],
      ['nested too deep', `{"content":${'['.repeat(66)}${']'.repeat(66)}}`, 422, 'JSON_NOT_CANONICALISABLE'],
      ['nested without end', `{"content":${'['.repeat(400_000)}`, 400, 'JSON_MALFORMED'],
      [
        'nested as deep as it is long',
        `{"content":${'['.repeat(400_000)}${']'.repeat(400_000)}}`,
        422,
        'JSON_NOT_CANONICALISABLE',
      ],
      [
        'of another media type',
        '{"content":1,"metadata":{"mediaType":"text/plain"}}',
        422,
        'EVIDENCE_METADATA_INVALID',
      ],
      ['of another size', '{"content":1,"metadata":{"size":2}}', 400, 'EVIDENCE_INCOMPLETE'],
      ['that is too long', `{"content":"${'x'.repeat(1024 * 1024)}"}`, 413, 'BODY_TOO_LARGE'],
    ]
    for (const [what, body, status, code] of cases)
      it(`${what} is refused`, async () => {
        expect(await problem(await server().json(body))).to.include({ status, code })
      })
  })

  describe('an upload', () => {
    it('that is announced too large is refused before it is sent', async () => {
      const { socket, status, received } = await openUpload(server())
      socket.write(uploadHead(server(), `content-length: ${MAX_BYTES + 1024 * 1024}`))
      expect(await status).to.equal(413)
      expect(received()).to.include('EVIDENCE_TOO_LARGE')
      socket.destroy()
    })

    it('that is too large is refused before all of it was read, and its connection ended', async () => {
      const { socket, status } = await openUpload(server())
      socket.write(uploadHead(server(), 'transfer-encoding: chunked'))
      const head = formOf([filePart('')], { isOpen: true })
      socket.write(`${head.length.toString(16)}\r\n`)
      socket.write(head)
      // One chunk without end.
      socket.write('\r\n7fffffff\r\n')
      const pouring = pour(socket, 0x7fffffff)
      const startedAt = Date.now()
      expect(await status).to.equal(413)
      await pouring
      expect(socket.bytesWritten).to.be.below(256 * 1024 * 1024)
      expect(Date.now() - startedAt).to.be.below(10_000)
    }).timeout(30_000)

    for (const [where, sent] of [
      ['in its headers', 0],
      ['in the metadata', 1],
      ['in the file', 2],
    ] as const)
      it(`that breaks off ${where} leaves nothing`, async () => {
        const parts = [{ name: 'metadata', content: '{"fields":{"a":' }, filePart(Buffer.alloc(300_000, 7))]
        if (sent === 2) parts[0]!.content = '{}'
        const body = formOf(parts.slice(0, sent), { isOpen: true })
        const { socket } = await openUpload(server())
        socket.write(uploadHead(server(), 'content-length: 1000000'))
        socket.write(body)
        if (sent === 2) await until(() => server().stagedFiles().length === 1)
        socket.destroy()
        await until(() => server().stagedFiles().length === 0)
      })

    it('that announces more than comes, then is silent, is given up in time', async () => {
      const body = formOf([filePart('short')])
      const { socket, status, received } = await openUpload(server())
      socket.write(uploadHead(server(), `content-length: ${body.length + 1000}`))
      socket.write(body.subarray(0, -10))
      const startedAt = Date.now()
      expect(await status, received()).to.equal(408)
      expect(received()).to.include('REQUEST_TIMED_OUT')
      expect(Date.now() - startedAt).to.be.within(1_700, 5_900)
      socket.destroy()
    })

    it('that announces less than comes is refused, whatever follows', async () => {
      const body = formOf([filePart(Buffer.alloc(50_000, 1))])
      const { socket, status, received } = await openUpload(server())
      socket.write(uploadHead(server(), `content-length: ${body.length - 1000}`))
      socket.write(body)
      // What follows is no request: that may be noticed first.
      expect(await status, received()).to.equal(400)
      socket.destroy()
    })

    it('that trickles is ended when its time is over', async () => {
      const { socket, status } = await openUpload(server())
      socket.write(uploadHead(server(), 'content-length: 1000000'))
      socket.write(formOf([filePart('')], { isOpen: true }))
      const startedAt = Date.now()
      const trickle = setInterval(() => socket.write('x'), 100)
      const answer = await status
      clearInterval(trickle)
      expect(answer).to.equal(408)
      expect(Date.now() - startedAt).to.be.within(5_500, 15_000)
      socket.destroy()
    })

    it('is one of so many at a time', async () => {
      const open = await Promise.all(Array.from({ length: 4 }, () => openUpload(server())))
      for (const { socket } of open) {
        socket.write(uploadHead(server(), 'content-length: 1000000'))
        socket.write(formOf([filePart(Buffer.alloc(5_000))], { isOpen: true }))
      }
      await until(() => server().stagedFiles().length === 4)
      expect(await problem(await server().upload('one more'))).to.include({
        status: 429,
        code: 'RATE_LIMITED',
      })
      for (const { socket } of open) socket.destroy()
      await until(() => server().stagedFiles().length === 0)
    })
  })

  it('leaves no trace of names, metadata, keys and contents in logs', async () => {
    const from = server().output.length
    await server().upload('confidential-content', {
      name: 'confidential-name.pdf',
      metadata: { fields: { note: 'confidential-note' }, colour: 'confidential-colour' },
      headers: { 'idempotency-key': 'confidential-key' },
    })
    await server()
      .json('{"content":{"confidential-member":9007199254740993}}')
      .then(async (response) => {
        expect(await response.text()).to.not.include('confidential')
      })
    await until(() => server().output.slice(from).includes('request refused'))
    expect(server().output).to.not.match(/confidential/)
    expect(server().output).to.not.include(server().apiKey).and.not.include(server().env.EVIDENCE_SECRET)
  })
})

describe('evidence past a limit', () => {
  let home: Neighbourhood
  const server = () => home.server

  before(async () => {
    home = await settleEvidence({
      EVIDENCE_CLIENT_BYTES: '300000',
      EVIDENCE_CLIENT_DOCUMENTS: '3',
      EVIDENCE_MAX_WAITING: '6',
    })
    await home.server.start()
  })
  after(() => home.end())

  it('of bytes is refused while it streams, together with what streams beside it', async () => {
    const apiKey = server().issueKey('bytes')
    await server().take(Buffer.alloc(100_000, 1), { apiKey })
    const answers = await Promise.all(
      [2, 3, 4].map((byte) => server().upload(Buffer.alloc(150_000, byte), { apiKey })),
    )
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses.filter((status) => status === 201).length).to.be.at.most(1)
    const over = await server().upload(Buffer.alloc(250_001, 5), { apiKey })
    expect(await problem(over)).to.include({ status: 429, code: 'EVIDENCE_QUOTA_EXCEEDED' })
    const usage = (await (await server().request('/v1/usage', {}, apiKey)).json()) as { bytes: number }
    expect(usage.bytes).to.be.at.most(300_000)
    expect(server().stagedFiles()).to.deep.equal([])
    expect(server().storedHashes()).to.not.include(sha256(Buffer.alloc(250_001, 5)))
    await server().take(Buffer.alloc(300_000 - usage.bytes, 6), { apiKey })
  })

  it('of bytes is refused before it is sent, where its length is announced', async () => {
    const { socket, status, received } = await openUpload(server())
    socket.write(uploadHead(server(), 'content-length: 1000000'))
    expect(await status).to.equal(429)
    expect(received()).to.include('EVIDENCE_QUOTA_EXCEEDED')
    socket.destroy()
  })

  it('of documents is refused', async () => {
    const apiKey = server().issueKey('documents')
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, i) => server().upload(`document ${i}`, { apiKey })),
    )
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, 201, 201, 429, 429])
  })

  it('of what may wait for the chain is refused, and taken once that goes on', async () => {
    const apiKeys = ['a', 'b', 'c'].map((name) => server().issueKey(name))
    await until(() => server().count("outbox_entries WHERE state <> 'final'") === 0)
    await home.chain.request('evm_setAutomine', [false])
    const taken: EvidenceAnswer[] = []
    for (const apiKey of apiKeys.slice(0, 2))
      for (let i = 0; i < 3; i++) taken.push(await server().take(`waits ${i}`, { apiKey }))
    await sleep(200)
    const refused = await server().upload('one too many', { apiKey: apiKeys[2]! })
    expect(await problem(refused)).to.include({ status: 503, code: 'NOT_READY' })
    await home.chain.request('evm_setAutomine', [true])
    await home.chain.request('evm_mine')
    await until(async () => (await server().upload('taken now', { apiKey: apiKeys[2]! })).status === 201)
  })
})
