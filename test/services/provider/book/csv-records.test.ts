import { expect } from 'chai'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { type CsvRecord, CsvRecords } from '../../../../services/provider/book/csv-records.ts'

/** Reads `text` cut into pieces at `cuts`. */
function read(text: string, cuts: number[] = []): CsvRecord[] {
  const csv = new CsvRecords()
  const records: CsvRecord[] = []
  let from = 0
  for (const cut of [...cuts, text.length].map((at) => Math.min(at, text.length)).sort((a, b) => a - b)) {
    records.push(...csv.push(text.slice(from, cut)))
    from = cut
  }
  return [...records, ...csv.end()]
}

const field = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: fc.constantFrom('"', ',', '\n', 'a', ' '), maxLength: 6 }),
)
const quoted = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const table = fc
  .integer({ min: 2, max: 5 })
  .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { maxLength: 20 }))

describe('CSV records', () => {
  it('are read as a general parser reads them, however the file is cut into pieces', () => {
    fc.assert(
      fc.property(table, fc.array(fc.nat({ max: 400 }), { maxLength: 10 }), (rows, cuts) => {
        const text = rows.map((row) => `${row.map(quoted).join(',')}\n`).join('')
        const records = read(text, cuts)
        expect(records.map(({ fields }) => fields)).to.deep.equal(rows)
        expect(records.map(({ fields }) => fields)).to.deep.equal(
          parse(text, { relax_column_count: true, record_delimiter: '\n' }),
        )
      }),
    )
  })

  it('have the line on which they begin', () => {
    const records = read('a,b\n\n1,"x\ny"\r\n2,3')
    expect(records).to.deep.equal([
      { line: 1, fields: ['a', 'b'] },
      { line: 3, fields: ['1', 'x\ny'] },
      { line: 5, fields: ['2', '3'] },
    ])
  })

  const FAULTS = {
    'a quote that is never closed': ['1,2\n3,"4\n5,6\n7,8\n', 2],
    'a quote inside a plain field': ['1,2\n3,4"x\n5,6\n7,8\n', 2],
    'text after a closing quote': ['1,2\n"3"x,4\n5,6\n7,8\n', 2],
    'a quote that is never closed, at the end': ['1,2\n5,6\n7,8\n3,"4', 4],
  } as const
  for (const [what, [text, line]] of Object.entries(FAULTS))
    it(`lose nothing but their own line to ${what}`, () => {
      const records = read(text)
      expect(records.filter(({ fault }) => fault !== undefined)).to.deep.equal([
        { line, fault: 'quotes do not match' },
      ])
      expect(records.flatMap(({ fields }) => (fields === undefined ? [] : [fields]))).to.deep.equal([
        ['1', '2'],
        ['5', '6'],
        ['7', '8'],
      ])
    })

  it('are all found behind a stray quote in a long file', () => {
    const rows = Array.from({ length: 1_000 }, (_, i) => `${i},x\n`)
    const records = read(`"oops,1\n${rows.join('')}`)
    expect(records.filter(({ fields }) => fields !== undefined)).to.have.length(1_000)
    expect(records[0]).to.deep.equal({ line: 1, fault: 'quotes do not match' })
  })
})
