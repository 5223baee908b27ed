import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { parse } from 'csv-parse/sync'
import { backUp, restore } from '../../../indexer/operations/backup.ts'
import { openStore } from '../../../indexer/store/open-store.ts'
import { toMinorUnits } from '../../../protocol/payments/minor-units.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { dumpOf } from '../../support/indexer.ts'
import { noPayload, somePayment } from '../../support/payment-writer.ts'
import { sharedData } from '../../support/shared-data.ts'
import { describeStores, STORES } from '../../support/stores.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers as they come
type Totals = any[]

const allTotals = async (bed: PaymentBed, query = '', limit = 3): Promise<Totals> => {
  const found: Totals = []
  let next = ''
  do {
    const { status, body } = await bed.get(`/v1/payment-totals?limit=${limit}${query}${next}`)
    expect(status, JSON.stringify(body)).to.equal(200)
    found.push(...body.totals)
    next = body.next === null ? '' : `&cursor=${body.next}`
  } while (next !== '')
  return found
}

describeStores('GET /v1/payment-totals', (engine) => {
  let bed: PaymentBed
  beforeEach(async () => {
    bed = await startPayments({}, { engine })
  })
  afterEach(() => bed.stop())

  const headNumber = async () => Number(await bed.chain.request<string>('eth_blockNumber'))
  const nets = (totals: Totals) =>
    Object.fromEntries(
      totals.map(({ category, period, currency, orders, netAmountMinor }) => [
        `${category} ${period} ${currency}`,
        [orders, netAmountMinor],
      ]),
    )

  it('adds up orders, versions by kind and amounts by office, category, period and currency', async () => {
    await bed.office.record([
      somePayment({ orderId: 'a', amountMinor: 100 }),
      somePayment({ orderId: 'b', amountMinor: 50 }),
      somePayment({ orderId: 'c', amountMinor: 7, currency: 'JPY' }),
      somePayment({ orderId: 'd', kind: 'refund', amountMinor: 30, category: 'pension' }),
    ])
    await bed.office.record([somePayment({ orderId: 's' })], 'sealed')
    await bed.stranger.record([somePayment({ orderId: 'a', amountMinor: 1 })])
    const [made] = bed.stranger.make([somePayment({ orderId: 'u' })])
    await bed.stranger.recordRaw({ ...made!, payload: noPayload() })
    await bed.reindexed()
    const totals = await allTotals(bed, `&office=${bed.office.office}`)
    expect(nets(totals)).to.deep.equal({
      'income-tax 2024 null': [1, '0'],
      'income-tax 2024 GBP': [2, '150'],
      'income-tax 2024 JPY': [1, '7'],
      'pension 2024 GBP': [1, '-30'],
    })
    expect(totals[0]).to.include({ ...bed.office.place, sealed: 1, publicOrders: 0 })
    expect(totals[1]).to.include({ sealed: 0, publicOrders: 2 })
    const ofStranger = await allTotals(bed, `&office=${bed.stranger.office}`)
    expect(nets(ofStranger)).to.deep.equal({ 'null null null': [1, '0'], 'income-tax 2024 GBP': [1, '1'] })
    expect(ofStranger[0].records).to.deep.equal({
      ...{ payment: 0, correction: 0, reversal: 0, refund: 0, unreadable: 1 },
    })
    expect(nets(await allTotals(bed, '&category=pension'))).to.deep.equal({ 'pension 2024 GBP': [1, '-30'] })
    expect(await allTotals(bed, '&period=2025')).to.deep.equal([])
    expect(await allTotals(bed, '', 200)).to.deep.equal(await allTotals(bed, '', 1))
  })

  it('moves an order to where its newest version is, and says what a stretch of time added', async () => {
    await bed.office.record([somePayment({ orderId: 'm', amountMinor: 100 })])
    const at = await headNumber()
    await bed.chain.request('evm_increaseTime', [1_000])
    await bed.office.record([
      somePayment({ orderId: 'm', version: 2, kind: 'correction', amountMinor: 90, category: 'pension' }),
    ])
    await bed.reindexed()
    expect(nets(await allTotals(bed))).to.deep.equal({
      'income-tax 2024 GBP': [0, '0'],
      'pension 2024 GBP': [1, '90'],
    })
    expect(nets(await allTotals(bed, `&asOf=${at}`))).to.deep.equal({ 'income-tax 2024 GBP': [1, '100'] })
    const { body } = await bed.lookUp('m')
    const time = body.histories[0].versions[1].block.timestamp
    expect(nets(await allTotals(bed, `&from=${time}`))).to.deep.equal({
      'income-tax 2024 GBP': [-1, '-100'],
      'pension 2024 GBP': [1, '90'],
    })
    expect(nets(await allTotals(bed, `&to=${time}`))).to.deep.equal({ 'income-tax 2024 GBP': [1, '100'] })
    expect(await allTotals(bed, `&from=${time + 1}`)).to.deep.equal([])
  })

  it('keeps cursors to the block of the first page', async () => {
    await bed.office.record([
      somePayment({ orderId: 'a' }),
      somePayment({ orderId: 'b', category: 'pension' }),
    ])
    await bed.reindexed()
    const first = await bed.get('/v1/payment-totals?limit=1')
    await bed.office.record([somePayment({ orderId: 'c', category: 'pension' })])
    await bed.reindexed()
    const second = await bed.get(`/v1/payment-totals?limit=1&cursor=${first.body.next}`)
    expect(second.body.totals[0]).to.include({ category: 'pension', orders: 1 })
    for (const query of [`limit=1&category=tax&cursor=${first.body.next}`, 'cursor=abc'])
      expect((await bed.get(`/v1/payment-totals?${query}`)).body.code).to.equal('CURSOR_INVALID')
  })

  it('goes into a backup, and into a store of the other engine', async () => {
    await bed.office.record([somePayment({ orderId: 'a' })], 'sealed')
    await bed.office.record([somePayment({ orderId: 'b' })])
    await bed.reindexed()
    const other =
      STORES.find(({ name, skipReason }) => name !== engine.name && skipReason === undefined) ?? engine
    const folder = mkdtempSync(join(tmpdir(), 'payments-backup-'))
    const { database, drop } = await other.newDatabase()
    await backUp(bed.indexer.store, join(folder, 'backup'))
    const store = await openStore(database)
    await restore(join(folder, 'backup'), store)
    expect(await Array.fromAsync(store.dump())).to.deep.equal(await dumpOf(bed.indexer))
    await store.close()
    await drop()
    rmSync(folder, { recursive: true })
  })

  it('is what a file of payments adds up to by hand, as of every part of it', async function () {
    this.timeout(120_000)
    const file = join(sharedData(this, 'payments-onrr-company'), 'federal-revenue-by-company.csv')
    const rows: Record<string, string>[] = parse(readFileSync(file), { columns: true })
    const slug = (text: string) =>
      text
        .trim()
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .slice(0, 32)
    const recordOf = (row: Record<string, string>): PaymentRecord => {
      const amountMinor = toMinorUnits(row.Revenue!, 'USD')
      return somePayment({
        orderId: row.row_id!,
        kind: amountMinor < 0 ? 'refund' : 'payment',
        category: slug(row.Commodity!),
        period: row['Calendar Year']!,
        amountMinor: Math.abs(amountMinor),
        currency: 'USD',
        authority: row['Revenue Agency Type']!.trim().slice(0, 64),
      })
    }
    const ends: { block: number; rows: number }[] = []
    for (let from = 0; from < rows.length; from += 400) {
      await bed.office.publish(rows.slice(from, from + 400).map(recordOf))
      ends.push({ block: await headNumber(), rows: Math.min(from + 400, rows.length) })
    }
    await bed.reindexed()

    // Cents from the digits, without the code that made the records.
    const cents = (text: string) => {
      const [whole, decimals = ''] = text.split('.')
      const sum = BigInt(whole!.replace('-', '')) * 100n + BigInt(decimals.padEnd(2, '0'))
      return text.startsWith('-') ? -sum : sum
    }
    const byHand = (count: number) => {
      const sums = new Map<string, [number, bigint]>()
      for (const row of rows.slice(0, count)) {
        const name = `${slug(row.Commodity!)} ${row['Calendar Year']} USD`
        const [orders, sum] = sums.get(name) ?? [0, 0n]
        sums.set(name, [orders + 1, sum + cents(row.Revenue!)])
      }
      return Object.fromEntries([...sums].map(([name, [orders, sum]]) => [name, [orders, String(sum)]]))
    }
    for (const { block, rows: count } of [ends[0]!, ends[7]!, ends.at(-1)!])
      expect(nets(await allTotals(bed, `&asOf=${block}`, 200))).to.deep.equal(byHand(count))

    // What begins with a refund is not corrected: then it comes to no amount.
    const some = rows.filter(({ Revenue }, i) => i % 97 === 0 && !Revenue!.startsWith('-'))
    expect(some.length).to.be.greaterThan(10)
    await bed.office.publish(
      some.map((row) => ({ ...recordOf(row), version: 2, kind: 'correction', amountMinor: 1 })),
    )
    await bed.reindexed()
    for (const row of some) row.Revenue = '0.01'
    expect(nets(await allTotals(bed, '', 200))).to.deep.equal(byHand(rows.length))
  })
})
