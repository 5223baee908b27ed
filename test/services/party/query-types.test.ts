import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { compileQueryType, loadQueryTypes } from '../../../services/party/query-types.ts'
import { expectError } from '../../support/expect-error.ts'
import { LOAN_TYPE } from '../../support/proxy-network.ts'

describe('loadQueryTypes', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-types-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const write = (file: string, content: unknown) =>
    writeFileSync(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))

  it('loads those that ship with the project', () => {
    const types = loadQueryTypes(new URL('../../../query-types', import.meta.url).pathname)
    expect([...types.keys()]).to.include('loan')
  })

  it('names the file that is at fault', () => {
    const faulty: [unknown, RegExp][] = [
      ['{', /faulty\.json/],
      [{ ...LOAN_TYPE, type: 'Loan!' }, /"type" is not a name/],
      [{ ...LOAN_TYPE, title: 1 }, /"title" is missing/],
      [{ ...LOAN_TYPE, result: undefined }, /"result" is not a JSON Schema/],
      [{ ...LOAN_TYPE, subject: { type: 'nothing' } }, /faulty\.json/],
    ]
    for (const [content, reason] of faulty) {
      write('faulty.json', content)
      expect(expectError(() => loadQueryTypes(folder), 'QUERY_TYPE_FILE_INVALID').message).to.match(reason)
    }
  })

  it('refuses a folder without types, one that is not there, and a type declared twice', () => {
    expectError(() => loadQueryTypes(folder), 'QUERY_TYPE_FILE_INVALID')
    expectError(() => loadQueryTypes(join(folder, 'none')), 'QUERY_TYPE_FILE_INVALID')
    write('a.json', LOAN_TYPE)
    write('b.json', LOAN_TYPE)
    expectError(() => loadQueryTypes(folder), 'QUERY_TYPE_FILE_INVALID')
  })
})

describe('QueryType', () => {
  it('says which rule a query breaks, and never the value', () => {
    const type = compileQueryType(LOAN_TYPE)
    type.checkQuery({ loanId: '1' }, { currency: 'EUR' })
    const error = expectError(() => type.checkQuery({ loanId: 'Jane Doe' }, { Jane: 1 }), 'QUERY_INVALID')
    expect(error.message).to.include('#/properties/loanId/pattern').and.not.include('Jane')
  })

  it('says why a result is none of its type', () => {
    const type = compileQueryType(LOAN_TYPE)
    expect(type.faultOfResult({ serial: 'x', found: true })).to.equal(undefined)
    expect(type.faultOfResult({ serial: 'x', found: 'Jane' })).to.include('#/properties/found/type')
  })

  it('takes a result with its serial when the schema does not speak of it', () => {
    const { serial: _serial, ...properties } = LOAN_TYPE.result.properties
    const type = compileQueryType({
      ...LOAN_TYPE,
      result: { ...LOAN_TYPE.result, properties, required: ['found'] },
    })
    expect(type.faultOfResult({ serial: 'x', found: true })).to.equal(undefined)
  })
})
