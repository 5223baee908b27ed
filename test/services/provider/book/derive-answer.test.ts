import { expect } from 'chai'
import fc from 'fast-check'
import { canonicalJson } from '../../../../protocol/canonical-json.ts'
import { newSerial } from '../../../../protocol/serial.ts'
import { type BookDeclaration, parseBookDeclaration } from '../../../../services/provider/book/declaration.ts'
import { type BookRow, deriveAnswer } from '../../../../services/provider/book/derive-answer.ts'
import { expectError } from '../../../support/expect-error.ts'

const declare = (
  answer: object,
  columns: object = { amount: 'decimal', pieces: 'integer', on: 'date', state: 'text' },
  parameters?: object,
): BookDeclaration =>
  parseBookDeclaration({
    name: 'a book',
    queryType: 'account',
    tables: { rows: { file: './rows.csv', subject: 'id', columns } },
    ...(parameters && { parameters }),
    answer,
  })

function derive(answer: object, rows: Partial<BookRow>[], parameters = {}, filters?: object) {
  const query = { serial: newSerial(), type: 'account', subject: 'A', parameters }
  const full = rows.map((row) => ({ id: 'A', ...row }) as BookRow)
  const {
    serial: _s,
    type: _t,
    ...result
  } = deriveAnswer(declare(answer, undefined, filters), query, {
    rows: full,
  })
  return result
}

const cents = fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n })
const money = (value: bigint): string => {
  const digits = String(value < 0n ? -value : value).padStart(3, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

describe('an answer derived from rows', () => {
  it('sums money exactly', () => {
    fc.assert(
      fc.property(fc.array(cents, { minLength: 1, maxLength: 50 }), (amounts) => {
        const { total } = derive(
          { total: { sum: 'amount' } },
          amounts.map((value) => ({ amount: money(value) })),
        )
        const expected = money(amounts.reduce((sum, value) => sum + value, 0n)).replace(/\.?0+$/, '')
        expect(total).to.equal(expected === '-0' ? '0' : expected)
      }),
    )
  })

  it('sums integers to a number, and one past 2^53 to nothing that could be recorded', () => {
    const rule = { total: { sum: ['pieces', 'pieces'] } }
    expect(derive(rule, [{ pieces: '3' }, { pieces: '' }, { pieces: '4' }])).to.deep.equal({
      found: true,
      total: 14,
    })
    const result = derive(rule, [{ pieces: '9007199254740991' }])
    expectError(() => canonicalJson(result), 'JSON_NOT_CANONICALISABLE')
  })

  it('gives decimals in one form, however they were written', () => {
    const values = ['38556.0', '38556', '038556.00'].map(
      (amount) => derive({ value: { first: 'amount' } }, [{ amount }]).value,
    )
    expect(values).to.deep.equal(['38556', '38556', '38556'])
    expect(derive({ value: { first: 'amount' } }, [{ amount: '-0.00' }]).value).to.equal('0')
  })

  it('takes the first or the last row, counts, and tests', () => {
    const rows = [
      { state: 'open', amount: '1.5', on: '2023-01-31' },
      { state: 'paid', amount: '20', on: '2024-02-29' },
      { state: '', amount: '3', on: '' },
    ]
    expect(
      derive(
        {
          first: { first: 'state' },
          last: { last: 'state' },
          lastPaid: { last: 'on', where: [{ column: 'state', is: '=', value: 'paid' }] },
          rows: { count: 'rows' },
          large: { count: 'rows', where: [{ column: 'amount', is: '>=', value: '3.0' }] },
          isPaid: { any: { column: 'state', is: '=', value: 'paid' } },
          isLost: { any: { column: 'state', is: '=', value: 'lost' } },
          isLate: { any: { column: 'on', is: '>', value: '2024-02-28' } },
          unit: { constant: 'EUR' },
          none: { constant: null },
        },
        rows,
      ),
    ).to.deep.equal({
      found: true,
      first: 'open',
      last: null,
      lastPaid: '2024-02-29',
      rows: 3,
      large: 2,
      isPaid: true,
      isLost: false,
      isLate: true,
      unit: 'EUR',
      none: null,
    })
  })

  it('takes only rows that a parameter lets through', () => {
    const filters = { year: { rows: { column: 'on', part: 'year' } }, state: { rows: { column: 'state' } } }
    const rows = [
      { on: '2023-05-01', state: 'open' },
      { on: '2024-05-01', state: 'open' },
      { on: '2024-06-01', state: 'paid' },
    ]
    const count = (parameters: object) => derive({ n: { count: 'rows' } }, rows, parameters, filters).n
    expect(count({})).to.equal(3)
    expect(count({ year: 2024 })).to.equal(2)
    expect(count({ year: 2024, state: 'paid' })).to.equal(1)
    expect(derive({ n: { count: 'rows' } }, rows, { year: 1999 }, filters)).to.deep.equal({ found: false })
  })

  it('takes no row of another subject', () => {
    expect(derive({ n: { count: 'rows' } }, [{ id: 'B' }])).to.deep.equal({ found: false })
  })
})

describe('a book declaration', () => {
  const faults = {
    'a column that is not declared': [{ total: { sum: 'weight' } }, 'weight'],
    'a sum of text': [{ total: { sum: 'state' } }, 'no number'],
    'a table that is not there': [{ total: { sum: 'amount', of: 'others' } }, 'others'],
    'a rule that nobody knows': [{ total: { average: 'amount' } }, '/answer/total'],
  } as const
  for (const [what, [answer, told]] of Object.entries(faults))
    it(`may not have ${what}`, () => {
      expect(expectError(() => declare(answer), 'BOOK_DECLARATION_INVALID').message).to.include(told)
    })
})
