import { expect } from 'chai'
import { FingerprintTable } from '../../../../services/tax-office/import/fingerprint-table.ts'
import { mappingOf, outcomes, readRows } from './mapped-rows.ts'

const HEADING = 'id,paid,amount,file\n'
const rowsOf = (...rows: [id: string, amount: string, file?: string][]): string =>
  HEADING + rows.map(([id, amount, file = 'f']) => `${id},2024-02-29,${amount},${file}\n`).join('')

describe('order ids of a file', () => {
  const numbered = mappingOf({ orderId: { template: 'T-{id}/{line}', patterns: { id: '\\d{1,6}' } } })

  it('number the rows that have the same parts, in the order of the file', async () => {
    const text = rowsOf(['7', '1.00'], ['8', '1.00'], ['7', '1.00'], ['7', '2.00'], ['8', '1.00'])
    const ids = ['T-7/1', 'T-8/1', 'T-7/2', 'T-7/3', 'T-8/2']
    expect((await readRows(text, numbered)).map((row) => outcomes([row])[0]![1])).to.deep.equal(ids)
  })

  it('stay the same when a row that was refused is corrected', async () => {
    const before = await readRows(rowsOf(['7', '1.00'], ['7', 'oops'], ['7', '3.00']), numbered)
    const after = await readRows(rowsOf(['7', '1.00'], ['7', '2.00'], ['7', '3.00']), numbered)
    expect(outcomes(before)).to.deep.equal([
      [2, 'T-7/1'],
      [3, 'AMOUNT_UNREADABLE'],
      [4, 'T-7/3'],
    ])
    expect(after[2]).to.deep.equal(before[2])
  })

  it('may shift when a row is mended that lacks a part or cannot be read: such rows are marked', async () => {
    const damaged = await readRows(
      `${rowsOf(['7', '1.00'], ['7.0', '1.00'])}"7,x\n${'7,2024-02-29,3.00,f\n'}`,
      numbered,
    )
    expect(damaged.map((row) => 'refusals' in row && row.isUncounted === true)).to.deep.equal([
      false,
      true,
      true,
      false,
    ])
    const mended = await readRows(
      rowsOf(['7', '1.00'], ['7', '1.00'], ['7', '2.00'], ['7', '3.00']),
      numbered,
    )
    expect([damaged[3], mended[3]].map((row) => outcomes([row!])[0]![1])).to.deep.equal(['T-7/2', 'T-7/4'])
    const withoutLine = await readRows(rowsOf(['', '1.00']))
    expect(withoutLine[0]).to.not.have.property('isUncounted')
  })

  it('are refused when a part is empty or damaged, or the whole too long or with unseen characters', async () => {
    const text = rowsOf(['', '1.00'], ['9.83E+21', '1.00'], ['1070396.0', '1.00'])
    expect(outcomes(await readRows(text, numbered))).to.deep.equal([
      [2, 'ORDER_ID_PART_EMPTY'],
      [3, 'ORDER_ID_PART_DAMAGED'],
      [4, 'ORDER_ID_PART_DAMAGED'],
    ])
    const odd = rowsOf(['x'.repeat(97), '1.00'], ['a\u200bb', '1.00'], ['e\u0301', '1.00'])
    expect(outcomes(await readRows(odd))).to.deep.equal([
      [2, 'ORDER_ID_INVALID'],
      [3, 'ORDER_ID_INVALID'],
      [4, '\u00e9'],
    ])
  })

  it('may be made of what was read, and numbered within a column that is no part of them', async () => {
    const mapping = mappingOf({
      orderId: { template: '{id}/{@paidAt}/{@amountMinor}/{line}', lineWithin: ['file'] },
      amount: { column: 'amount', decimal: '.', symbols: { '£': 'GBP' }, negative: 'refuse' },
    })
    const text = rowsOf(['7', '1.50', 'a'], ['7', '1.50', 'a'], ['7', '£1.5', 'b'], ['7', 'x', 'b'])
    expect(outcomes(await readRows(text, mapping))).to.deep.equal([
      [2, '7/2024-02-29/150/1'],
      [3, '7/2024-02-29/150/2'],
      [4, 'duplicate of 2'],
      [5, 'AMOUNT_UNREADABLE'],
    ])
  })

  it('that come again are duplicates with the same content, and conflicts with another', async () => {
    const text = rowsOf(['a', '1.00'], ['b', '1.00'], ['a', '1.0'], ['a', '2.00'], ['a', '1'])
    const rows = await readRows(text)
    expect(outcomes(rows)).to.deep.equal([
      [2, 'a'],
      [3, 'b'],
      [4, 'duplicate of 2'],
      [5, 'ORDER_ID_CONFLICT'],
      [6, 'duplicate of 2'],
    ])
    expect(rows[3]).to.have.nested.property(
      'refusals[0].reason',
      'line 2 has this order id with other content',
    )
  })

  it('are refused past the number of orders that a file may have', async () => {
    const text = rowsOf(['1', '1.00'], ['2', '1.00'], ['3', '1.00'], ['2', '1.00'])
    expect(outcomes(await readRows(text, mappingOf(), { maxOrders: 2 }))).to.deep.equal([
      [2, '1'],
      [3, '2'],
      [4, 'ORDERS_TOO_MANY'],
      [5, 'duplicate of 3'],
    ])
    expect(outcomes(await readRows(text, numbered, { maxOrders: 2 }))[2]).to.deep.equal([
      4,
      'ORDERS_TOO_MANY',
    ])
  })
})

describe('FingerprintTable', () => {
  it('keeps the numbers of many texts as a Map does', () => {
    const table = new FingerprintTable(1, 100_000)
    const model = new Map<string, number>()
    for (let i = 0; i < 100_000; i++) {
      const text = `order ${(i * 7919) % 31_013}`
      table.numbersOf(text)![0]!++
      model.set(text, (model.get(text) ?? 0) + 1)
    }
    expect(table.size).to.equal(model.size)
    for (const [text, count] of model) expect(table.numbersOf(text)![0]).to.equal(count)
  })
})
