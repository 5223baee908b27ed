import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { newSerial } from '../../../../protocol/serial.ts'
import { loadQueryTypes } from '../../../../services/party/query-types.ts'
import { BookStore } from '../../../../services/provider/book/book-store.ts'
import { parseBookDeclaration, readBookDeclaration } from '../../../../services/provider/book/declaration.ts'
import { deriveAnswer } from '../../../../services/provider/book/derive-answer.ts'
import { loadBook } from '../../../../services/provider/book/load-book.ts'
import { expectRejection } from '../../../support/expect-error.ts'
import { sharedData } from '../../../support/shared-data.ts'
import { PROJECT } from '../provider-fixture.ts'

const declaration = parseBookDeclaration({
  name: 'a book',
  queryType: 'account',
  tables: {
    rows: {
      file: './rows.csv',
      subject: 'id',
      columns: { amount: 'decimal', pieces: 'integer', on: 'date' },
    },
  },
  answer: { total: { sum: 'amount' } },
})

describe('loading a book', () => {
  let folder: string
  let db: DatabaseSync
  let store: BookStore
  const write = (text: string | Buffer) => writeFileSync(join(folder, 'rows.csv'), text)
  const load = () => loadBook(store, { declaration, folder })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'book-'))
    db = new DatabaseSync(join(folder, 'book.db'))
    store = new BookStore(db)
  })
  afterEach(() => {
    db.close()
    rmSync(folder, { recursive: true })
  })

  it('keeps the declared columns as they stand, whatever the order of columns', async () => {
    write('\u{feff}other,on,id,pieces,amount\nx,2024-01-01,A,3,1.50\ny,,A,,\n')
    const { state } = await load()
    expect(state.report).to.deep.equal([
      { table: 'rows', file: './rows.csv', loaded: 2, refused: 0, refusals: [] },
    ])
    expect(store.rowsAbout('A')).to.deep.equal({
      rows: [
        { id: 'A', amount: '1.50', pieces: '3', on: '2024-01-01' },
        { id: 'A', amount: '', pieces: '', on: '' },
      ],
    })
    expect(store.rowsAbout('B')).to.deep.equal({})
  })

  it('refuses broken rows by line and reason, never by content, and loads the rest', async () => {
    write(
      Buffer.concat([
        Buffer.from(
          'id,amount,pieces,on\nA,1,1,2024-01-01\nB,1,1\nC,1.2.3,1,\nD,1e5,1,\n,1,1,\nE,1,1.5,\nF,1,9007199254740993,\nG,1,1,2024-02-30\nH,1,1,,\n"I,1,1,\nJ,1,1,\n',
        ),
        Buffer.from([0x4b, 0xff, 0x2c, 0x31, 0x2c, 0x31, 0x2c, 0x0a]),
        Buffer.from('L,2,1,'),
      ]),
    )
    const { state } = await load()
    const [report] = state.report
    expect(report!.refusals).to.deep.equal([
      { line: 3, reason: 'has 3 fields, the header has 4' },
      { line: 4, reason: 'amount is not a decimal number' },
      { line: 5, reason: 'amount is not a decimal number' },
      { line: 6, reason: 'the subject is empty' },
      { line: 7, reason: 'pieces is not an integer below 2^53' },
      { line: 8, reason: 'pieces is not an integer below 2^53' },
      { line: 9, reason: 'on is not a date like 2024-12-31' },
      { line: 10, reason: 'has 5 fields, the header has 4' },
      { line: 11, reason: 'quotes do not match' },
      { line: 13, reason: 'id is not UTF-8' },
    ])
    expect([report!.loaded, report!.refused]).to.deep.equal([3, 10])
    for (const subject of ['A', 'J', 'L']) expect(store.rowsAbout(subject)).to.have.property('rows')
  })

  it('tells the first hundred refusals of many, and counts all', async () => {
    write(`id,amount,pieces,on\n${'A,x,,\n'.repeat(500)}`)
    const [report] = (await load()).state.report
    expect([report!.refused, report!.refusals.length]).to.deep.equal([500, 100])
  })

  it('does nothing when nothing has changed, and replaces the book when a file has', async () => {
    write('id,amount,pieces,on\nA,1,,\n')
    expect((await load()).outcome).to.equal('loaded')
    expect((await load()).outcome).to.equal('unchanged')
    expect((await loadBook(new BookStore(db), { declaration, folder })).outcome).to.equal('unchanged')
    write('id,amount,pieces,on\nB,2,,\n')
    expect((await load()).outcome).to.equal('loaded')
    expect(store.rowsAbout('A')).to.deep.equal({})
    expect(store.rowsAbout('B')).to.have.property('rows')
    expect(db.prepare('SELECT count(*) AS n FROM book_rows').get()?.n).to.equal(1)
  })

  it('leaves the old book in place when the new one cannot be loaded', async () => {
    write('id,amount,pieces,on\nA,1,,\n')
    await load()
    write('id,amount,on\nB,1,\n')
    const error = await expectRejection(load(), 'BOOK_FILE_UNUSABLE')
    expect(error.message).to.equal('./rows.csv has no column pieces')
    expect(store.rowsAbout('A')).to.have.property('rows')
  })

  it('says which file is not there', async () => {
    expect((await expectRejection(load(), 'BOOK_FILE_UNUSABLE')).message).to.include('./rows.csv')
  })

  it('loads 100,000 rows in seconds', async () => {
    const rows = Array.from({ length: 100_000 }, (_, i) => `S${i},${i}.50,${i},2024-01-01\n`)
    write(`id,amount,pieces,on\n${rows.join('')}`)
    const startedAt = performance.now()
    const { state } = await load()
    expect(state.report[0]!.loaded).to.equal(100_000)
    expect(performance.now() - startedAt).to.be.lessThan(15_000)
  })
})

describe('the books that are declared', () => {
  const queryTypes = loadQueryTypes(join(PROJECT, 'query-types'))

  /** Loads a book and answers about every tenth of its subjects; each answer has to fit its query type. */
  async function loadAndAnswer(
    file: string,
    dataFolder?: string,
  ): Promise<{ loaded: number; refused: number }> {
    const declaration = readBookDeclaration(file)
    const db = new DatabaseSync(':memory:')
    const store = new BookStore(db)
    const { state } = await loadBook(store, { declaration, folder: join(file, '..'), dataFolder })
    const type = queryTypes.get(declaration.queryType)!
    const subjects = db.prepare('SELECT DISTINCT subject FROM book_rows WHERE id % 10 = 1').all()
    expect(subjects).to.not.have.length(0)
    for (const subject of [...subjects.map((row) => String(row.subject)), 'NOBODY-HAS-THIS']) {
      type.checkQuery(subject, {})
      const query = { serial: newSerial(), type: declaration.queryType, subject, parameters: {} }
      expect(type.faultOfResult(deriveAnswer(declaration, query, store.rowsAbout(subject)))).to.equal(
        undefined,
      )
    }
    db.close()
    const [loaded, refused] = ['loaded', 'refused'].map((member) =>
      state.report.reduce((sum, table) => sum + table[member as 'loaded'], 0),
    )
    return { loaded: loaded!, refused: refused! }
  }

  const SAMPLE = join(PROJECT, 'sample/books')
  for (const file of readdirSync(SAMPLE).filter((name) => name.endsWith('.json')))
    it(`answer from the sample ${file}`, async () => {
      expect((await loadAndAnswer(join(SAMPLE, file))).refused).to.equal(0)
    })

  const SHARED = {
    'lender-a': 8_277,
    'lender-b': 12_537,
    'insurer-be': 40_791,
    'insurer-d': 892,
    'insurer-a': 18_119,
    'insurer-b': 18_110,
    'insurer-c': 18_123,
  }
  for (const [name, rows] of Object.entries(SHARED))
    it(`answer from the real ${name}`, async function () {
      const folder = sharedData(this)
      const { loaded, refused } = await loadAndAnswer(
        join(PROJECT, 'services/provider/books', `${name}.json`),
        folder,
      )
      expect({ loaded, refused }).to.deep.equal({ loaded: rows, refused: 0 })
    })
})
