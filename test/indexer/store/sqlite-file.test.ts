import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { databasePath } from '../../support/indexer.ts'

const codeOf = async (path: string, mode: 'writer' | 'reader' = 'writer'): Promise<unknown> => {
  try {
    const store = mode === 'writer' ? await openStore(path) : await openStore(path, { mode })
    await store.close()
    return 'opened'
  } catch (error) {
    return isCountersignError(error) ? error.code : error
  }
}

describe('file of an SQLite store', () => {
  it('is made with its folders', async () => {
    expect(await codeOf(`${dirname(databasePath())}/a/b/index.db`)).to.equal('opened')
  })

  it('is refused when it is something else, and stays as it was', async () => {
    const garbage = databasePath()
    const content = Buffer.alloc(10_000, 'this is no database ')
    writeFileSync(garbage, content)
    expect(await codeOf(garbage)).to.equal('INDEX_DATABASE_UNREADABLE')
    expect(Buffer.compare(readFileSync(garbage), content)).to.equal(0)
    const folder = databasePath()
    mkdirSync(folder)
    expect(await codeOf(folder)).to.equal('INDEX_DATABASE_UNREADABLE')
    writeFileSync(`${folder}/file`, '')
    expect(await codeOf(`${folder}/file/index.db`)).to.equal('INDEX_DATABASE_UNREADABLE')
  })

  it('is refused when it is the database of another program', async () => {
    const path = databasePath()
    const db = new DatabaseSync(path)
    db.exec('CREATE TABLE chains (name TEXT)')
    db.close()
    expect(await codeOf(path)).to.equal('INDEX_DATABASE_UNREADABLE')
  })

  it('is refused when half of it is missing', async () => {
    const path = databasePath()
    expect(await codeOf(path)).to.equal('opened')
    truncateSync(path, 12_000)
    expect(await codeOf(path)).to.equal('INDEX_DATABASE_UNREADABLE')
  })

  it('is refused when a newer program made it', async () => {
    const path = databasePath()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 999')
    db.close()
    expect(await codeOf(path)).to.equal('INDEX_DATABASE_NEWER')
  })

  it('has no readers', async () => {
    expect(await codeOf(databasePath(), 'reader')).to.equal('CONFIGURATION_INVALID')
  })
})
