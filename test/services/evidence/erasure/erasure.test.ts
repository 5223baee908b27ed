import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { newSerial } from '../../../../protocol/serial.ts'
import { eventually } from '../../../support/eventually.ts'
import { startS3Server } from '../../../support/s3-server.ts'
import {
  type EvidenceProcess,
  type Neighbourhood,
  problem,
  settleEvidence,
  sha256,
} from '../evidence-fixture.ts'
import { fileOf, s3Environment, tamperRow, verify } from '../verification/verifying.ts'

const erase = (server: EvidenceProcess, credentialId: string, apiKey?: string): Promise<Response> =>
  server.request(`/v1/evidence/${credentialId}/erasure`, { method: 'POST' }, apiKey)

/** Names of the files under a folder in which one of the texts is. */
function filesWith(folder: string, needles: readonly Buffer[]): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(path.join(folder, name)).isFile())
    .filter((name) => {
      const bytes = readFileSync(path.join(folder, name))
      return needles.some((needle) => bytes.includes(needle))
    })
}
const stateOf = (server: EvidenceProcess, credentialId: string): string =>
  server.query<{ state: string }>('SELECT state FROM evidence WHERE credential_id = ?', credentialId)[0]!
    .state

describe('erasure of evidence', function () {
  this.timeout(60_000)
  let home: Neighbourhood
  const server = () => home.server
  before(async () => {
    home = await settleEvidence()
    await server().start()
  })
  after(() => home.end())

  it('leaves nothing of it in any file, neither content, metadata, share nor hashes', async () => {
    const content = `planted in the content ${'x'.repeat(20_000)}`
    // Long enough for pages of its own in the database.
    const fields = { note: `planted in the metadata ${'y'.repeat(9_000)}` }
    const { credentialId, credential } = await server().take(content, {
      name: 'planted-in-the-name.txt',
      metadata: { fields },
      query: '?wait=recorded',
      headers: { 'idempotency-key': 'planted in the key' },
    })
    const [row] = server().query<Record<string, Uint8Array>>(
      'SELECT share, content_hash FROM evidence WHERE credential_id = ?',
      credentialId,
    )
    const [request] = server().query<Record<string, Uint8Array>>(
      'SELECT request_hash, key_hash FROM idempotency_keys WHERE credential_id = ?',
      credentialId,
    )
    const { contentHash, metadataHash, salt, digest } = credential.credentialSubject
    const needles = [
      ...['planted in the content', 'planted in the metadata', 'planted-in-the-name'].map((text) =>
        Buffer.from(text),
      ),
      ...[contentHash, metadataHash, salt].flatMap((hex) => [
        Buffer.from(hex.slice(2)),
        Buffer.from(hex.slice(2), 'hex'),
      ]),
      ...[row!.share, row!.content_hash, request!.request_hash, request!.key_hash].map((bytes) =>
        Buffer.from(bytes!),
      ),
    ]
    for (const needle of needles.slice(0, 3))
      expect(filesWith(server().folder, [needle])).not.to.deep.equal([])

    const response = await erase(server(), credentialId)
    expect(response.status).to.equal(200)
    const { erasedAt, ...erased } = (await response.json()) as { erasedAt: string }
    expect(erased).to.deep.equal({ credentialId, state: 'erased', digest })
    expect(Date.parse(erasedAt)).to.be.closeTo(Date.now(), 60_000)
    expect(existsSync(fileOf(server(), contentHash))).to.equal(false)
    expect(filesWith(server().folder, needles)).to.deep.equal([])
    expect((await verify(server(), { credentialId, credential })).verdict).to.equal('erased')
    await server().end('SIGTERM')
    expect(filesWith(server().folder, needles)).to.deep.equal([])
    await server().start()
    expect(server().output).not.to.include('planted')
  })

  it('answers the same again, and gives nothing out any more', async () => {
    const { credentialId } = await server().take('to be erased')
    const [first, second] = [await erase(server(), credentialId), await erase(server(), credentialId)]
    expect(await first.json()).to.deep.equal(await second.json())
    for (const route of ['content', 'credential'])
      expect(await problem(await server().request(`/v1/evidence/${credentialId}/${route}`))).to.include({
        status: 410,
        code: 'EVIDENCE_ERASED',
      })
  })

  it('frees what the client may keep', async () => {
    const usage = async () => {
      const answer = await (await server().request('/v1/usage')).json()
      const { bytes, documents } = answer as { bytes: number; documents: number }
      return { bytes, documents }
    }
    const before = await usage()
    const { credentialId } = await server().take('12345')
    expect(await usage()).to.deep.include({ bytes: before.bytes + 5, documents: before.documents + 1 })
    await erase(server(), credentialId)
    await erase(server(), credentialId)
    expect(await usage()).to.deep.equal(before)
  })

  it('keeps a content that two clients handed in until the last of them erases it', async () => {
    const other = server().issueKey('other')
    const mine = await server().take('shared by two', { query: '?wait=recorded' })
    const theirs = await server().take('shared by two', { apiKey: other })
    await erase(server(), mine.credentialId)
    expect(server().storedHashes()).to.include(sha256('shared by two'))
    const content = await server().request(`/v1/evidence/${theirs.credentialId}/content`, {}, other)
    expect(await content.text()).to.equal('shared by two')
    await erase(server(), theirs.credentialId, other)
    expect(server().storedHashes()).not.to.include(sha256('shared by two'))
  })

  it('leaves no kept evidence without content and no content without evidence, whoever passes whom', async () => {
    for (let round = 0; round < 10; round++) {
      const content = `handed in and erased at once ${round}`
      const first = await server().take(content)
      const [second] = await Promise.all([
        server().take(content),
        erase(server(), first.credentialId),
        erase(server(), first.credentialId),
      ])
      expect(server().storedHashes(), `round ${round}`).to.include(sha256(content))
      const again = await Promise.all([
        erase(server(), second.credentialId),
        erase(server(), first.credentialId),
      ])
      expect(again.map(({ status }) => status)).to.deep.equal([200, 200])
      expect(server().storedHashes(), `round ${round}`).not.to.include(sha256(content))
    }
    const kept = server().query<{ hash: string }>(
      "SELECT DISTINCT '0x' || lower(hex(content_hash)) AS hash FROM evidence WHERE state = 'kept'",
    )
    expect(kept.map(({ hash }) => hash).sort()).to.deep.equal(server().storedHashes())
  })

  it('refuses whoever may not, and garbage', async () => {
    const { credentialId } = await server().take('not yours')
    const stranger = server().issueKey('stranger')
    expect(await problem(await erase(server(), credentialId, stranger))).to.include({ status: 404 })
    const reader = server().issueKey('client', ['store', 'read', 'verify'])
    expect(await problem(await erase(server(), credentialId, reader))).to.include({ code: 'SCOPE_MISSING' })
    expect(await problem(await erase(server(), newSerial()))).to.include({ code: 'EVIDENCE_NOT_FOUND' })
    for (const id of [
      'x',
      '%00',
      '..%2f..',
      `${credentialId}'--`,
      credentialId.toLowerCase(),
      '0'.repeat(300),
    ])
      expect((await erase(server(), id)).status, id).to.be.within(400, 499)
    expect(stateOf(server(), credentialId)).to.equal('kept')
  })

  it('finishes at the start what a kill left begun', async () => {
    const begun = await server().take('killed after it was begun')
    const removed = await server().take('killed after the content was removed')
    await server().end('SIGKILL')
    for (const { credentialId } of [begun, removed]) tamperRow(server(), "state = 'erasing'", credentialId)
    const { unlinkSync } = await import('node:fs')
    unlinkSync(fileOf(server(), sha256('killed after the content was removed')))
    const from = server().output.length
    await server().start()
    // Nobody reads the database meanwhile: what is in its log would stay there for a minute.
    await eventually('erased', () => server().output.slice(from).split('"evidence erased"').length === 3)
    await eventually(
      'traces removed',
      () => filesWith(server().folder, [Buffer.from('killed after')]).length === 0,
    )
    for (const { credentialId } of [begun, removed])
      expect(stateOf(server(), credentialId)).to.equal('erased')
    expect(server().storedHashes()).not.to.include(sha256('killed after it was begun'))
  })

  it('removes the traces later when somebody reads the database meanwhile', async () => {
    const { credentialId } = await server().take('content', { name: 'read-meanwhile.txt' })
    const reader = new DatabaseSync(server().databaseFile, { readOnly: true })
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM evidence').get()
    const started = performance.now()
    expect((await erase(server(), credentialId)).status).to.equal(200)
    expect(performance.now() - started).to.be.below(4_000)
    expect(filesWith(server().folder, [Buffer.from('read-meanwhile')])).not.to.deep.equal([])
    await eventually('said so', () => server().output.includes('somebody reads the database'))
    reader.close()
    await erase(server(), (await server().take('another')).credentialId)
    expect(filesWith(server().folder, [Buffer.from('read-meanwhile')])).to.deep.equal([])
  })

  it('has nothing to remove for what was erased long ago, whoever reads meanwhile', async () => {
    const { credentialId } = await server().take('erased long ago')
    await erase(server(), credentialId)
    const reader = new DatabaseSync(server().databaseFile, { readOnly: true })
    try {
      reader.exec('BEGIN')
      reader.prepare('SELECT count(*) FROM evidence').get()
      await server().take('written meanwhile')
      const before = server().output.split('somebody reads the database').length
      for (let i = 0; i < 20; i++) expect((await erase(server(), credentialId)).status).to.equal(200)
      expect(server().output.split('somebody reads the database')).to.have.length(before)
    } finally {
      reader.close()
    }
  })

  it('forgets when it would have expired', async () => {
    const validUntil = '2099-01-01T00:00:00Z'
    const { credentialId } = await server().take('expires', { metadata: { validUntil } })
    const shown = async () =>
      (await (await server().request(`/v1/evidence/${credentialId}`)).json()) as { validUntil: string | null }
    expect((await shown()).validUntil).to.equal(validUntil)
    await erase(server(), credentialId)
    expect((await shown()).validUntil).to.equal(null)
    const [row] = server().query('SELECT * FROM evidence WHERE credential_id = ?', credentialId)
    expect(Object.values(row!)).not.to.include(Date.parse(validUntil) / 1000)
  })

  it('finishes the others where one cannot be finished', async () => {
    const [stuck, other] = [await server().take('cannot be removed'), await server().take('can be removed')]
    await server().end('SIGKILL')
    for (const { credentialId } of [stuck, other]) tamperRow(server(), "state = 'erasing'", credentialId)
    tamperRow(server(), "content_hash = x'00'", stuck.credentialId)
    await server().start()
    await eventually('erased', () => stateOf(server(), other.credentialId) === 'erased')
    expect(stateOf(server(), stuck.credentialId)).to.equal('erasing')
    const hash = sha256('cannot be removed')
    tamperRow(server(), `content_hash = x'${hash.slice(2)}'`, stuck.credentialId)
    expect((await erase(server(), stuck.credentialId)).status).to.equal(200)
    expect(server().storedHashes()).not.to.include(hash)
  })

  it('goes on after kill -9 in an object store that does not answer', async () => {
    const s3 = await startS3Server()
    const away = await settleEvidence(s3Environment(s3))
    try {
      await away.server.start()
      const answer = await away.server.take('in an object store', { query: '?wait=recorded' })
      const file = fileOf(away.server, sha256('in an object store'), s3)
      expect(existsSync(file)).to.equal(true)
      s3.freeze()
      const asked = erase(away.server, answer.credentialId).catch(() => undefined)
      await eventually('begun', () => stateOf(away.server, answer.credentialId) === 'erasing')
      const { status } = await away.server.request(`/v1/evidence/${answer.credentialId}/content`)
      expect(status).to.equal(410)
      await away.server.end('SIGKILL')
      await asked
      s3.thaw()
      await away.server.start()
      await eventually('erased', () => stateOf(away.server, answer.credentialId) === 'erased')
      expect(existsSync(file)).to.equal(false)
      expect((await verify(away.server, answer)).verdict).to.equal('erased')
    } finally {
      await away.end()
      await s3.drop()
    }
  })
})
