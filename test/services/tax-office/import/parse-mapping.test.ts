import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { isCountersignError } from '../../../../protocol/errors.ts'
import { parseMapping } from '../../../../services/tax-office/import/parse-mapping.ts'
import { mappingOf, onlyRecord, outcomes, readRows, sampleMapping } from './mapped-rows.ts'

function problemsOf(json: unknown): string[] {
  try {
    parseMapping(json)
  } catch (error) {
    if (isCountersignError(error, 'PAYMENT_MAPPING_INVALID')) return error.details.problems as string[]
    throw error
  }
  return []
}
const problemsWith = (changes: Record<string, unknown>): string[] =>
  problemsOf({ ...mappingOf(), ...changes })

describe('mappings of columns to payments', () => {
  it('are taken when everything is declared', () => {
    expect(sampleMapping('payments.json').payerTag).to.deep.equal({ column: 'Payer' })
  })

  it('make records of every row of the sample', async () => {
    const file = new URL('../../../../sample/payments/payments.csv', import.meta.url)
    const records = (await readRows(readFileSync(file), sampleMapping('payments.json'))).map((row) =>
      'record' in row ? row.record : undefined,
    )
    expect(records).to.have.lengthOf(37).and.to.not.include(undefined)
    expect(records.filter((record) => record?.kind === 'refund')).to.have.lengthOf(2)
    expect(records.at(-1)).to.deep.equal({
      orderId: 'NB-700122-2',
      kind: 'payment',
      category: 'income-tax',
      period: '2025',
      amountMinor: 125_000,
      currency: 'EUR',
      paidAt: '2026-09-30',
      authority: 'Northbank Revenue Office',
      payerTag: 'T-4417',
      visibility: 'sealed',
    })
  })

  it('are refused with every problem at once: of form', () => {
    const { visibility: _left, ...rest } = mappingOf()
    expect(problemsOf({ ...rest, amount: { column: 'a', decimal: ';' }, extra: 1 })).to.have.members([
      "the mapping must have required property 'visibility'",
      'the mapping must NOT have additional properties: extra',
      "amount must have required property 'negative'",
      'amount.decimal must be equal to one of the allowed values: ., ,',
    ])
  })

  it('are refused with every problem at once: of meaning', () => {
    expect(
      problemsWith({
        visibility: { constant: 'secret' },
        kind: { column: 'k', values: { P: 'paid' } },
        category: { constant: 'Income Tax' },
        currency: { constant: 'XAU' },
        authority: {},
        period: { column: 'p', otherwise: '2024' },
        orderId: { template: '{id}-{line}-{line}-{@payer}{}', patterns: { pin: '(' } },
        amount: {
          column: 'a',
          decimal: ',',
          thousands: ',',
          symbols: { '5': 'GBP', '£': 'gbp' },
          negative: 'refuse',
        },
        paidAt: {
          column: 'd',
          formats: ['dd/MM/yy', 'MM/yyyy', 'dd', 'cccc', 'excel-day'],
          latest: '2024-02-30',
        },
        skip: [
          { column: 's', reason: 'none' },
          { column: 's', pattern: '[', reason: 'odd' },
        ],
      }),
    ).to.have.members([
      'visibility is neither public nor sealed',
      'kind "paid" is none of payment, correction, reversal, refund',
      'category does not match ^[a-z0-9][a-z0-9-]{0,31}$',
      'currency is not an ISO 4217 code of money',
      'authority needs a constant or a column',
      'period has otherwise without values',
      'orderId has {line} twice',
      'orderId has empty braces',
      'orderId names @payer, which is none of paidAt, period, category, currency, amountMinor',
      'orderId has a pattern for pin, which is not in the template',
      'orderId has a pattern for pin that is no regular expression',
      'amount has one sign for decimals and thousands',
      'amount.symbols 5 has a digit, blank, sign or parenthesis',
      'amount.symbols £ is not an ISO 4217 code of money',
      'paidAt format dd/MM/yy has two-digit years, and needs twoDigitYearsFrom',
      'paidAt format MM/yyyy names no day, and missing does not say which one stands for it',
      'paidAt format dd needs one year, yy or yyyy',
      'paidAt format dd needs one month and one day',
      'paidAt format dd names no day, and missing does not say which one stands for it',
      'paidAt format cccc has cccc, which no date here may have',
      'paidAt format cccc needs one year, yy or yyyy',
      'paidAt format cccc names no day, and missing does not say which one stands for it',
      'paidAt 2024-02-30 is no day that exists, as YYYY-MM-DD',
      'skip.0 needs one of empty, equals and pattern',
      'skip.1 has a pattern that is no regular expression',
    ])
  })

  it('are refused where members contradict each other', () => {
    expect(problemsWith({ visibility: { constant: 'public' }, payerTag: { column: 'p' } })).to.deep.equal([
      'payerTag is for sealed records, and visibility is public',
    ])
    expect(
      problemsWith({ format: 'json-lines', header: ['id'], delimiter: ';', multiline: true }),
    ).to.deep.equal(['header is for CSV files', 'delimiter is for CSV files', 'multiline is for CSV files'])
    expect(problemsWith({ header: ['id', 'id'] })).to.deep.equal([
      'header names a column twice',
      'header lacks the column amount',
      'header lacks the column paid',
    ])
    expect(problemsWith({ period: { fromPaidAt: 'month', constant: '2024' } })).to.have.lengthOf(1)
    expect(problemsWith({ paidAt: { constant: '2024-01-01', formats: ['yyyy'] } })).to.have.lengthOf(1)
    const paidAt = { column: 'paid', formats: ['yyyy-MM-dd'], precision: 'second' }
    expect(problemsWith({ paidAt })).to.deep.equal([
      'paidAt format yyyy-MM-dd has no time of day',
      'paidAt has seconds, and needs a zone',
    ])
    expect(problemsWith({ follows: {} })).to.deep.equal(['follows needs a constant or a column'])
    const orderId = { template: '{id}/{line}' }
    expect(problemsWith({ orderId, follows: { column: 'after' } })).to.deep.equal([
      'follows is for order ids without {line}',
    ])
    for (const format of ['yyyy-MM-dd h:mm', 'yyyy-MM-dd hh:mm', 'yyyy-MM-dd HH:mm a'])
      expect(problemsWith({ paidAt: { column: 'paid', formats: [format] } })).to.deep.equal([
        `paidAt format ${format} needs h or hh together with a`,
      ])
    expect(problemsWith({ paidAt: { column: 'paid', formats: ['yyyy-MM-dd h:mm a'] } })).to.deep.equal([])
    expect(problemsWith({ orderId: { template: 'always' } })).to.deep.equal(['orderId is made of no column'])
    expect(problemsWith({ orderId: { template: '{id', lineWithin: ['f'] } })).to.deep.equal([
      'orderId has a single brace',
      'orderId is made of no column',
      'orderId has lineWithin without {line}',
    ])
  })

  it('are refused, whatever JSON they are', () => {
    fc.assert(fc.property(fc.jsonValue(), (json) => problemsOf(json).length > 0))
    const members = Object.keys(mappingOf())
    fc.assert(
      fc.property(fc.constantFrom(...members), fc.jsonValue(), (member, json) => {
        problemsWith({ [member]: json })
      }),
    )
  })
})

describe('members of a record', () => {
  const file = (cell: string): string => `id,paid,amount,x\na,2024-02-29,1.00,${cell}\n`
  const codes = async (changes: Record<string, unknown>, cell: string): Promise<string> =>
    outcomes(await readRows(file(cell), mappingOf(changes)))[0]![1]

  it('come from a table of values: others are refused, or what is declared for them', async () => {
    const category = { column: 'x', values: { VAT: 'value-added-tax', '': 'tax' } }
    expect((await onlyRecord(file('VAT'), mappingOf({ category }))).category).to.equal('value-added-tax')
    expect((await onlyRecord(file(''), mappingOf({ category }))).category).to.equal('tax')
    expect(await codes({ category }, 'vat')).to.equal('VALUE_UNKNOWN')
    expect(await codes({ category }, 'constructor')).to.equal('VALUE_UNKNOWN')
    const otherwise = { ...category, otherwise: 'levy' }
    expect((await onlyRecord(file('vat'), mappingOf({ category: otherwise }))).category).to.equal('levy')
  })

  it('come from a column as they stand, when they are what the member asks for', async () => {
    expect((await onlyRecord(file('EUR'), mappingOf({ currency: { column: 'x' } }))).currency).to.equal('EUR')
    expect(await codes({ currency: { column: 'x' } }, 'eur')).to.equal('VALUE_UNEXPECTED')
    expect(await codes({ currency: { column: 'x' } }, '')).to.equal('VALUE_EMPTY')
    expect(await codes({ period: { column: 'x' } }, '2024-13')).to.equal('VALUE_UNEXPECTED')
    expect(await codes({ period: { column: 'x', pattern: '\\d{4}' } }, '2024-12')).to.equal(
      'VALUE_UNEXPECTED',
    )
    expect((await onlyRecord(file('2024/2025'), mappingOf({ period: { column: 'x' } }))).period).to.equal(
      '2024/2025',
    )
    expect(await codes({ authority: { column: 'x' } }, 'a'.repeat(65))).to.equal('VALUE_UNEXPECTED')
  })

  it('keep the payer out of public records, and leave out what is empty', async () => {
    const changes = { payerTag: { column: 'x' }, fields: { note: 'x' } }
    const record = await onlyRecord(file('P-1'), mappingOf(changes))
    expect(record.payerTag).to.equal('P-1')
    expect(record.fields).to.deep.equal({ note: 'P-1' })
    const empty = await onlyRecord(file(''), mappingOf(changes))
    expect(empty).to.not.have.any.keys('payerTag', 'fields')
    const visibility = { column: 'amount', values: { '1.00': 'public' } }
    expect(await codes({ ...changes, visibility }, 'P-1')).to.equal('RECORD_INVALID')
    expect(await codes({ payerTag: { column: 'x' } }, 'p'.repeat(65))).to.equal('RECORD_INVALID')
    expect(await codes({ fields: { note: 'x' } }, 'n'.repeat(600))).to.equal('RECORD_INVALID')
  })

  it('make a refund of a negative payment where that is declared, and of nothing else', async () => {
    const negative = (changes: Record<string, unknown>) =>
      readRows('id,paid,amount\na,2024-02-29,-1.00\n', mappingOf(changes)).then(
        (rows) => outcomes(rows)[0]![1],
      )
    const refuse = { column: 'amount', decimal: '.', signs: ['minus'], negative: 'refuse' }
    expect(await negative({})).to.equal('a')
    expect(await negative({ amount: refuse })).to.equal('AMOUNT_NEGATIVE')
    expect(await negative({ kind: { constant: 'correction' } })).to.equal('AMOUNT_NEGATIVE')
    expect(
      (await onlyRecord(file('R'), mappingOf({ kind: { column: 'x', values: { R: 'refund' } } }))).kind,
    ).to.equal('refund')
    expect(await codes({ kind: { constant: 'correction' } }, '')).to.equal('RECORD_INVALID')
  })

  it('make amendments of rows that name the version that they follow', async () => {
    const mapping = mappingOf({
      kind: { column: 'what', values: { P: 'payment', C: 'correction', R: 'refund', S: 'reversal' } },
      follows: { column: 'after' },
    })
    const text = [
      'id,paid,amount,what,after',
      'a,2024-02-29,5.00,P,',
      'a,2024-02-29,4.00,C,1',
      'a,2024-02-29,4.00,C,1',
      'a,2024-02-29,3.00,C,1',
      'a,2024-02-29,1.00,R,2',
      'a,2024-02-29,0.00,S,3',
      'a,2024-02-29,1.00,P,4',
      'a,2024-02-29,1.00,C,',
      'a,2024-02-29,1.00,C,0',
      'a,2024-02-29,1.00,C,1.5',
    ]
    const rows = await readRows(text.join('\n'), mapping)
    expect(
      rows.map((row) => ('record' in row ? [row.record.kind, row.record.follows] : outcomes([row])[0]![1])),
    ).to.deep.equal([
      ['payment', undefined],
      ['correction', 1],
      'duplicate of 3',
      'ORDER_ID_CONFLICT',
      ['refund', 2],
      ['reversal', 3],
      'RECORD_INVALID',
      'RECORD_INVALID',
      'VALUE_UNEXPECTED',
      'VALUE_UNEXPECTED',
    ])
    const constant = await readRows(
      `${text[0]}\n${text[2]}`,
      mappingOf({ ...mapping, follows: { constant: 7 } }),
    )
    expect(constant).to.have.nested.property('[0].record.follows', 7)
  })

  it('are read by the formats of the first case that a row meets', async () => {
    const paidAt = {
      column: 'x',
      formats: ['dd/MM/yyyy'],
      cases: [
        { column: 'id', equals: ['us'], formats: ['MM/dd/yyyy'] },
        { column: 'id', pattern: 'u.*', formats: ['yyyy/MM/dd'] },
      ],
    }
    const text = 'id,amount,x\ngb,1,04/06/2015\nus,1,04/06/2015\nuu,1,2015/06/04\nus,1,23/12/2015\n'
    const dates = (await readRows(text, mappingOf({ paidAt }))).map((row) =>
      'record' in row ? row.record.paidAt : outcomes([row])[0]![1],
    )
    expect(dates).to.deep.equal(['2015-06-04', '2015-04-06', '2015-06-04', 'DATE_NOT_EXISTING'])
  })

  it('are left out by a declared rule only, with its reason', async () => {
    const skip = [
      { column: 'id', equals: ['Total'], reason: 'a total' },
      { column: 'x', empty: true, reason: 'not settled' },
    ]
    const text = 'id,paid,amount,x\na,2024-02-29,1,1\nTotal,,5,1\nb,2024-02-29,1,\nc,,1,1\n'
    expect(outcomes(await readRows(text, mappingOf({ skip })))).to.deep.equal([
      [2, 'a'],
      [3, 'skipped: a total'],
      [4, 'skipped: not settled'],
      [5, 'DATE_EMPTY'],
    ])
  })
})
