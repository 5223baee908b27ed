import { expect } from 'chai'
import fc from 'fast-check'
import type { Store } from '../../../indexer/store/store.ts'
import { netAmount } from '../../../protocol/payments/net-amount.ts'
import { describeStores } from '../../support/stores.ts'
import { emptyStores } from '../store/empty-stores.ts'
import { type ModelPayment, OFFICES, PaymentHistory, steps } from './payment-history.ts'

const RUNS = Number(process.env.PAYMENT_RUNS ?? 40)

const paymentLines = async (store: Store): Promise<string[]> =>
  (await Array.fromAsync(store.dump())).filter((line) => line.startsWith('payment'))

type Sums = Record<string, number | bigint>

/** The slow way: by order, from the protocol's own rules. */
function totalsOf(payments: readonly ModelPayment[], upTo: number): Map<string, Sums> {
  const totals = new Map<string, Sums>()
  const add = (payment: ModelPayment, more: Sums) => {
    const { office, visibility, category, period, currency } = payment
    const what = visibility === null ? ['', '', ''] : [category, period, visibility === 0 ? currency : '']
    const name = [office, ...what].join('|')
    const sums = totals.get(name) ?? {}
    for (const [key, value] of Object.entries(more))
      sums[key] = typeof value === 'bigint' ? BigInt(sums[key] ?? 0) + value : Number(sums[key] ?? 0) + value
    totals.set(name, sums)
  }
  const order = (a: ModelPayment, b: ModelPayment) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex
  const known = payments.filter(({ blockNumber }) => blockNumber <= upTo).sort(order)
  for (const versions of Map.groupBy(known, (payment) => `${payment.office}:${payment.order}`).values()) {
    const first = [...Map.groupBy(versions, ({ version }) => version).values()].map(([payment]) => payment!)
    for (const payment of first) {
      if (payment.visibility === null) add(payment, { unreadable: 1 })
      else add(payment, { [`${payment.kind}s`]: 1, ...(payment.visibility === 1 ? { sealed: 1 } : {}) })
    }
    const whole: ModelPayment[] = []
    for (let next = first.find(({ version }) => version === 1); next !== undefined; ) {
      whole.push(next)
      next = first.find(({ version }) => version === whole.length + 1)
    }
    const newest = whole.at(-1)
    if (newest === undefined) continue
    add(newest, { orders: 1 })
    if (whole.some(({ visibility }) => visibility !== 0)) continue
    try {
      add(newest, { net: BigInt(netAmount(whole)), publicOrders: 1 })
    } catch {
      // It comes to no amount.
    }
  }
  return totals
}

describeStores('what payments add up to', (engine) => {
  const withStore = emptyStores(engine)

  // A database of their own takes PostgreSQL half a second each.
  const runs = engine.name === 'SQLite' ? RUNS : Math.ceil(RUNS / 4)

  it(`is as of every block what their versions say, whatever was rolled back and repaired, and equals a replay (${runs} runs)`, async function () {
    this.timeout(60_000 + runs * 2_000)
    await fc.assert(
      fc.asyncProperty(steps(14), async (taken) => {
        await withStore(async (store) => {
          // Two chains of the same payments at the same places; the second is a step behind.
          const histories = [new PaymentHistory(store), new PaymentHistory(store, 8)] as const
          for (const history of histories) await history.begin()
          for (const [i, step] of taken.entries()) {
            await histories[0].take(step)
            if (i > 0) await histories[1].take(taken[i - 1]!)
          }

          for (const history of histories)
            for (let block = 0; block <= history.head; block++)
              expect(
                await shown(store, history.contractId, block),
                `chain ${history.chainId}, block ${block}`,
              ).to.deep.equal(expected(history.payments, block))
          await withStore(async (other) => {
            for (const history of histories) {
              const replay = new PaymentHistory(other, history.chainId)
              await replay.begin()
              await other.commit({
                chainId: history.chainId,
                blocks: [...history.hashes].map(([number, hash]) => ({
                  number,
                  hash,
                  timestamp: 1_000 + number,
                })),
                rows: replay.rowsOf(history.payments),
                heads: [],
                checkpoint: history.checkpoint(),
              })
            }
            expect(await paymentLines(store)).to.deep.equal(await paymentLines(other))
          })
        })
      }),
      { numRuns: runs },
    )
  })

  it('is exact where sums are past what numbers carry', () =>
    withStore(async (store) => {
      const history = new PaymentHistory(store)
      await history.begin()
      const payment: Omit<ModelPayment, 'order' | 'logIndex'> = {
        ...{
          entryIndex: 0,
          office: 0,
          version: 1,
          visibility: 0,
          kind: 'payment',
          category: 'tax',
          period: '',
        },
        ...{ currency: 'JPY', amountMinor: Number.MAX_SAFE_INTEGER, blockNumber: 1 },
      }
      const payments = Array.from({ length: 2_000 }, (_, i) => ({ ...payment, logIndex: i, order: i }))
      const block = { number: 1, hash: Buffer.alloc(32, 1), timestamp: 1_001 }
      await store.commit({
        chainId: 7,
        blocks: [block],
        rows: history.rowsOf(payments),
        heads: [],
        checkpoint: { ...block, finalNumber: 0 },
      })
      const [total] = await store.listPaymentTotals({ ...EVERYTHING, contractId: history.contractId })
      expect(total!.net).to.equal(2_000n * BigInt(Number.MAX_SAFE_INTEGER))
    }))
})

const EVERYTHING = { afterBlock: -1, toBlock: Number.MAX_SAFE_INTEGER, limit: 1_000 }

async function shown(store: Store, contractId: number, toBlock: number): Promise<Record<string, Sums>> {
  const found: Record<string, Sums> = {}
  for (const { contractId: _, office, category, period, currency, ...sums } of await store.listPaymentTotals({
    ...EVERYTHING,
    contractId,
    toBlock,
  })) {
    const number = OFFICES.findIndex((bytes) => `0x${bytes.toString('hex')}` === office)
    const name = [number, category, period, currency].join('|')
    found[name] = Object.fromEntries(Object.entries(sums).filter(([, value]) => value !== 0 && value !== 0n))
  }
  return found
}

const expected = (payments: readonly ModelPayment[], block: number): Record<string, Sums> =>
  Object.fromEntries(
    [...totalsOf(payments, block)].map(([name, sums]) => [
      name,
      Object.fromEntries(Object.entries(sums).filter(([, value]) => value !== 0 && value !== 0n)),
    ]),
  )
