import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import { MAX_SUMMED_VERSION } from '../../../indexer/store/sql/payment-totals.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { describeStores } from '../../support/stores.ts'
import { type ModelPayment, OFFICES, PaymentHistory } from './payment-history.ts'

const hashOf = (number: number): Buffer => {
  const hash = Buffer.alloc(32)
  hash.writeUInt32BE(number)
  return hash
}
const REPEATS = 20_000
/** The quickest of so many counts: a machine that does something else for a moment does not do so each time. */
const TRIES = 4
const PAYMENT: ModelPayment = {
  ...{ blockNumber: 1, logIndex: 0, entryIndex: 0, office: 0, order: 1, version: 1, visibility: 0 },
  ...{ kind: 'payment', category: 'tax', period: '2024', currency: 'GBP', amountMinor: 5 },
}

describeStores('payments in numbers that nobody means', (engine) => {
  let store: Store
  let drop: () => Promise<void>
  let history: PaymentHistory
  let block = 0
  beforeEach(async () => {
    const made = await engine.newDatabase()
    store = await openStore(made.database)
    drop = made.drop
    history = new PaymentHistory(store)
    await history.begin()
    block = 0
  })
  afterEach(async () => {
    await store.close()
    await drop()
  })

  /** In the next block; how long it took, in ms. */
  async function commit(payments: readonly Partial<ModelPayment>[], of = history): Promise<number> {
    block++
    const added = payments.map((change, i) => ({
      ...{ ...PAYMENT, logIndex: i },
      ...change,
      blockNumber: change.blockNumber ?? block,
    }))
    const numbers = [...new Set([block, ...added.map(({ blockNumber }) => blockNumber)])]
    const blocks = numbers.map((number) => ({ number, hash: Buffer.alloc(32, number), timestamp: number }))
    const start = performance.now()
    await store.commit({
      ...{ chainId: of.chainId, blocks, rows: of.rowsOf(added), heads: [] },
      checkpoint: { ...blocks[0]!, finalNumber: 0 },
    })
    return performance.now() - start
  }
  const repeats = () => Array.from({ length: REPEATS }, () => ({ version: 7 }))
  const totals = () =>
    store.listPaymentTotals({ contractId: history.contractId, afterBlock: -1, toBlock: block, limit: 10 })
  const page = async (after: { blockNumber: number; logIndex: number }) =>
    (
      await store.listPayments({
        chainId: history.chainId,
        after: { ...after, entryIndex: 0 },
        toBlock: block,
        limit: 50,
      })
    ).rows.map(({ version, isRepeated, isLate }) => [version, isRepeated, isLate])

  it('cost a commit and a page no more for what was written again', async () => {
    const first = await commit([...repeats(), {}])
    const commits = [await commit([{ version: 7 }, { version: 2, amountMinor: 9 }])]
    const [pages, found]: [number[], unknown[][]] = [[], []]
    for (let i = 0; i < TRIES; i++) {
      const start = performance.now()
      found.push(await page({ blockNumber: 1, logIndex: REPEATS - 48 }))
      pages.push(performance.now() - start)
    }
    expect(Math.min(...pages)).to.be.below(first / 2)
    expect(found[0]!.slice(-4)).to.deep.equal([
      [7, true, true],
      [1, false, false],
      [7, true, true],
      [2, false, false],
    ])
    while (commits.length < TRIES)
      commits.push(await commit([{ version: 7 }, { version: 2, amountMinor: 9 }]))
    expect(Math.min(...commits)).to.be.below(first / 4)
    expect(await page({ blockNumber: 0, logIndex: 0 })).to.deep.include([7, false, true])
    expect(await totals()).to.deep.include.members([
      { ...(await totals())[0]!, orders: 1, payments: 3, net: 9n, publicOrders: 1 },
    ])
  })

  it('are added up by order as far as versions are counted, however they come', async () => {
    const versions = Array.from({ length: MAX_SUMMED_VERSION + 3 }, (_, i) => ({
      version: i + 1,
      amountMinor: i + 1,
    }))
    await commit(versions.slice(100).toReversed())
    await commit(versions.slice(0, 100))
    const [total] = await totals()
    expect(total).to.include({ orders: 1, payments: MAX_SUMMED_VERSION, net: BigInt(MAX_SUMMED_VERSION) })
    await commit([{ version: MAX_SUMMED_VERSION + 4 }])
    expect(await totals()).to.deep.equal([total])
  })

  it('are added to and taken from sums of thousands of blocks', async () => {
    const count = 12_000
    const numbers = Array.from({ length: count }, (_, i) => i + 1)
    const block = (number: number) => ({ number, hash: hashOf(number), timestamp: number })
    const payments = numbers.map((number) => ({ ...PAYMENT, blockNumber: number, order: number }))
    await store.commit({
      ...{ chainId: history.chainId, blocks: numbers.map(block), rows: history.rowsOf(payments), heads: [] },
      checkpoint: { ...block(count), finalNumber: 0 },
    })
    const orders = async () => {
      const found = []
      for (const toBlock of [1, 2, 5_001, 10_002, count])
        for (const total of await store.listPaymentTotals({
          ...{ contractId: history.contractId, afterBlock: -1, toBlock, limit: 10 },
        }))
          found.push([total.orders, total.net])
      return found
    }
    const before = await orders()
    expect(before.at(-1)).to.deep.equal([count, BigInt(5 * count)])
    const late = { ...PAYMENT, blockNumber: 2, logIndex: 7, order: count + 1 }
    const repair = {
      ...{ chainId: history.chainId, contractId: history.contractId, author: OFFICES[0], fromBlock: 1 },
      ...{ blocks: [block(2)], heads: [] },
    }
    await store.repair({ ...repair, surplus: [], rows: history.rowsOf([late]) })
    expect(await orders()).to.deep.equal(
      before.map(([sum, net], i) => (i === 0 ? [sum, net] : [Number(sum) + 1, BigInt(net!) + 5n])),
    )
    await store.repair({ ...repair, surplus: [late], rows: [] })
    expect(await orders()).to.deep.equal(before)
  })

  it('are nothing to a registry whose own lie around them', async () => {
    const late = await store.createContract({
      ...{ chainId: history.chainId, address: Buffer.alloc(20, 2), kind: 'PaymentRecordRegistry' },
      ...{ startBlock: 1, caughtUpTo: 0 },
    })
    await commit([{}])
    const orders = await commit(Array.from({ length: REPEATS }, (_, order) => ({ order })))
    const before = await totals()
    const other = new PaymentHistory(store)
    other.contractId = late.contractId
    const took: number[] = []
    for (let i = 0; i < TRIES; i++)
      took.push(
        await commit([{ blockNumber: 1, logIndex: 30_000 + 2 * i }, { logIndex: 30_001 + 2 * i }], other),
      )
    expect(Math.min(...took)).to.be.below(orders / 4)
    expect(await totals()).to.deep.equal(before)
    const [total] = await store.listPaymentTotals({
      ...{ contractId: late.contractId, afterBlock: -1, toBlock: block, limit: 10 },
    })
    expect(total).to.include({ orders: 1, payments: 1, net: 5n })
  })
})
