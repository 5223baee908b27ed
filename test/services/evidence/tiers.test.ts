import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import {
  type EvidenceCredential,
  parseCredential,
} from '../../../protocol/credentials/evidence-credential.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import { merkleRootOf } from '../../../protocol/record-book.ts'
import { serialToKey } from '../../../protocol/serial.ts'
import { startRpcRelay } from '../../support/rpc-relay.ts'
import { until } from '../party/book-writer/written-book.ts'
import { EvidenceProcess, type Neighbourhood, problem, settleEvidence, sha256 } from './evidence-fixture.ts'

const COUNT = 9

describe('tiers of an evidence server', () => {
  let home: Neighbourhood
  afterEach(() => home.end())
  const server = () => home.server
  const fileOf = async (id: string): Promise<EvidenceCredential> =>
    parseCredential(await (await server().request(`/v1/evidence/${id}/credential`)).text())

  for (const [tier, receipt] of [
    ['record', 'recorded'],
    ['publish', 'published'],
    ['anchor', 'anchored'],
  ] as const)
    it(`${tier}: every credential of a batch verifies by itself`, async () => {
      home = await settleEvidence({ EVIDENCE_TIER: tier, EVIDENCE_FLUSH_MS: '300' })
      await server().start()
      const taken = await Promise.all(Array.from({ length: COUNT }, (_, i) => server().take(`document ${i}`)))
      await until(() => server().count("outbox_entries WHERE state <> 'final'") === 0)
      const roots = new Map<Bytes32, number>()
      for (const { credentialId } of taken) {
        const file = await fileOf(credentialId)
        expect(file.proof[1]).to.deep.include({ tier: receipt })
        const { verdict, recorded } = await verifyCredential(file)
        expect(verdict).to.equal('recorded')
        expect(recorded?.tier).to.equal(receipt)
      }
      for (const { root } of server().query<{ root: Bytes32 }>(
        'SELECT root FROM outbox_submissions WHERE root IS NOT NULL',
      )) {
        const response = await fetch(`${server().url}/v1/anchors/${root}`)
        const manifest = (await response.json()) as {
          leafCount: number
          leaves: { key: Bytes32; digest: Bytes32 }[]
        }
        expect(merkleRootOf(manifest.leaves)).to.equal(root)
        roots.set(root, manifest.leafCount)
      }
      const anchored = [...roots.values()].reduce((sum, count) => sum + count, 0)
      expect(anchored).to.equal(tier === 'anchor' ? COUNT : 0)
      const { credentialId } = taken[0]!
      await server().request(`/v1/evidence/${credentialId}/revocation`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"reason":"withdrawn"}',
      })
      await until(() => server().count("outbox_entries WHERE state <> 'final'") === 0)
      expect(server().count("outbox_submissions WHERE state = 'final'")).to.be.at.least(2)
      expect((await fetch(`${server().url}/v1/anchors/${serialToKey(credentialId)}`)).status).to.equal(404)
    }).timeout(60_000)

  it('give a receipt only once the record is as deep as the chain asks', async () => {
    home = await settleEvidence({ EVIDENCE_WAIT_MS: '700' }, 3)
    await server().start()
    const { credentialId, state } = await server().take('shallow', { query: '?wait=recorded' })
    expect(state).to.equal('pending')
    await until(() => server().count('outbox_entries WHERE block_number IS NOT NULL') === 1)
    expect((await fileOf(credentialId)).proof).to.have.length(1)
    await home.chain.request('anvil_mine', ['0x3'])
    await until(async () => (await fileOf(credentialId)).proof.length === 2)
  })

  it('take evidence while the chain is away, and record it when that is back', async () => {
    home = await settleEvidence()
    const relay = await startRpcRelay(home.chain.url)
    await home.server.remove()
    home.server = new EvidenceProcess({
      chainId: home.chain.chainId,
      rpcUrl: relay.url,
      contracts: home.contracts,
    })
    try {
      await server().start()
      const before = await server().take('before', { query: '?wait=recorded' })
      relay.faults.cut = true
      const { credentialId, state } = await server().take('meanwhile')
      expect(state).to.equal('pending')
      // What is recorded already is given without its receipt rather than not at all.
      const file = await fileOf(before.credentialId)
      expect(file.proof).to.have.length.within(1, 2)
      expect(file.proof[0]).to.deep.equal(before.credential.proof[0])
      relay.faults.cut = false
      await until(async () => (await fileOf(credentialId)).proof.length === 2, 15_000)
    } finally {
      await relay.stop()
    }
  }).timeout(60_000)

  it('give no content back that is another one, or gone', async () => {
    home = await settleEvidence()
    await server().start()
    const content = Buffer.alloc(3_000_000, 5)
    const { credentialId } = await server().take(content)
    const hash = sha256(content).slice(2)
    const object = path.join(server().storeFolder, 'objects', hash.slice(0, 2), hash.slice(2))
    const read = async () => (await server().request(`/v1/evidence/${credentialId}/content`)).arrayBuffer()
    expect(Buffer.from(await read()).equals(content)).to.equal(true)
    appendFileSync(object, 'x')
    expect(await read().catch((error) => error)).to.be.an.instanceOf(Error)
    writeFileSync(object, content.fill(6, 1_000_000, 1_000_001))
    expect(await read().catch((error) => error)).to.be.an.instanceOf(Error)
    rmSync(object)
    expect(existsSync(object)).to.equal(false)
    const gone = await server().request(`/v1/evidence/${credentialId}/content`)
    expect(await problem(gone)).to.include({ status: 500, code: 'EVIDENCE_LOST' })
    // The same handed in again makes it whole.
    await server().take(Buffer.alloc(3_000_000, 5))
    expect((await read()).byteLength).to.equal(3_000_000)
  })

  it('stay those of a database, as do its secret and its store', async () => {
    home = await settleEvidence()
    await server().start()
    await server().take('kept')
    await server().end('SIGTERM')
    const changes = [
      { EVIDENCE_TIER: 'anchor' },
      { EVIDENCE_SECRET: 'ab'.repeat(32) },
      { EVIDENCE_STORE: path.join(server().folder, 'other') },
    ]
    for (const change of changes) {
      const [name] = Object.keys(change)
      const failure = await server()
        .start(change)
        .catch((error: Error) => error.message)
      expect(failure, name)
        .to.match(/^(CONFIGURATION_INVALID|EVIDENCE_STORE_UNAVAILABLE): /)
        .and.include(name)
      expect(failure).to.not.include('abab')
    }
    const unset = await server()
      .start({ EVIDENCE_SECRET: '', EVIDENCE_TIER: 'lax', EVIDENCE_MAX_BYTES: '-1' })
      .catch((error: Error) => error.message)
    for (const name of ['EVIDENCE_SECRET', 'EVIDENCE_TIER', 'EVIDENCE_MAX_BYTES'])
      expect(unset).to.include(name)
    await server().start()
  }).timeout(60_000)
})
