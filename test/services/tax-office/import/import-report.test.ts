import { PassThrough, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { parse } from 'csv-parse/sync'
import { reported } from '../../../../services/tax-office/import/import-report.ts'
import { addToTally, emptyTally } from '../../../../services/tax-office/import/import-tally.ts'
import { readPayments } from '../../../../services/tax-office/import/read-payments.ts'
import { bytesOf, mappingOf } from './mapped-rows.ts'

const SECRET = 'Jane-Roe'
const FILE = [
  'id,paid,"amount, £",x',
  'a,2024-02-29,1.00,',
  `${SECRET},${SECRET},${SECRET},`,
  'a,2024-02-29,1.00,',
  'a,2024-02-29,-2.00,',
  `${SECRET},2024-02-29,1.00,${SECRET}`,
  `${SECRET},1`,
].join('\n')
const mapping = mappingOf({
  amount: { column: 'amount, £', decimal: '.', signs: ['minus'], negative: 'refund' },
  orderId: { template: '{id}', patterns: { id: 'a' } },
  skip: [{ column: 'x', pattern: '.+', reason: 'x is not empty' }],
})
const rows = () => readPayments(bytesOf(FILE), mapping)

describe('the report of an import', () => {
  it('has a line for each refusal, duplicate and skipped row, as CSV', async () => {
    const out = new PassThrough()
    const [report, passed] = await Promise.all([
      text(out),
      Array.fromAsync(reported(rows(), out, 'csv')).finally(() => out.end()),
    ])
    expect(passed).to.deep.equal(await Array.fromAsync(rows()))
    expect(parse(report)).to.deep.equal([
      ['line', 'outcome', 'column', 'code', 'reason'],
      ['3', 'refused', 'amount, £', 'AMOUNT_UNREADABLE', 'the amount is not a number'],
      ['3', 'refused', 'paid', 'DATE_UNREADABLE', 'the date has none of the declared formats'],
      ['3', 'refused', 'id', 'ORDER_ID_PART_DAMAGED', 'a part of the order id does not match its pattern'],
      ['4', 'duplicate', '', 'DUPLICATE', 'same as line 2'],
      ['5', 'refused', '', 'ORDER_ID_CONFLICT', 'line 2 has this order id with other content'],
      ['6', 'skipped', '', 'SKIPPED', 'x is not empty'],
      ['7', 'refused', '', 'ROW_RAGGED', 'the row has 2 cells, the heading 4'],
    ])
    expect(report).to.not.contain(SECRET)
  })

  it('is one JSON object a line, if asked', async () => {
    const out = new PassThrough()
    const reading = text(out)
    for await (const _row of reported(rows(), out, 'json-lines'));
    out.end()
    const lines = (await reading).trimEnd().split('\n')
    expect(lines).to.have.lengthOf(7)
    expect(JSON.parse(lines[3]!)).to.deep.equal({
      line: 4,
      outcome: 'duplicate',
      column: '',
      code: 'DUPLICATE',
      reason: 'same as line 2',
    })
    expect(lines.join()).to.not.contain(SECRET)
  })

  it('fails when it cannot be written', async () => {
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space left')) })
    full.on('error', () => {})
    let message = ''
    await Array.fromAsync(reported(rows(), full, 'csv')).catch((error: Error) => {
      message = error.message
    })
    expect(message).to.equal('no space left')
  })

  it('is counted: records by kind, refusals by code, sums by currency', async () => {
    const tally = emptyTally()
    for await (const row of rows()) addToTally(tally, row)
    expect(tally).to.deep.equal({
      rows: 6,
      records: 1,
      refused: 3,
      duplicates: 1,
      skipped: 1,
      recordsByKind: { payment: 1 },
      refusalsByCode: {
        AMOUNT_UNREADABLE: 1,
        DATE_UNREADABLE: 1,
        ORDER_ID_PART_DAMAGED: 1,
        ORDER_ID_CONFLICT: 1,
        ROW_RAGGED: 1,
      },
      skippedByReason: { 'x is not empty': 1 },
      amountsMinor: { GBP: { payment: 100n } },
    })
  })
})
