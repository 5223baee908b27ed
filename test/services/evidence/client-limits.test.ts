import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Contract, Wallet } from 'ethers'
import { credentialKey } from '../../../protocol/credentials/credential-key.ts'
import { readEvidenceConfig } from '../../../services/evidence/config.ts'
import { WaitingRoom } from '../../../services/evidence/waiting-room.ts'
import { localProvider } from '../../support/contracts.ts'
import { expectError } from '../../support/expect-error.ts'
import { until } from '../party/book-writer/written-book.ts'
import {
  EVIDENCE_SECRET,
  ISSUER_KEY,
  type Neighbourhood,
  problem,
  settleEvidence,
} from './evidence-fixture.ts'

const DAY_MS = 24 * 60 * 60 * 1000

describe('limits of one client', () => {
  let home: Neighbourhood
  const server = () => home.server
  const open = async (env: Record<string, string>): Promise<void> => {
    home = await settleEvidence(env)
    await server().start()
  }
  const recorded = () => until(() => server().count("outbox_entries WHERE state <> 'final'") === 0)
  const post = (route: string, body?: unknown, apiKey?: string) =>
    server().request(
      route,
      {
        method: 'POST',
        ...(body !== undefined && {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      },
      apiKey,
    )
  /** What is counted by the day (UTC) begins anew at midnight. */
  const untilDayLasts = async (ms: number): Promise<void> => {
    const leftMs = DAY_MS - (Date.now() % DAY_MS)
    if (leftMs < ms) await sleep(leftMs)
  }
  afterEach(() => home.end())

  it('its share of what may wait for the chain; others have theirs, and revocations are taken', async () => {
    await open({ EVIDENCE_MAX_WAITING: '10', EVIDENCE_CLIENT_MAX_WAITING: '3' })
    const first = await server().take('recorded')
    await recorded()
    await home.chain.request('evm_setAutomine', [false])
    for (let i = 0; i < 2; i++) await server().take(`waits ${i}`)
    const revocation = await post(`/v1/evidence/${first.credentialId}/revocation`, { reason: 'withdrawn' })
    expect(revocation.status).to.equal(202)
    await until(async () => {
      const refused = await server().upload('one too many')
      return refused.status !== 201 && (await problem(refused)).code === 'RATE_LIMITED'
    })
    expect(server().count('evidence')).to.be.within(3, 4)
    const other = server().issueKey('other')
    await server().take('of another', { apiKey: other })
    await post(`/v1/evidence/${first.credentialId}/revocation`, { reason: 'withdrawn' })
    await home.chain.request('evm_setAutomine', [true])
    await home.chain.request('evm_mine')
    await until(async () => (await server().upload('taken again')).status === 201)
  }).timeout(30_000)

  it('documents a day, also after it erased them and after a restart', async () => {
    await untilDayLasts(30_000)
    await open({ EVIDENCE_CLIENT_DOCUMENTS_A_DAY: '3' })
    for (let i = 0; i < 3; i++) {
      const { credentialId } = await server().take(`document ${i}`)
      expect((await post(`/v1/evidence/${credentialId}/erasure`)).status).to.equal(200)
    }
    const expectFull = async () => {
      const refused = await problem(await server().upload('one more'))
      expect(refused).to.include({ status: 429, code: 'EVIDENCE_QUOTA_EXCEEDED' })
      const usage = await (await server().request('/v1/usage')).json()
      expect(usage).to.deep.include({ documents: 0, documentsToday: 3, maxDocumentsADay: 3 })
    }
    await expectFull()
    await server().end('SIGTERM')
    await server().start()
    await expectFull()
    await server().take('of another', { apiKey: server().issueKey('other') })
  }).timeout(60_000)

  it('contents that are read at a time, by readers who take their time', async () => {
    await open({ EVIDENCE_CLIENT_DOWNLOADS: '2' })
    const { credentialId } = await server().take(Buffer.alloc(30_000_000, 7))
    const { port } = new URL(server().url)
    const route = `/v1/evidence/${credentialId}/content`
    const readers = [0, 1].map(() => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`GET ${route} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server().apiKey}\r\n\r\n`)
      return socket
    })
    try {
      await Promise.all(readers.map((socket) => new Promise((resolve) => socket.once('readable', resolve))))
      const refused = await server().request(route)
      expect(await problem(refused)).to.include({ status: 429, code: 'RATE_LIMITED' })
    } finally {
      for (const socket of readers) socket.destroy()
    }
    await until(async () => {
      const response = await server().request(route)
      return (await response.arrayBuffer()).byteLength === 30_000_000
    })
    // Each gives its place back, whole or not there.
    for (let i = 0; i < 4; i++)
      expect((await server().request(route, { method: 'HEAD' })).status).to.equal(200)
  }).timeout(30_000)

  it('requests that wait; further ones are answered at once, and those who are gone keep no place', async () => {
    await open({ EVIDENCE_CLIENT_WAITS: '1' })
    await home.chain.request('evm_setAutomine', [false])
    const gone = new AbortController()
    const form = new FormData()
    form.append('file', new Blob(['waits']), 'document')
    const waiting = server()
      .request('/v1/evidence?wait=recorded', { method: 'POST', body: form, signal: gone.signal })
      .catch((error) => error)
    await until(() => server().count('evidence') === 1)
    const from = Date.now()
    const { state } = await server().take('does not', { query: '?wait=recorded' })
    expect(state).to.equal('pending')
    expect(Date.now() - from).to.be.below(2_000)
    gone.abort()
    await waiting
    const next = server().take('waits now', { query: '?wait=recorded' })
    const first = await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 700, 'waits'))])
    expect(first).to.equal('waits')
    await home.chain.request('evm_setAutomine', [true])
    await home.chain.request('evm_mine')
    expect((await next).state).to.equal('recorded')
  }).timeout(30_000)

  it('nobody makes the transactions of others fail by an expiry, also where the clock of the chain is ahead', async () => {
    await open({})
    await home.chain.request('evm_increaseTime', [7_200])
    await home.chain.request('evm_mine')
    const validUntil = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`
    await Promise.all([
      server().take('past there', { metadata: { validUntil } }),
      server().take('of another', { apiKey: server().issueKey('other') }),
    ])
    await recorded()
    expect(server().count("outbox_submissions WHERE state = 'reverted'")).to.equal(0)
  }).timeout(30_000)

  it('a revocation that the chain has for another reason is said to be in conflict', async () => {
    await open({})
    const { credentialId } = await server().take('revoked elsewhere', { query: '?wait=recorded' })
    const provider = localProvider(home.chain.url)
    try {
      const abi = ['function revoke(bytes32 credentialId, string reason)']
      const registry = new Contract(home.contracts.CredentialRegistry, abi, new Wallet(ISSUER_KEY, provider))
      await (await registry.getFunction('revoke')(credentialKey(credentialId), 'by another tool')).wait()
    } finally {
      provider.destroy()
    }
    await post(`/v1/evidence/${credentialId}/revocation`, { reason: 'by this one' })
    await until(async () => {
      const description = await (await server().request(`/v1/evidence/${credentialId}`)).json()
      return (description as { revocation: { state: string } }).revocation.state === 'conflict'
    }, 20_000)
    const again = await post(`/v1/evidence/${credentialId}/revocation`, { reason: 'by this one' })
    expect(await problem(again)).to.include({ status: 409, code: 'CREDENTIAL_ALREADY_REVOKED' })
  }).timeout(40_000)

  it('manifests of anchored roots never change, and are not sent twice to one who has them', async () => {
    await open({ EVIDENCE_TIER: 'anchor' })
    await server().take('anchored', { query: '?wait=recorded' })
    const [{ root } = { root: '' }] = server().query<{ root: string }>('SELECT root FROM outbox_submissions')
    const url = `${server().url}/v1/anchors/${root}`
    const response = await fetch(url)
    const etag = response.headers.get('etag')!
    expect(response.headers.get('content-type')).to.match(/^application\/json/)
    expect(response.headers.get('cache-control')).to.include('immutable')
    const manifest = await response.json()
    expect(manifest).to.include({ root, leafCount: 1 })
    const known = await fetch(url, { headers: { 'if-none-match': etag } })
    expect([known.status, await known.text()]).to.deep.equal([304, ''])
    expect(await (await fetch(url)).json()).to.deep.equal(manifest)
    const unknown = await fetch(url.replace(/.{4}$/, '0000'), { headers: { 'if-none-match': etag } })
    expect(unknown.status).to.equal(404)
    expect(unknown.headers.get('cache-control') ?? '').to.not.include('immutable')
  }).timeout(30_000)

  it('an upload that was kept counts as nothing else, whatever becomes of its answer', async () => {
    await open({})
    await home.chain.request('evm_setAutomine', [false])
    const form = new FormData()
    form.append('file', new Blob(['erased while it waits']), 'document')
    const waiting = server().request('/v1/evidence?wait=recorded', { method: 'POST', body: form })
    await until(() => server().count('evidence') === 1)
    const [{ id } = { id: '' }] = server().query<{ id: string }>('SELECT credential_id AS id FROM evidence')
    await post(`/v1/evidence/${id}/erasure`)
    await home.chain.request('evm_setAutomine', [true])
    await home.chain.request('evm_mine')
    expect(await problem(await waiting)).to.include({ code: 'EVIDENCE_ERASED' })
    const metrics = await (await fetch(`${server().url}/metrics`)).text()
    expect(metrics).to.match(/uploads_total\{.*outcome="kept".*\} 1\n/)
    expect(metrics).to.not.match(/outcome="refused"/)
  }).timeout(30_000)
})

describe('settings of an evidence server', () => {
  it('anchors are not written with an address of nobody', () => {
    const settings = {
      EVIDENCE_SECRET,
      COUNTERSIGN_PRIVATE_KEY: ISSUER_KEY,
      EVIDENCE_TIER: 'anchor',
      EVIDENCE_CHAIN_ID: '1',
    }
    const { message } = expectError(() => readEvidenceConfig(settings), 'CONFIGURATION_INVALID')
    expect(message).to.include('EVIDENCE_PUBLIC_URL')
    const reachable = readEvidenceConfig({ ...settings, EVIDENCE_PUBLIC_URL: 'https://evidence.example' })
    expect(reachable.EVIDENCE_TIER).to.equal('anchor')
    expect(readEvidenceConfig({ ...settings, EVIDENCE_CHAIN_ID: '31337' }).EVIDENCE_TIER).to.equal('anchor')
  })
})

describe('the room for what waits', () => {
  it('is held between looks too, however many come at once', () => {
    let looks = 0
    const room = new WaitingRoom({
      count: () => {
        looks++
        for (const end = performance.now() + 20; performance.now() < end; );
        return 5
      },
      countByClient: () => new Map([[1, 5]]),
      places: 20,
      clientPlaces: 5,
    })
    expectError(() => room.enter(1), 'RATE_LIMITED')
    for (let i = 0; i < 5; i++) room.enter(2)
    expectError(() => room.enter(2), 'RATE_LIMITED')
    for (let i = 0; i < 10; i++) room.enter(10 + i)
    expectError(() => room.enter(3), 'NOT_READY')
    expect(looks).to.equal(1)
  })
})
