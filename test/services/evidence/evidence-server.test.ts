import { expect } from 'chai'
import { Contract, JsonRpcProvider } from 'ethers'
import { CREDENTIAL_REGISTRY_ABI } from '../../../protocol/abi/credential-registry.ts'
import { credentialKey } from '../../../protocol/credentials/credential-key.ts'
import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import {
  type EvidenceCredential,
  parseCredential,
  readCredential,
} from '../../../protocol/credentials/evidence-credential.ts'
import { keccak256Hex, utf8ToBytes, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import { until } from '../party/book-writer/written-book.ts'
import {
  type EvidenceAnswer,
  ISSUER,
  type Neighbourhood,
  problem,
  settleEvidence,
  sha256,
} from './evidence-fixture.ts'

describe('evidence server', () => {
  let home: Neighbourhood
  const server = () => home.server
  const describeOf = async (id: string, apiKey?: string) =>
    (await (await server().request(`/v1/evidence/${id}`, {}, apiKey)).json()) as Record<string, unknown>

  before(async () => {
    home = await settleEvidence()
    await home.server.start()
  })
  after(() => home.end())

  async function onRegistry<T>(read: (registry: Contract) => Promise<T>): Promise<T> {
    const provider = new JsonRpcProvider(home.chain.url, home.chain.chainId, {
      staticNetwork: true,
      cacheTimeout: -1,
    })
    try {
      return await read(
        new Contract(home.contracts.CredentialRegistry, [...CREDENTIAL_REGISTRY_ABI], provider),
      )
    } finally {
      provider.destroy()
    }
  }

  describe('POST /v1/evidence', () => {
    it('keeps a file and answers with a credential that carries its receipt', async () => {
      const content = 'the first document'
      const metadata = { fields: { case: 'A-1' } }
      const answer = await server().take(content, { query: '?wait=recorded', metadata })
      expect(answer.state).to.equal('recorded')
      const read = readCredential(answer.credential)
      expect(read).to.deep.include({
        issuer: ISSUER,
        chainId: home.chain.chainId,
        registry: home.contracts.CredentialRegistry,
        credentialId: answer.credentialId,
        contentHash: sha256(content),
        metadata: { ...metadata, mediaType: 'application/pdf', name: 'document.pdf', size: content.length },
      })
      expect((await verifyCredential(answer.credential)).verdict).to.equal('recorded')
      expect(server().storedHashes()).to.include(sha256(content))
      expect(await onRegistry((book) => book.digestOf!(ISSUER, credentialKey(read.credentialId)))).to.equal(
        read.digest,
      )
    })

    it('answers at once with a pending credential, which later comes with the receipt and the same signature', async () => {
      await home.chain.request('evm_setAutomine', [false])
      const { credentialId, state, credential } = await server().take('pending')
      expect(state).to.equal('pending')
      expect((await verifyCredential(credential)).verdict).to.equal('unconfirmed')
      expect(readCredential(credential).recordBy).to.be.closeTo(Math.floor(Date.now() / 1000) + 600, 10)
      await home.chain.request('evm_setAutomine', [true])
      await home.chain.request('evm_mine')
      const file = await untilRecorded(credentialId)
      expect(file.proof[0]).to.deep.equal(credential.proof[0])
      expect((await verifyCredential(file)).verdict).to.equal('recorded')
    })

    it('keeps JSON as its canonical form', async () => {
      const response = await server().json(
        '{"content": {"b": 1.0, "a": "é"}, "metadata": {"name": "a.json"}}',
      )
      expect(response.status).to.equal(201)
      const { credentialId, credential } = (await response.json()) as EvidenceAnswer
      expect(response.headers.get('location')).to.equal(`/v1/evidence/${credentialId}`)
      expect(readCredential(credential)).to.deep.include({
        contentHash: sha256('{"a":"é","b":1}'),
        metadata: { mediaType: 'application/json', name: 'a.json', size: 16 },
      })
      const content = await server().request(`/v1/evidence/${credentialId}/content`)
      expect(await content.text()).to.equal('{"a":"é","b":1}')
    })

    it('takes an empty file for what it is', async () => {
      const { credential } = await server().take('', { query: '?wait=recorded' })
      expect(readCredential(credential)).to.deep.include({ contentHash: sha256('') })
      expect(readCredential(credential).metadata.size).to.equal(0)
    })

    it('gives equal contents of two clients credentials of their own, whose digests say nothing of it', async () => {
      const other = server().issueKey('another')
      const [one, two] = await Promise.all([
        server().take('the same for both'),
        server().take('the same for both', { apiKey: other }),
      ])
      const [mine, theirs] = [one, two].map(({ credential }) => readCredential(credential))
      expect(mine!.contentHash).to.equal(theirs!.contentHash)
      for (const member of ['credentialId', 'salt', 'digest'] as const)
        expect(mine![member]).to.not.equal(theirs![member])
      expect(
        server()
          .storedHashes()
          .filter((hash) => hash === mine!.contentHash),
      ).to.have.length(1)
      const hidden = await server().request(`/v1/evidence/${one.credentialId}`, {}, other)
      expect((await problem(hidden)).code).to.equal('EVIDENCE_NOT_FOUND')
    })

    it('puts an expiry on chain, and refuses one that is past', async () => {
      const validUntil = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`
      const { credentialId, credential } = await server().take('expires', {
        metadata: { validUntil },
        query: '?wait=recorded',
      })
      expect(credential.validUntil).to.equal(validUntil)
      expect(await onRegistry((book) => book.expiresAtOf!(ISSUER, credentialKey(credentialId)))).to.equal(
        BigInt(Date.parse(validUntil) / 1000),
      )
      const late = await server().upload('x', { metadata: { validUntil: '2020-01-01T00:00:00Z' } })
      expect(await problem(late)).to.deep.include({ status: 422, code: 'EVIDENCE_METADATA_INVALID' })
    })

    it('records a credential that expired while the chain was away', async () => {
      await home.chain.request('evm_setAutomine', [false])
      const validUntil = `${new Date(Date.now() + 5_000).toISOString().slice(0, 19)}Z`
      const { credentialId } = await server().take('expires soon', { metadata: { validUntil } })
      await until(() => Date.now() > Date.parse(validUntil) + 1_000)
      await home.chain.request('evm_setAutomine', [true])
      await home.chain.request('evm_mine')
      expect(await untilRecorded(credentialId)).to.have.property('validUntil', validUntil)
    })

    async function untilRecorded(credentialId: string): Promise<EvidenceCredential> {
      const file = async () =>
        parseCredential(await (await server().request(`/v1/evidence/${credentialId}/credential`)).text())
      await until(async () => (await file()).proof.length === 2, 15_000)
      return file()
    }
  })

  describe('Idempotency-Key', () => {
    const headers = { 'idempotency-key': 'one' }

    it('makes a repetition the same credential, also at the same moment', async () => {
      const before = server().count('evidence')
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => server().take('sent six times', { headers })),
      )
      const last = await server().take('sent six times', { headers, query: '?wait=recorded' })
      expect(new Set([...answers, last].map(({ credentialId }) => credentialId)).size).to.equal(1)
      for (const { credential } of answers)
        expect(credential.proof[0]).to.deep.equal(last.credential.proof[0])
      expect(server().count('evidence')).to.equal(before + 1)
      expect(server().stagedFiles()).to.deep.equal([])
    })

    it('is refused for other content and other metadata, and is free to other clients', async () => {
      for (const change of [
        server().upload('something else', { headers }),
        server().upload('sent six times', { headers, metadata: { fields: { a: 1 } } }),
      ])
        expect(await problem(await change)).to.deep.include({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' })
      const apiKey = server().issueKey('a third')
      expect((await server().upload('something else', { headers, apiKey })).status).to.equal(201)
      const odd = await server().upload('x', { headers: { 'idempotency-key': 'ü' } })
      expect(await problem(odd)).to.deep.include({ status: 400, code: 'IDEMPOTENCY_KEY_MALFORMED' })
      expect(server().storedHashes()).to.not.include(sha256('x'))
    })
  })

  describe('GET /v1/evidence/…', () => {
    it('gives back content, description and credential', async () => {
      const { credentialId } = await server().take('give it back', {
        metadata: { name: 'Überweisung "1".txt' },
        type: 'text/plain',
      })
      const content = await server().request(`/v1/evidence/${credentialId}/content`)
      expect(content.headers.get('content-type')).to.equal('text/plain')
      expect(content.headers.get('content-disposition')).to.equal(
        `attachment; filename*=UTF-8''%C3%9Cberweisung%20%221%22.txt`,
      )
      expect(content.headers.get('x-content-type-options')).to.equal('nosniff')
      expect(content.headers.get('repr-digest')).to.equal(
        `sha-256=:${Buffer.from(sha256('give it back').slice(2), 'hex').toString('base64')}:`,
      )
      expect(await content.text()).to.equal('give it back')
      await until(async () => (await describeOf(credentialId)).state === 'recorded')
      expect(await describeOf(credentialId)).to.deep.include({
        credentialId,
        size: 12,
        metadata: { mediaType: 'text/plain', name: 'Überweisung "1".txt', size: 12 },
      })
      const file = await server().request(`/v1/evidence/${credentialId}/credential`)
      expect(file.headers.get('content-type')).to.equal('application/vc')
      expect(file.headers.get('content-disposition')).to.include(`${credentialId}.credential.json`)
    })

    it('lists what one client handed in, latest first, page by page', async () => {
      const apiKey = server().issueKey('who lists')
      const ids: string[] = []
      for (let i = 0; i < 5; i++) ids.unshift((await server().take(`listed ${i}`, { apiKey })).credentialId)
      const listed: string[] = []
      let cursor: string | null = null
      do {
        const query: string = `?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`
        const response = await server().request(`/v1/evidence${query}`, {}, apiKey)
        const page = (await response.json()) as {
          evidence: { credentialId: string }[]
          nextCursor: string | null
        }
        listed.push(...page.evidence.map(({ credentialId }) => credentialId))
        cursor = page.nextCursor
      } while (cursor !== null)
      expect(listed).to.deep.equal(ids)
      const odd = await server().request('/v1/evidence?cursor=AAAA', {}, apiKey)
      expect((await problem(odd)).code).to.equal('CURSOR_INVALID')
    })

    it('says what is used', async () => {
      const apiKey = server().issueKey('who counts')
      await server().take('12345', { apiKey })
      await server().take('123', { apiKey })
      const usage = await (await server().request('/v1/usage', {}, apiKey)).json()
      expect(usage).to.deep.include({ issuer: ISSUER, tier: 'record', bytes: 8, documents: 2 })
    })

    it('asks for a key with the right scope', async () => {
      const { credentialId } = await server().take('scoped')
      const only = server().issueKey('client', ['store'])
      for (const route of ['', '/content', '/credential'])
        expect(
          (await problem(await server().request(`/v1/evidence/${credentialId}${route}`, {}, only))).code,
        ).to.equal('SCOPE_MISSING')
      const reader = server().issueKey('client', ['read'])
      expect((await describeOf(credentialId, reader)).credentialId).to.equal(credentialId)
      expect((await problem(await server().upload('x', { apiKey: reader }))).code).to.equal('SCOPE_MISSING')
      expect((await fetch(`${server().url}/v1/evidence/${credentialId}`)).status).to.equal(401)
    })
  })

  describe('POST /v1/evidence/{id}/revocation', () => {
    const revoke = (id: string, reason: unknown, apiKey?: string) =>
      server().request(
        `/v1/evidence/${id}/revocation`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ reason }),
        },
        apiKey,
      )

    it('revokes on chain, once, in the midst of issues', async () => {
      const taken = await Promise.all(Array.from({ length: 12 }, (_, i) => server().take(`revoked ${i}`)))
      const [some] = await Promise.all([
        Promise.all(taken.slice(0, 6).map(({ credentialId }, i) => revoke(credentialId, `reason ${i}`))),
        Promise.all(Array.from({ length: 12 }, (_, i) => server().take(`not revoked ${i}`))),
      ])
      for (const { status } of some) expect(status).to.be.oneOf([200, 202])
      const first = taken[0]!.credentialId
      await until(async () => {
        const { revocation } = (await describeOf(first)) as { revocation?: { state: string } }
        return revocation?.state === 'recorded'
      })
      expect(await (await revoke(first, 'reason 0')).json()).to.deep.include({
        credentialId: first,
        reason: 'reason 0',
        state: 'recorded',
      })
      expect(await problem(await revoke(first, 'another'))).to.deep.include({
        status: 409,
        code: 'CREDENTIAL_ALREADY_REVOKED',
      })
      await until(() => server().count("outbox_entries WHERE state <> 'final'") === 0)
      const hashes = await onRegistry((book) =>
        Promise.all(taken.map(({ credentialId }) => book.revocationOf!(ISSUER, credentialKey(credentialId)))),
      )
      expect(hashes).to.deep.equal(
        taken.map((_, i) => (i < 6 ? keccak256Hex(utf8ToBytes(`reason ${i}`)) : ZERO_BYTES32)),
      )
    })

    it("refuses another client's, and reasons that are none", async () => {
      const { credentialId } = await server().take('stays')
      const other = server().issueKey('not the owner')
      expect((await problem(await revoke(credentialId, 'mine', other))).code).to.equal('EVIDENCE_NOT_FOUND')
      expect((await revoke(credentialId, '')).status).to.equal(400)
      expect((await revoke(credentialId, 'ü'.repeat(200))).status).to.be.oneOf([400, 422])
      expect((await problem(await revoke(credentialId, 'a\u0007b'))).code).to.equal(
        'REVOCATION_REASON_INVALID',
      )
      expect(await describeOf(credentialId)).to.not.have.property('revocation')
    })
  })

  it('describes itself', async () => {
    const document = (await (await fetch(`${server().url}/openapi.json`)).json()) as {
      paths: Record<string, { post?: { requestBody: { content: object } } }>
    }
    expect(Object.keys(document.paths)).to.include.members([
      '/v1/evidence',
      '/v1/evidence/{credentialId}',
      '/v1/evidence/{credentialId}/content',
      '/v1/evidence/{credentialId}/credential',
      '/v1/evidence/{credentialId}/revocation',
      '/v1/usage',
      '/v1/anchors/{root}',
    ])
    expect(document.paths['/v1/evidence']!.post!.requestBody.content).to.have.keys([
      'multipart/form-data',
      'application/json',
    ])
    await server().take('counted')
    const metrics = await (await fetch(`${server().url}/metrics`)).text()
    expect(metrics).to.match(/countersign_evidence_uploads_total\{outcome="kept",service="evidence"\} 1/)
    expect((await fetch(`${server().url}/readyz`)).status).to.equal(200)
  })
})
