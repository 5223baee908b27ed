import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { eventually } from '../../../support/eventually.ts'
import { startS3Server } from '../../../support/s3-server.ts'
import {
  type EvidenceAnswer,
  type EvidenceProcess,
  type Neighbourhood,
  settleEvidence,
} from '../evidence-fixture.ts'
import { fileOf, flipBit, s3Environment, verify } from '../verification/verifying.ts'

interface Rechecks {
  round: { id: number; state: string; waitsFor: string | null; finishedAt: string | null } | null
  failing: number
  unreadable: number
}
interface NoticePage {
  notices: { noticeId: string; credentialId: string; verdict: string; foundAt: string }[]
  nextCursor: string | null
}

const DAY_MS = '86400000'
/** As fast as it goes. */
const UNPACED = {
  EVIDENCE_RECHECK_BYTES_PER_SECOND: '1000000000',
  EVIDENCE_RECHECK_DOCUMENTS_PER_SECOND: '1000000',
  EVIDENCE_RECHECK_PAUSE_MS: DAY_MS,
}

const get = async <T>(server: EvidenceProcess, route: string, apiKey?: string): Promise<T> =>
  (await (await server.request(route, {}, apiKey)).json()) as T
const rechecks = (server: EvidenceProcess, apiKey?: string) => get<Rechecks>(server, '/v1/rechecks', apiKey)
const request = async (server: EvidenceProcess): Promise<Rechecks> => {
  const response = await server.request('/v1/rechecks', { method: 'POST' })
  expect(response.status).to.equal(202)
  return (await response.json()) as Rechecks
}
const finished = (server: EvidenceProcess, id: number, timeoutMs?: number) =>
  eventually(
    `round ${id} finished`,
    async () => {
      const { round } = await rechecks(server)
      return round !== null && (round.id > id || (round.id === id && round.state === 'finished'))
    },
    timeoutMs,
  )
async function recheck(server: EvidenceProcess): Promise<number> {
  const { round } = await request(server)
  await finished(server, round!.id)
  return round!.id
}
async function allNotices(server: EvidenceProcess, apiKey?: string): Promise<NoticePage['notices']> {
  const found: NoticePage['notices'] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '?limit=7' : `?limit=7&cursor=${cursor}`
    const page: NoticePage = await get(server, `/v1/notices${query}`, apiKey)
    found.push(...page.notices)
    cursor = page.nextCursor
  }
  return found
}
const take = (server: EvidenceProcess, count: number, size = 500): Promise<EvidenceAnswer[]> =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      server.take(Buffer.alloc(size, `content ${i} `), {
        name: `secret-name-${i}.txt`,
        query: '?wait=recorded',
      }),
    ),
  )
const hashOf = ({ credential }: EvidenceAnswer) => credential.credentialSubject.contentHash
const rounds = (server: EvidenceProcess) =>
  server.query<Record<string, number>>('SELECT * FROM recheck_rounds ORDER BY id')

describe('recheck of everything that is kept', function () {
  this.timeout(60_000)
  let home: Neighbourhood
  const server = () => home.server
  afterEach(() => home.end())
  const settle = async (env: Record<string, string> = {}): Promise<void> => {
    home = await settleEvidence({ ...UNPACED, ...env })
    await server().start()
  }

  it('reports everything that was tampered with or lost, unasked and once', async () => {
    await settle({ EVIDENCE_RECHECK_PAUSE_MS: '200' })
    const answers = await take(server(), 31)
    const stranger = server().issueKey('stranger')
    await server().take('somebody else has this', { apiKey: stranger })
    await finished(server(), (await rechecks(server())).round!.id + 1)
    expect(await allNotices(server())).to.deep.equal([])

    const [lost, ...altered] = answers
    for (const [i, answer] of altered.entries()) flipBit(fileOf(server(), hashOf(answer)), i * 97)
    rmSync(fileOf(server(), hashOf(lost!)))
    await eventually('all reported', async () => (await allNotices(server())).length >= 31)
    const found = await allNotices(server())
    expect(new Map(found.map(({ credentialId, verdict }) => [credentialId, verdict]))).to.deep.equal(
      new Map(answers.map(({ credentialId }, i) => [credentialId, i === 0 ? 'missing' : 'tampered'])),
    )
    expect((await rechecks(server())).failing).to.equal(31)

    await finished(server(), (await rechecks(server())).round!.id + 2)
    expect(await allNotices(server()), 'repeated').to.have.length(31)
    const { failed, documents } = rounds(server()).findLast(({ finished_at }) => finished_at !== null)!
    expect({ failed, documents }).to.deep.equal({ failed: 31, documents: 32 })
    expect(await allNotices(server(), stranger)).to.deep.equal([])
    expect(server().output).to.include('evidence failed its check').and.not.include('secret-name')
  })

  it('reports when what had failed is whole again, and when it fails once more', async () => {
    await settle()
    const [answer] = await take(server(), 1)
    const file = fileOf(server(), hashOf(answer!))
    for (const _ of [1, 2]) {
      flipBit(file)
      await recheck(server())
    }
    renameSync(file, `${file}.away`)
    await recheck(server())
    renameSync(`${file}.away`, file)
    await recheck(server())
    // Flipped twice it is as it was.
    const verdicts = (await allNotices(server())).map(({ verdict }) => verdict)
    expect(verdicts).to.deep.equal(['tampered', 'intact', 'missing', 'intact'])
    expect((await rechecks(server())).failing).to.equal(0)
  })

  it('does not report again what a verification found', async () => {
    await settle()
    const [answer] = await take(server(), 1)
    flipBit(fileOf(server(), hashOf(answer!)))
    expect((await verify(server(), answer!)).verdict).to.equal('tampered')
    await recheck(server())
    expect(await allNotices(server())).to.have.length(1)
    expect(rounds(server()).at(-1)).to.include({ failed: 1 })
  })

  it('reports an altered row or credential in the database', async () => {
    await settle()
    const [row, file, digest] = await take(server(), 3)
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(server().databaseFile, { timeout: 5_000 })
    const alter = (set: string, { credentialId }: EvidenceAnswer) =>
      db.prepare(`UPDATE evidence SET ${set} WHERE credential_id = ?`).run(credentialId)
    alter(`metadata = replace(metadata, 'secret', 'public')`, row!)
    alter(`credential = replace(credential, 'secret', 'public')`, file!)
    alter(`credential = 'gone'`, digest!)
    db.close()
    await recheck(server())
    expect((await allNotices(server())).map(({ verdict }) => verdict)).to.deep.equal(
      Array(3).fill('tampered'),
    )
  })

  it('runs one round at a time, at once when asked to', async () => {
    await settle({ EVIDENCE_RECHECK_DOCUMENTS_PER_SECOND: '4' })
    await take(server(), 10)
    await finished(server(), 1)
    const asked = await Promise.all([request(server()), request(server()), request(server())])
    expect(new Set(asked.map(({ round }) => round!.id))).to.deep.equal(new Set([2]))
    expect((await request(server())).round).to.include({ id: 2, state: 'running' })
    await finished(server(), 2)
    expect((await request(server())).round!.id).to.equal(3)
  })

  it('keeps to its rate in documents and in bytes', async () => {
    await settle({ EVIDENCE_RECHECK_DOCUMENTS_PER_SECOND: '20' })
    await take(server(), 30)
    const started = performance.now()
    await recheck(server())
    expect(performance.now() - started).to.be.within(1_300, 15_000)

    await server().end('SIGTERM')
    await server().start({
      EVIDENCE_RECHECK_BYTES_PER_SECOND: '2000000',
      EVIDENCE_RECHECK_DOCUMENTS_PER_SECOND: '1000',
    })
    await take(server(), 2, 2_000_000)
    const again = performance.now()
    await recheck(server())
    expect(performance.now() - again).to.be.within(1_800, 15_000)
  })

  it('goes on where it was after kill -9, what was read longest ago first', async () => {
    await settle({ EVIDENCE_RECHECK_DOCUMENTS_PER_SECOND: '10' })
    await take(server(), 30)
    const { round } = await request(server())
    const done = () => rounds(server()).find(({ id }) => id === round!.id)!.documents!
    await eventually('under way', () => done() >= 8)
    await server().end('SIGKILL')
    const before = done()
    expect(before).to.be.within(8, 29)
    const checked = server().query<{ id: number }>('SELECT id FROM evidence WHERE checked_at IS NOT NULL')
    await server().start()
    expect((await rechecks(server())).round!.id).to.equal(round!.id)
    await finished(server(), round!.id)
    // Each once, whatever was killed.
    expect(done()).to.equal(30)
    expect(checked).to.have.length(before)
    const order = server().query<{ id: number }>('SELECT id FROM evidence ORDER BY checked_at, id')
    expect(order.slice(0, before).map(({ id }) => id)).to.have.members(checked.map(({ id }) => id))
  })

  it('waits while chain or store are away, and takes nothing for missing', async () => {
    await settle()
    await take(server(), 3)
    const identity = `${server().storeFolder}/store-id`
    renameSync(`${server().storeFolder}/objects`, `${server().storeFolder}/objects.away`)
    renameSync(identity, `${identity}.away`)
    const { round } = await request(server())
    const waitsFor = async (code: string) =>
      eventually(
        code,
        async () => {
          const now = (await rechecks(server())).round!
          return now.state === 'waiting' && now.waitsFor === code
        },
        20_000,
      )
    await waitsFor('EVIDENCE_STORE_UNAVAILABLE')
    process.kill(home.chain.pid, 'SIGSTOP')
    await waitsFor('CHAIN_UNREACHABLE')
    process.kill(home.chain.pid, 'SIGCONT')
    await waitsFor('EVIDENCE_STORE_UNAVAILABLE')
    renameSync(`${server().storeFolder}/objects.away`, `${server().storeFolder}/objects`)
    renameSync(`${identity}.away`, identity)
    await finished(server(), round!.id, 30_000)
    expect(await allNotices(server())).to.deep.equal([])
    expect(rounds(server()).at(-1)).to.include({ documents: 3, failed: 0, unreadable: 0 })
  })

  it('passes over what alone cannot be read, and says so', async () => {
    const s3 = await startS3Server()
    try {
      await settle({ ...s3Environment(s3), EVIDENCE_RECHECK_BYTES_PER_SECOND: '3000000' })
      const answers = await take(server(), 3, 1_000_000)
      // Where the object was is a folder: the server fails on it, and on nothing else.
      const file = fileOf(server(), hashOf(answers[1]!), s3)
      const bytes = readFileSync(file)
      rmSync(file)
      mkdirSync(file)
      flipBit(fileOf(server(), hashOf(answers[2]!), s3))
      const { round } = await request(server())
      await finished(server(), round!.id, 30_000)
      const told = async () =>
        (await allNotices(server())).map(({ credentialId, verdict }) => [credentialId, verdict])
      const failed = [
        [answers[1]!.credentialId, 'unreadable'],
        [answers[2]!.credentialId, 'tampered'],
      ]
      expect(await told()).to.have.deep.members(failed)
      expect(await rechecks(server())).to.include({ failing: 1, unreadable: 1 })
      expect(rounds(server()).at(-1)).to.include({ documents: 2, failed: 1, unreadable: 1 })
      rmSync(file, { recursive: true })
      writeFileSync(file, bytes)
      await recheck(server())
      expect(rounds(server()).at(-1)).to.include({ documents: 3, failed: 1, unreadable: 0 })
      expect(await told()).to.have.deep.members([...failed, [answers[1]!.credentialId, 'intact']])
      expect(await rechecks(server())).to.include({ failing: 1, unreadable: 0 })
    } finally {
      await s3.drop()
    }
  })
})
