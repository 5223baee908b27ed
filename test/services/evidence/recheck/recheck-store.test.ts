import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { newSerial, type Serial } from '../../../../protocol/serial.ts'
import { RecheckStore } from '../../../../services/evidence/recheck/recheck-store.ts'
import { openEvidenceDatabase } from '../../../../services/evidence/store/database.ts'
import { EvidenceStore } from '../../../../services/evidence/store/evidence-store.ts'

const HASH = `0x${'ab'.repeat(32)}` as const

describe('rounds of rechecks', () => {
  let folder: string
  let opened: ReturnType<typeof openEvidenceDatabase>
  let rounds: RecheckStore
  let client: number
  let take: () => Serial

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'countersign-rounds-'))
    opened = openEvidenceDatabase(path.join(folder, 'evidence.db'))
    rounds = new RecheckStore(opened.db)
    const evidence = new EvidenceStore(opened.db)
    client = Number(opened.db.prepare("INSERT INTO clients (name) VALUES ('client')").run().lastInsertRowid)
    take = () => {
      const credentialId = newSerial()
      const hashes = { contentHash: HASH, share: HASH, digest: HASH }
      const row = { ...hashes, credentialId, client, size: 1, metadata: '{}', credential: '{}' }
      evidence.insert({ ...row, issuedAt: Date.now() })
      return credentialId
    }
  })
  afterEach(() => {
    opened.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('are of what was kept when they began, each once', () => {
    const before = [take(), take()]
    const first = rounds.begin(Date.now())
    const during = take()
    expect(rounds.due(first, 10)).to.deep.equal(before)
    rounds.skipped(first, before[0]!)
    rounds.checked(first, before[1]!, 1, false)
    expect(rounds.due(first, 10)).to.deep.equal([])
    rounds.finish(first, Date.now())
    const after = take()
    expect(rounds.due(rounds.begin(Date.now()), 10)).to.have.members([...before, during, after])
  })

  it('find what is next in no time, however much is handed in meanwhile', function () {
    this.timeout(60_000)
    const old = [take(), take()]
    rounds.finish(rounds.begin(Date.now()), Date.now())
    opened.db.exec('UPDATE evidence SET checked_at = 1, checked_round = 1, issued_at = 1')
    const round = rounds.begin(Date.now() - 1_000)
    opened.db.exec('BEGIN')
    for (let i = 0; i < 20_000; i++) take()
    opened.db.exec('COMMIT')
    const times = Array.from({ length: 5 }, () => {
      const startedAt = performance.now()
      expect(rounds.due(round, 50)).to.deep.equal(old)
      return performance.now() - startedAt
    })
    expect(Math.min(...times)).to.be.below(1)
  })
})
