import { createReadStream, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { parse } from 'csv-parse/sync'
import type { Context } from 'mocha'
import {
  addToTally,
  emptyTally,
  type ImportTally,
} from '../../../../services/tax-office/import/import-tally.ts'
import { type ImportedRow, readPayments } from '../../../../services/tax-office/import/read-payments.ts'
import { sharedData } from '../../../support/shared-data.ts'
import { bytesOf, outcomes, sampleMapping } from './mapped-rows.ts'

interface Imported {
  rows: ImportedRow[]
  tally: ImportTally
}

async function importFile(file: string, mapping: string): Promise<Imported> {
  const rows = await Array.fromAsync(
    readPayments(createReadStream(file), sampleMapping(`mappings/${mapping}`)),
  )
  const tally = emptyTally()
  for (const row of rows) addToTally(tally, row)
  return { rows, tally }
}

type Cells = Record<string, string>
const cellsOf = (file: string): Cells[] => parse(readFileSync(file), { columns: true })

/** Pence or cents, by taking the text apart: no code of the import. */
function minorOf(text: string): bigint {
  const [whole, decimals = ''] = text.replaceAll(/[^\d.]/g, '').split('.')
  return BigInt(whole! + decimals.padEnd(2, '0')) * (/[-(]/.test(text) ? -1n : 1n)
}
const sumOf = (texts: string[], sign: 1 | -1): bigint =>
  texts.map(minorOf).reduce((sum, minor) => (minor < 0n === sign < 0 ? sum + minor : sum), 0n)

/** All rows are records, negative ones refunds, and the sums are those of the column. */
function expectWhole({ tally }: Imported, cells: Cells[], column: string, currency: string): void {
  const amounts = cells.map((row) => row[column]!)
  const negative = amounts.filter((text) => minorOf(text) < 0n).length
  expect(tally.refused + tally.duplicates).to.equal(0)
  expect(tally.records).to.equal(cells.length)
  expect(tally.recordsByKind.refund ?? 0).to.equal(negative)
  expect(tally.amountsMinor[currency]!.payment).to.equal(sumOf(amounts, 1))
  expect(tally.amountsMinor[currency]!.refund ?? 0n).to.equal(-sumOf(amounts, -1))
}

const orderIdsOf = ({ rows }: Imported): string[] =>
  rows.flatMap((row) => ('record' in row ? [row.record.orderId] : []))

describe('published files of payments', function () {
  this.timeout(120_000)

  it('UK tax and contribution payments: ten date forms, damaged numbers, two currencies, repeats', async function () {
    const file = path.join(sharedData(this, 'payments-uk-tax-social'), 'tax-and-contribution-payments.csv')
    const { rows, tally } = await importFile(file, 'uk-tax-social.json')
    expect(tally.refusalsByCode).to.deep.equal({
      ORDER_ID_PART_DAMAGED: 102,
      ORDER_ID_PART_EMPTY: 25,
      AMOUNT_CURRENCY_DIFFERENT: 25,
      DATE_UNREADABLE: 3,
    })
    expect(tally).to.include({ rows: 1659, records: 1490, refused: 155, duplicates: 14, skipped: 0 })
    expect(tally.recordsByKind).to.deep.equal({ payment: 1470, refund: 20 })

    const cells = cellsOf(file)
    const isUnsound = (row: Cells): boolean =>
      row.amount!.includes('$') ||
      /^[A-Z]/.test(row.date!) ||
      !/\d/.test(row.transaction_number!) ||
      /\dE\+|^\d+\.0$|^\d{16}/.test(row.transaction_number!) ||
      row.transaction_number!.length > 60
    expect(rows.map((row) => 'refusals' in row)).to.deep.equal(cells.map(isUnsound))
    let sum = 0n
    for (const [i, row] of rows.entries()) if ('record' in row) sum += minorOf(cells[i]!.amount!)
    const { payment = 0n, refund = 0n } = tally.amountsMinor.GBP!
    expect(payment - refund)
      .to.equal(sum)
      .and.to.equal(84_250_470_057n)
    // The same line of two files, once with and once without a pound sign.
    for (const [i, row] of rows.entries())
      if ('duplicateOf' in row) {
        const first = rows.findIndex(({ line }) => line === row.duplicateOf)
        expect(cells[i]!.transaction_number).to.equal(cells[first]!.transaction_number)
        expect(minorOf(cells[i]!.amount!)).to.equal(minorOf(cells[first]!.amount!))
        expect(cells[i]!.source_file).to.not.equal(cells[first]!.source_file)
      }
  })

  it('UK tax and contribution payments: every date is in the month that its file is named after', async function () {
    const file = path.join(sharedData(this, 'payments-uk-tax-social'), 'tax-and-contribution-payments.csv')
    const { rows } = await importFile(file, 'uk-tax-social.json')
    const cells = cellsOf(file)
    let compared = 0
    for (const [i, row] of rows.entries()) {
      const [day, month] = cells[i]!.date!.split('/').map(Number)
      // Where the day could be the month, the name of the file decides, if it names one.
      const named = [...cells[i]!.source_file!.toLowerCase().matchAll(MONTH_NAMES)]
      if (!('record' in row) || !(day! <= 12 && month! <= 12 && day !== month) || named.length !== 1) continue
      const months = [day!, month!].filter((number) => MONTHS[number - 1] === named[0]![0])
      if (months.length !== 1) continue
      expect(Number(row.record.paidAt.slice(5, 7)), `line ${row.line}`).to.equal(months[0])
      compared++
    }
    expect(compared).to.be.greaterThan(200)
  })

  for (const [file, column, rows] of [
    ['2010-04.csv', 'Amount', 13_751],
    ['2012-01.csv', 'Amount', 16_628],
  ] as const)
    it(`UK social-security ledger ${file}: one number on many lines`, async function () {
      const source = path.join(sharedData(this, 'payments-uk-dwp'), file)
      const imported = await importFile(source, `uk-dwp-${file.slice(0, 4)}.json`)
      const cells = cellsOf(source).filter((row) => row.Date !== 'Date')
      expectWhole(imported, cells, column, 'GBP')
      expect(imported.tally.rows).to.equal(rows)
      expect(imported.tally.skippedByReason).to.deep.equal(
        file === '2010-04.csv' ? { 'heading repeated': 1 } : {},
      )
      const counts = new Map<string, number>()
      const expected = cells.map((row) => {
        const number = row['Transaction Number']!
        counts.set(number, (counts.get(number) ?? 0) + 1)
        return `DWP-${number}-${counts.get(number)}`
      })
      expect(orderIdsOf(imported)).to.deep.equal(expected)
      const again = await importFile(source, `uk-dwp-${file.slice(0, 4)}.json`)
      expect(again.rows).to.deep.equal(imported.rows)
    })

  it('US receipts of natural resources by company: years only, payers sealed', async function () {
    const file = path.join(sharedData(this, 'payments-onrr-company'), 'federal-revenue-by-company.csv')
    const imported = await importFile(file, 'onrr-company.json')
    const cells = cellsOf(file)
    expectWhole(imported, cells, 'Revenue', 'USD')
    expect(imported.tally).to.include({ records: 11_712, refused: 0 })
    expect(imported.tally.recordsByKind.refund).to.equal(477)
    for (const [i, row] of imported.rows.entries())
      if ('record' in row) {
        expect(row.record.period).to.equal(cells[i]!['Calendar Year'])
        expect(row.record.payerTag).to.equal(cells[i]!['Corporate Name']!.trim().normalize('NFC'))
        expect(row.record.visibility).to.equal('sealed')
      }
  })

  it('US receipts of natural resources by month: twelve files without numbers', async function () {
    const folder = sharedData(this, 'payments-onrr-monthly')
    const ids: string[] = []
    let refunds = 0
    for (const name of readdirSync(folder).filter((name) => name.endsWith('.csv'))) {
      const imported = await importFile(path.join(folder, name), 'onrr-monthly.json')
      expectWhole(imported, cellsOf(path.join(folder, name)), 'Revenue', 'USD')
      refunds += imported.tally.recordsByKind.refund ?? 0
      ids.push(...orderIdsOf(imported))
    }
    expect(ids).to.have.lengthOf(23_453)
    expect(new Set(ids).size).to.equal(23_453)
    expect(refunds).to.equal(1649)
  })

  const parcels = (test: Context): string =>
    path.join(sharedData(test, 'payments-allegheny-liens'), 'tax-liens-by-parcel.csv')

  it('US property-tax liens by parcel', async function () {
    const imported = await importFile(parcels(this), 'allegheny-liens.json')
    expectWhole(imported, cellsOf(parcels(this)), 'total_amount', 'USD')
    expect(imported.tally).to.include({ records: 43_930, refused: 0 })
    expect(imported.tally.amountsMinor.USD).to.deep.equal({ payment: 14_298_172_092n })
  })

  it('are read in full where one byte in each thousand is damaged: rows apart from those stay as they are', async function () {
    const bytes = readFileSync(parcels(this)).subarray(0, 300_000)
    const mapping = sampleMapping('mappings/allegheny-liens.json')
    const whole = new Map(outcomes(await Array.fromAsync(readPayments(bytesOf(bytes), mapping))))
    const damaged = Uint8Array.from(bytes)
    const lines = new Set<number>()
    for (let at = 1500; at < damaged.length; at += 1000)
      if (damaged[at] !== 0x0a) {
        damaged[at] = at % 3000 === 0 ? 0xff : 0x22
        lines.add(bytes.subarray(0, at).toString('latin1').split('\n').length)
      }
    const read = outcomes(await Array.fromAsync(readPayments(bytesOf(damaged), mapping)))
    expect(read.map(([line]) => line)).to.deep.equal([...whole.keys()])
    for (const [line, result] of read)
      if (!lines.has(line)) expect(result).to.equal(whole.get(line))
      else expect(result).to.be.oneOf(['ROW_MALFORMED', 'ROW_NOT_UTF8'])
  })
})

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH_NAMES = new RegExp(MONTHS.join('|'), 'g')
