import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { request } from 'undici'
import { eventually } from '../../../support/eventually.ts'
import { startS3Server } from '../../../support/s3-server.ts'
import { type EvidenceAnswer, type EvidenceProcess, problem, settleEvidence } from '../evidence-fixture.ts'
import { askToVerify, s3Environment, verify } from './verifying.ts'

const MiB = 1024 * 1024
const memoryOf = ({ pid }: EvidenceProcess): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

describe('verification of large contents', function () {
  this.timeout(120_000)

  it('holds many at once to a few at a time, and little of them in memory', async function () {
    if (process.platform !== 'linux') this.skip()
    const home = await settleEvidence({ EVIDENCE_RPC_TIMEOUT_MS: '60000' })
    try {
      await home.server.start()
      const answer = await home.server.take(Buffer.alloc(96 * MiB, 'large '), { query: '?wait=recorded' })
      await home.server.end('SIGTERM')
      await home.server.start()
      await verify(home.server, await home.server.take('warm', { query: '?wait=recorded' }))
      const before = memoryOf(home.server)
      // None is done before all are there: first each asks the chain.
      process.kill(home.chain.pid, 'SIGSTOP')
      let answered = 0
      const asked = Array.from({ length: 50 }, async () => {
        const response = await askToVerify(home.server, answer)
        answered++
        return response
      })
      await eventually('16 are refused', () => answered === 16, 20_000)
      process.kill(home.chain.pid, 'SIGCONT')
      const responses = await Promise.all(asked)
      const statuses = responses.map(({ status }) => status)
      expect(statuses.filter((status) => status === 200)).to.have.length(34)
      expect(statuses.filter((status) => status === 429)).to.have.length(16)
      for (const response of responses)
        if (response.ok) expect(await response.json()).to.have.nested.property('statement.verdict', 'intact')
      // Two contents are read at a time: held whole they would be 192.
      expect((memoryOf(home.server) - before) / MiB).to.be.below(120)
    } finally {
      await home.end()
    }
  })

  it('ends the reading for who goes away', async () => {
    const home = await settleEvidence()
    try {
      await home.server.start()
      const answer = await home.server.take(Buffer.alloc(96 * MiB, 'large '), { query: '?wait=recorded' })
      for (let i = 0; i < 60; i++) await leave(home.server, answer)
      await eventually('all are free', async () => (await askToVerify(home.server, answer)).status === 200)
      const [row] = home.server.query<{ checked_at: number | null }>('SELECT checked_at FROM evidence')
      expect(row!.checked_at).not.to.equal(null)
      expect(home.server.output).not.to.include('"level":50')
    } finally {
      await home.end()
    }
  })

  it('does not hold up a shutdown', async () => {
    const home = await settleEvidence()
    try {
      await home.server.start()
      const answer = await home.server.take(Buffer.alloc(96 * MiB, 'large '), { query: '?wait=recorded' })
      const asked = Array.from({ length: 30 }, () => askToVerify(home.server, answer))
      const startedAt = performance.now()
      // Whichever was there first.
      await Promise.race(asked)
      await home.server.end('SIGTERM')
      expect(performance.now() - startedAt).to.be.below(20_000)
      const codes = await Promise.all(
        asked.map((response) =>
          response.then(
            async (r) => (r.ok ? 'ok' : (await problem(r)).code),
            () => 'cut',
          ),
        ),
      )
      expect(codes).to.include('NOT_READY')
    } finally {
      await home.end()
    }
  })

  it('reads an object as slowly as it was told, whatever the store thinks of silence', async () => {
    const s3 = await startS3Server()
    const slow = { EVIDENCE_RECHECK_BYTES_PER_SECOND: '1000000', EVIDENCE_S3_STALL_MS: '400' }
    const home = await settleEvidence({ ...s3Environment(s3), ...slow })
    try {
      await home.server.start()
      await home.server.take(Buffer.alloc(4_000_000, 'slow '), { query: '?wait=recorded' })
      await home.server.request('/v1/rechecks', { method: 'POST' })
      const rounds = 'SELECT * FROM recheck_rounds WHERE documents > 0 AND finished_at IS NOT NULL'
      await eventually('read', () => home.server.query(rounds).length === 1, 30_000)
      const [round] = home.server.query<Record<string, number>>(rounds)
      expect(round).to.include({ documents: 1, bytes: 4_000_000, unreadable: 0, failed: 0 })
      expect(round!.finished_at! - round!.started_at!).to.be.above(3_000)
    } finally {
      await home.end()
      await s3.drop()
    }
  })

  it('gives no verdict when the object store stops answering, and one when it does again', async () => {
    const s3 = await startS3Server()
    const home = await settleEvidence({ ...s3Environment(s3), EVIDENCE_S3_STALL_MS: '3000' })
    try {
      await home.server.start()
      const answer = await home.server.take('in an object store', { query: '?wait=recorded' })
      s3.freeze()
      const refused = await problem(await askToVerify(home.server, answer))
      expect(refused).to.include({ status: 503, code: 'EVIDENCE_STORE_UNAVAILABLE' })
      expect(home.server.query('SELECT * FROM notices')).to.deep.equal([])
      s3.thaw()
      expect((await verify(home.server, answer)).verdict).to.equal('intact')
    } finally {
      await home.end()
      await s3.drop()
    }
  })
})

/** Asks, and hangs up before the answer. */
async function leave(server: EvidenceProcess, { credentialId, credential }: EvidenceAnswer): Promise<void> {
  await request(`${server.url}/v1/evidence/${credentialId}/verify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ credential }),
    signal: AbortSignal.timeout(20),
  }).then(
    ({ body }) => body.dump(),
    () => {},
  )
}
