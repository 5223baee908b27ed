import { expect } from 'chai'
import { dateReader } from '../../../../services/tax-office/import/date-reader.ts'
import type { Refusal } from '../../../../services/tax-office/import/imported-row.ts'
import type { PaidAtRule } from '../../../../services/tax-office/import/mapping-schema.ts'
import { periodOfDay } from '../../../../services/tax-office/import/period-of-day.ts'

function read(text: string, formats: string[], rule: PaidAtRule = { twoDigitYearsFrom: 1970 }): string {
  const refusals: Refusal[] = []
  const date = dateReader(formats, { column: 'paid', ...rule })(text, refusals)
  return date?.paidAt ?? refusals.map(({ code }) => code).join(' ')
}

const UK = [
  'd/M/yyyy',
  'd/M/yy',
  'd-MMM-yy',
  'd-MMM-yyyy',
  'd/MMM/yyyy',
  "yyyy-MM-dd'T'HH:mm:ss",
  'excel-day',
]

describe('dates of a file', () => {
  const readable: [string, string][] = [
    ['05/02/2015', '2015-02-05'],
    ['4/6/2015', '2015-06-04'],
    ['02/07/15', '2015-07-02'],
    ['28-Apr-11', '2011-04-28'],
    ['28-APR-11', '2011-04-28'],
    ['06-Nov-2013', '2013-11-06'],
    ['05/Aug/2013', '2013-08-05'],
    ['2016-01-18T00:00:00', '2016-01-18'],
    ['41235.0', '2012-11-22'],
    ['41235', '2012-11-22'],
    ['29/02/2012', '2012-02-29'],
  ]
  for (const [text, day] of readable) it(`reads ${text}`, () => expect(read(text, UK)).to.equal(day))

  const refused: [string, string][] = [
    ['', 'DATE_EMPTY'],
    ['May-10', 'DATE_UNREADABLE'],
    ['Date', 'DATE_UNREADABLE'],
    ['31/02/2012', 'DATE_NOT_EXISTING'],
    ['29/02/2013', 'DATE_NOT_EXISTING'],
    ['12/13/2013', 'DATE_NOT_EXISTING'],
    ['05/02/201', 'DATE_UNREADABLE'],
    ['05/02/20155', 'DATE_UNREADABLE'],
    ['41235.5', 'DATE_UNREADABLE'],
    ['60', 'DATE_NOT_EXISTING'],
    ['05/02/1066', 'DATE_OUT_OF_RANGE'],
    ['٠٥/٠٢/٢٠١٥', 'DATE_UNREADABLE'],
  ]
  for (const [text, code] of refused)
    it(`refuses ${JSON.stringify(text)} as ${code}`, () => expect(read(text, UK)).to.equal(code))

  it('refuses a text that two formats read differently, and takes one that they read the same', () => {
    const both = ['d/M/yyyy', 'M/d/yyyy']
    expect(read('4/6/2015', both)).to.equal('DATE_AMBIGUOUS')
    expect(read('6/6/2015', both)).to.equal('2015-06-06')
    expect(read('23/12/2010', both)).to.equal('2010-12-23')
    expect(read('20150604', ['yyyyMMdd', 'excel-day'])).to.equal('2015-06-04')
    expect(read('150604', ['yyMMdd', 'excel-day'])).to.equal('DATE_AMBIGUOUS')
  })

  it('puts two-digit years into the declared hundred', () => {
    expect(read('01/01/69', ['dd/MM/yy'], { twoDigitYearsFrom: 1970 })).to.equal('2069-01-01')
    expect(read('01/01/70', ['dd/MM/yy'], { twoDigitYearsFrom: 1970 })).to.equal('1970-01-01')
    expect(read('01/01/69', ['dd/MM/yy'], { twoDigitYearsFrom: 1950 })).to.equal('1969-01-01')
    expect(read('29/02/00', ['dd/MM/yy'], { twoDigitYearsFrom: 1950 })).to.equal('2000-02-29')
    // 1900 was no leap year.
    expect(read('29/02/00', ['dd/MM/yy'], { twoDigitYearsFrom: 1900 })).to.equal('DATE_NOT_EXISTING')
  })

  it('refuses a date out of the declared range', () => {
    const range = { earliest: '2010-04-01', latest: '2010-04-30' }
    expect(read('2010-04-01', ['yyyy-MM-dd'], range)).to.equal('2010-04-01')
    expect(read('2010-04-30', ['yyyy-MM-dd'], range)).to.equal('2010-04-30')
    expect(read('2010-03-31', ['yyyy-MM-dd'], range)).to.equal('DATE_OUT_OF_RANGE')
    expect(read('2010-05-01', ['yyyy-MM-dd'], range)).to.equal('DATE_OUT_OF_RANGE')
  })

  it('lets a declared day stand for a month or year', () => {
    expect(read('2013', ['yyyy'], { missing: 'last-day' })).to.equal('2013-12-31')
    expect(read('2013', ['yyyy'], { missing: 'first-day' })).to.equal('2013-01-01')
    expect(read('02/2012', ['MM/yyyy'], { missing: 'last-day' })).to.equal('2012-02-29')
  })

  it('takes a time of day as UTC, and none that clocks skipped or showed twice', () => {
    const london: PaidAtRule = { precision: 'second', zone: 'Europe/London' }
    const format = ["yyyy-MM-dd'T'HH:mm:ss"]
    expect(read('2015-01-18T09:30:05', format, london)).to.equal('2015-01-18T09:30:05Z')
    expect(read('2015-07-18T00:30:05', format, london)).to.equal('2015-07-17T23:30:05Z')
    expect(read('2015-03-29T01:30:00', format, london)).to.equal('DATE_NOT_EXISTING')
    expect(read('2015-10-25T01:30:00', format, london)).to.equal('DATE_AMBIGUOUS')
  })

  it('says the same of a text again', () => {
    const reader = dateReader(UK, { column: 'paid', twoDigitYearsFrom: 1970 })
    const refusals: Refusal[] = []
    for (let i = 0; i < 12_000; i++) reader(String(30_000 + i), refusals)
    expect(reader('05/02/2015', refusals)).to.deep.equal(reader('05/02/2015', refusals))
    expect(refusals).to.deep.equal([])
    reader('31/02/2012', refusals)
    reader('31/02/2012', refusals)
    expect(refusals.map(({ code }) => code)).to.deep.equal(['DATE_NOT_EXISTING', 'DATE_NOT_EXISTING'])
  })
})

describe('periods of a day', () => {
  it('are the day, month, quarter, year or UK tax year', () => {
    expect(periodOfDay('2015-04-05', 'day')).to.equal('2015-04-05')
    expect(periodOfDay('2015-04-05', 'month')).to.equal('2015-04')
    expect(periodOfDay('2015-03-31', 'quarter')).to.equal('2015-Q1')
    expect(periodOfDay('2015-12-01', 'quarter')).to.equal('2015-Q4')
    expect(periodOfDay('2015-04-05', 'year')).to.equal('2015')
    expect(periodOfDay('2015-04-05', 'uk-tax-year')).to.equal('2014/2015')
    expect(periodOfDay('2015-04-06', 'uk-tax-year')).to.equal('2015/2016')
  })
})
