import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { randomBytes32 } from '../../../protocol/hex.ts'
import { openPartyDatabase } from '../../../services/party/database.ts'
import { GroupCommit } from '../../../services/party/group-commit.ts'
import { NonceStore } from '../../../services/party/nonce-store.ts'
import { expectError } from '../../support/expect-error.ts'
import { PROXY } from '../provider/provider-fixture.ts'

describe('a party database', () => {
  let folder: string
  let db: DatabaseSync
  let close: () => void
  let commits: GroupCommit

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'party-'))
    ;({ db, close } = openPartyDatabase(join(folder, 'party.db')))
    db.exec('CREATE TABLE numbers (number INTEGER PRIMARY KEY) STRICT')
    commits = new GroupCommit(db)
  })
  afterEach(() => {
    close()
    rmSync(folder, { recursive: true })
  })

  const insert = (number: number) =>
    commits.write(() => db.prepare('INSERT INTO numbers VALUES (?)').run(number))
  const numbers = () =>
    db
      .prepare('SELECT number FROM numbers')
      .all()
      .map(({ number }) => number)
  /** Commits, as the data version of another connection sees them. */
  function commitsSeenBy(other: DatabaseSync): () => number {
    let version = 0
    let count = -1
    return () => {
      const { data_version } = other.prepare('PRAGMA data_version').get() as { data_version: number }
      if (data_version !== version) count++
      version = data_version
      return count
    }
  }

  it('syncs every commit to disk', () => {
    expect(db.prepare('PRAGMA journal_mode').get()).to.deep.include({ journal_mode: 'wal' })
    expect(db.prepare('PRAGMA synchronous').get()).to.deep.include({ synchronous: 2 })
  })

  it('is open to one process, and readable by others', async () => {
    expectError(() => openPartyDatabase(join(folder, 'party.db')), 'DATABASE_IN_USE')
    const { DatabaseSync } = await import('node:sqlite')
    const other = new DatabaseSync(join(folder, 'party.db'))
    await insert(1)
    expect(other.prepare('SELECT count(*) AS n FROM numbers').get()?.n).to.equal(1)
    other.close()
    close()
    ;({ db, close } = openPartyDatabase(join(folder, 'party.db')))
  })

  it('is open to one process, by whatever links it is named', () => {
    for (const [target, link, file] of [
      [folder, 'folder-link', join('folder-link', 'party.db')],
      [join(folder, 'party.db'), 'file-link', 'file-link'],
    ] as const) {
      symlinkSync(target, join(folder, link))
      expectError(() => openPartyDatabase(join(folder, file)).close(), 'DATABASE_IN_USE')
    }
  })

  describe('group commit', () => {
    it('puts the writes of one turn into one transaction', async () => {
      const { DatabaseSync } = await import('node:sqlite')
      const other = new DatabaseSync(join(folder, 'party.db'))
      const seen = commitsSeenBy(other)
      seen()
      await Promise.all([1, 2, 3, 4, 5].map(insert))
      expect(seen()).to.equal(1)
      expect(numbers()).to.deep.equal([1, 2, 3, 4, 5])
      other.close()
    })

    it('undoes a write that throws, and no other', async () => {
      const outcomes = await Promise.allSettled([
        insert(1),
        commits.write(() => {
          db.prepare('INSERT INTO numbers VALUES (2)').run()
          throw new Error('on second thoughts')
        }),
        insert(1),
        insert(3),
      ])
      expect(outcomes.map(({ status }) => status)).to.deep.equal([
        'fulfilled',
        'rejected',
        'rejected',
        'fulfilled',
      ])
      expect(numbers()).to.deep.equal([1, 3])
    })

    it('gives back what a write returned', async () => {
      expect(await commits.write(() => 42)).to.equal(42)
    })

    it('works through more writes than fit into one transaction', async () => {
      const small = new GroupCommit(db, { maxWrites: 10 })
      await Promise.all(
        Array.from({ length: 95 }, (_, i) =>
          small.write(() => db.prepare('INSERT INTO numbers VALUES (?)').run(i)),
        ),
      )
      expect(numbers()).to.have.length(95)
    })
  })

  describe('nonce store', () => {
    const now = 1_800_000_000
    const request = (expiresAt = now + 30) => ({ sender: PROXY, nonce: randomBytes32(), expiresAt })

    it('takes a nonce once, also when opened again', async () => {
      const taken = request()
      const nonces = new NonceStore({ db, commits, now: () => now })
      await nonces.take(taken)
      expectError(() => nonces.take(taken), 'REQUEST_REPLAYED')
      expectError(() => new NonceStore({ db, commits, now: () => now }).take(taken), 'REQUEST_REPLAYED')
      await nonces.take({ ...taken, nonce: randomBytes32() })
    })

    it('forgets nonces that have expired', async () => {
      let time = now
      const nonces = new NonceStore({ db, commits, now: () => time })
      await Promise.all(Array.from({ length: 20 }, () => nonces.take(request())))
      time += 60
      await nonces.take(request(time + 30))
      await commits.drain()
      expect(nonces.size).to.equal(1)
      expect(db.prepare('SELECT count(*) AS n FROM request_nonces').get()?.n).to.equal(1)
    })

    it('keeps a bounded number', async () => {
      const nonces = new NonceStore({ db, commits, maxNonces: 2, now: () => now })
      await nonces.take(request())
      await nonces.take(request())
      expectError(() => nonces.take(request()), 'NOT_READY')
    })
  })
})
