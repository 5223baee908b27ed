import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { hexToBytes, keccak256Hex, utf8ToBytes } from '../../../protocol/hex.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import type { PaymentOnChain } from '../../../protocol/payments/payment-entry.ts'
import { packPayments } from '../../../protocol/payments/payment-publication.ts'
import type { Reconciliation } from '../../../services/tax-office/reconcile/reconcile.ts'
import { eventually } from '../../support/eventually.ts'
import { type RpcRelay, startRpcRelay } from '../../support/rpc-relay.ts'
import {
  type Neighbourhood,
  OfficeProcess,
  paymentRegistry,
  paymentRequest,
  paymentRequests,
  recordedPayments,
  settleOffice,
} from './office-fixture.ts'
import { runScript, runUpload, writePaymentFile } from './upload-fixture.ts'

type Report = Reconciliation & { files: { missing: number; altered: number; findings: object[] }[] }

const NOTHING = { missing: 0, altered: 0, extra: 0, unread: 0 }

describe('reconciling a tax office with its book', () => {
  let home: Neighbourhood
  let relay: RpcRelay
  let office: OfficeProcess

  beforeEach(async () => {
    home = await settleOffice()
    relay = await startRpcRelay(home.chain.url)
  })
  afterEach(async () => {
    await office.remove()
    await relay.stop()
    await home.end()
  })

  const open = async (env: Record<string, string> = {}, finalityDepth = 0): Promise<void> => {
    office = new OfficeProcess(
      { chainId: home.chain.chainId, rpcUrl: relay.url, contracts: home.contracts, finalityDepth },
      env,
    )
    await office.start()
  }
  const settled = () =>
    eventually(
      'everything is on chain',
      async () => {
        const { queued, sent } = await office.client.uploads()
        return queued + sent === 0
      },
      30_000,
    )
  const reconcile = async (...args: string[]): Promise<{ code: number | null; report: Report }> => {
    const { code, stdout, stderr } = await runScript(office, 'reconcile', ['--json', ...args]).ended
    expect(stdout, stderr).to.not.equal('')
    return { code, report: JSON.parse(stdout) }
  }
  /** As somebody does who has the database, but not the office's secret. */
  const tamper = (sql: string, ...values: (string | number | Uint8Array)[]): void => {
    const db = new DatabaseSync(office.databaseFile, { timeout: 5_000 })
    db.exec('PRAGMA foreign_keys = OFF')
    expect(db.prepare(sql).run(...values).changes).to.equal(1)
    db.close()
  }
  /** A payment that never was on its way to the chain. */
  const invent = (orderId: string): void => {
    const orderKey = hexToBytes(orderKeyOf(orderId))
    tamper('INSERT INTO orders VALUES (?, ?, ?)', orderKey, orderId, new Uint8Array(32))
    tamper(
      `INSERT INTO payments SELECT 1000, ?, 1, visibility, kind, category, period, amount_minor, currency, paid_at, authority,
         payer_tag, fields, fingerprint, digest, payload, ?, received_at FROM payments WHERE id = 2`,
      orderKey,
      keccak256Hex(utf8ToBytes(orderId)),
    )
  }
  const someVersions = async (): Promise<void> => {
    await office.client.upload([
      ...paymentRequests(30),
      paymentRequest({ orderId: 'ORDER-1', amountMinor: 90, follows: 1, kind: 'correction' }),
      paymentRequest({ orderId: 'OPEN', visibility: 'public' }),
      paymentRequest({ orderId: 'TAGGED', payerTag: 'P-1', fields: { note: 'n' } }),
    ])
    await settled()
  }

  for (const tier of ['record', 'publish', 'anchor'])
    it(`finds no difference where there is none, of payments put on chain by ${tier}`, async () => {
      await open({ TAX_OFFICE_TIER: tier })
      await someVersions()
      const { code, report } = await reconcile()
      expect(report).to.deep.include({
        isComplete: true,
        checked: 33,
        same: 33,
        repeated: 0,
        waiting: 0,
        counts: NOTHING,
        unknownRoots: [],
      })
      expect(code).to.equal(0)
    })

  for (const tier of ['record', 'publish'])
    it(`names what was altered in the database, of payments put on chain by ${tier}`, async () => {
      await open({ TAX_OFFICE_TIER: tier })
      await someVersions()
      const of = (orderId: string): Uint8Array => hexToBytes(orderKeyOf(orderId))
      tamper('UPDATE payments SET amount_minor = 1 WHERE order_key = ? AND version = 2', of('ORDER-1'))
      tamper(
        "UPDATE payments SET currency = 'USD', paid_at = '2025-04-01' WHERE order_key = ?",
        of('ORDER-2'),
      )
      tamper("UPDATE payments SET authority = 'Somebody' WHERE order_key = ?", of('OPEN'))
      tamper('UPDATE payments SET payer_tag = NULL WHERE order_key = ?', of('TAGGED'))
      tamper("UPDATE payments SET kind = 'nonsense' WHERE order_key = ?", of('ORDER-3'))
      tamper('UPDATE orders SET share = ? WHERE order_key = ?', new Uint8Array(32), of('ORDER-4'))
      tamper('UPDATE payments SET digest = ? WHERE order_key = ?', new Uint8Array(32), of('ORDER-5'))
      tamper("UPDATE payments SET visibility = 'sealed' WHERE order_key = ? AND version = 1", of('OPEN'))
      const { code, report } = await reconcile()
      expect(code).to.equal(2)
      expect(report.counts).to.deep.equal({ ...NOTHING, altered: 7 })
      const found = Object.fromEntries(
        report.altered.map(({ orderId, version, differences }) => [`${orderId} ${version}`, differences]),
      )
      expect(found).to.deep.equal({
        'ORDER-1 2': [{ member: 'amountMinor', database: 1, chain: 90 }],
        'ORDER-2 1': [
          { member: 'currency', database: 'USD', chain: 'EUR' },
          { member: 'paidAt', database: '2025-04-01', chain: '2025-03-31' },
        ],
        'ORDER-3 1': [{ member: 'kind', database: 'nonsense', chain: 'payment' }],
        'ORDER-4 1': [{ member: 'orderId or share' }],
        'ORDER-5 1': [{ member: 'digest' }],
        'OPEN 1': [{ member: 'authority' }],
        'TAGGED 1': [{ member: 'payerTag' }],
      })
    })

  it('lists what is missing on chain and what is extra there', async () => {
    await open()
    await someVersions()
    tamper('DELETE FROM payments WHERE order_key = ?', hexToBytes(orderKeyOf('ORDER-30')))
    invent('INVENTED')
    const { registry, provider } = paymentRegistry(home.chain.url, home.contracts.PaymentRecordRegistry)
    const key = keccak256Hex(utf8ToBytes('ELSEWHERE'))
    await (await registry.getFunction('recordPayment')(key, 1, key, '0x0102')).wait()
    provider.destroy()
    const { code, report } = await reconcile()
    expect(code).to.equal(2)
    expect(report.isComplete).to.equal(true)
    expect(report.counts).to.deep.equal({ ...NOTHING, missing: 1, extra: 2 })
    expect(report.missing).to.deep.equal([
      { orderId: 'INVENTED', orderKey: orderKeyOf('INVENTED'), version: 1 },
    ])
    expect(report.extra.map(({ orderKey }) => orderKey).sort()).to.deep.equal(
      [key, orderKeyOf('ORDER-30')].sort(),
    )
  })

  it('tells a version published again from another one under the same order and number', async () => {
    await open({ TAX_OFFICE_TIER: 'publish' })
    await someVersions()
    const published = await recordedPayments(home.chain.url, home.contracts.PaymentRecordRegistry)
    const first = published.find(({ orderKey }) => orderKey === orderKeyOf('ORDER-2'))!
    const other = { ...first, payload: keccak256Hex(utf8ToBytes('other')) }
    const { registry, provider } = paymentRegistry(home.chain.url, home.contracts.PaymentRecordRegistry)
    const publish = async (payment: PaymentOnChain): Promise<string> => {
      const sent = await registry.getFunction('publishPayments')(packPayments([payment]))
      await sent.wait()
      return sent.hash
    }
    await publish(first)
    expect(await reconcile()).to.deep.nested.include({ code: 0, 'report.repeated': 1, 'report.same': 33 })
    const transactionHash = await publish(other)
    provider.destroy()
    const { code, report } = await reconcile()
    expect(code).to.equal(2)
    expect(report).to.deep.include({ repeated: 1, same: 33, counts: { ...NOTHING, extra: 1 } })
    const { orderKey, version } = first
    expect(report.extra).to.deep.equal([{ orderKey, version, transactionHash, blockNumber: report.block }])
  })

  it('finds a version as it is whose predecessor was altered or removed', async () => {
    await open()
    await someVersions()
    await office.client.upload([
      paymentRequest({ orderId: 'ORDER-2', amountMinor: 91, follows: 1, kind: 'correction' }),
    ])
    await settled()
    const of = (orderId: string): Uint8Array => hexToBytes(orderKeyOf(orderId))
    const version1 = 'WHERE order_key = ? AND version = 1'
    tamper(`UPDATE payments SET digest = ? ${version1}`, new Uint8Array(32), of('ORDER-1'))
    tamper(`DELETE FROM payments ${version1}`, of('ORDER-2'))
    const { code, report } = await reconcile()
    expect(code).to.equal(2)
    expect(report).to.deep.include({ checked: 33, same: 32, counts: { ...NOTHING, altered: 1, extra: 1 } })
    expect(report.altered[0]).to.deep.include({
      ...{ orderId: 'ORDER-1', version: 1 },
      differences: [{ member: 'digest' }],
    })
    expect(report.extra[0]).to.include({ orderKey: orderKeyOf('ORDER-2'), version: 1 })
  })

  it('calls nothing missing that got on chain after the last block compared', async () => {
    await open()
    await someVersions()
    const { report: before } = await reconcile()
    await office.client.upload(paymentRequests(5, 'LATE'))
    await settled()
    relay.faults.alter = ({ method }, result) =>
      method === 'eth_blockNumber' ? `0x${before.block.toString(16)}` : result
    const { code, report } = await reconcile()
    expect(report).to.deep.include({ same: 33, waiting: 5, counts: NOTHING })
    expect(code).to.equal(0)
  })

  it('knows an anchored root that the office does not know to be mined; nothing is anchored twice meanwhile', async () => {
    await open({ TAX_OFFICE_TIER: 'anchor' }, 50)
    relay.faults.alter = ({ method }, result) => (method === 'eth_getTransactionReceipt' ? null : result)
    await office.client.upload(paymentRequests(5))
    await eventually('it is sent', async () => (await office.client.uploads()).sent === 5)
    // Long enough to take the nonce for one that somebody else used.
    await sleep(3_500)
    const { code, report } = await reconcile()
    expect(report).to.deep.include({ same: 5, repeated: 0, waiting: 0, unknownRoots: [], isComplete: true })
    expect(code).to.equal(0)
    relay.faults.alter = undefined
    await settled()
    expect((await reconcile()).report).to.deep.include({ same: 5, repeated: 0, unknownRoots: [] })
  })

  it('calls nothing missing that is on its way', async () => {
    await open()
    await someVersions()
    await home.chain.request('evm_setAutomine', [false])
    await office.client.upload(paymentRequests(5, 'LATE'))
    const { code, report } = await reconcile()
    expect(report).to.deep.include({ same: 33, waiting: 5, counts: NOTHING })
    expect(code).to.equal(0)
  })

  it('says that a node left events out, and goes by the slots', async () => {
    await open()
    await someVersions()
    const dropped = orderKeyOf('ORDER-7')
    relay.faults.dropLog = ({ topics }) => String(topics).includes(dropped)
    const { code, report } = await reconcile()
    expect(report).to.deep.include({
      isComplete: false,
      same: 33,
      counts: NOTHING,
    })
    expect(code).to.equal(1)
    tamper('UPDATE payments SET amount_minor = 3 WHERE order_key = ?', hexToBytes(dropped))
    expect((await reconcile()).report.counts).to.deep.equal({ ...NOTHING, altered: 1 })
    invent('INVENTED')
    expect(await reconcile()).to.deep.nested.include({
      code: 2,
      'report.isComplete': false,
      'report.counts': { ...NOTHING, missing: 1, altered: 1 },
    })
  })

  for (const tier of ['publish', 'anchor'])
    it(`calls nothing missing while a node leaves events out, of payments put on chain by ${tier}`, async () => {
      await open({ TAX_OFFICE_TIER: tier })
      await someVersions()
      const { report: before } = await reconcile()
      await office.client.upload(paymentRequests(5, 'LATE'))
      await settled()
      relay.faults.dropLog = ({ blockNumber }) => Number(blockNumber) > before.block
      const { code, report } = await reconcile()
      expect(code).to.equal(1)
      expect(report).to.deep.include({
        ...{ isComplete: false, checked: 38, same: 33, waiting: 0, missing: [], unknownRoots: [] },
        counts: { ...NOTHING, unread: 5 },
      })
      expect(report.unread).to.have.deep.members(
        paymentRequests(5, 'LATE').map(({ orderId }) => ({
          orderId,
          orderKey: orderKeyOf(orderId),
          version: 1,
        })),
      )
      invent('INVENTED')
      const table = await runScript(office, 'reconcile', []).ended
      expect(table.code).to.equal(1)
      expect(table.stdout).to.match(/unread .*INVENTED .*in no event that the node gave/)
      expect(table.stderr).to.contain('the node left events out; ask another node or again later.')
      expect(table.stderr).to.contain('nor whether the 6 unread are on chain')
      tamper("UPDATE payments SET currency = 'USD' WHERE order_key = ?", hexToBytes(orderKeyOf('ORDER-2')))
      relay.faults.dropLog = undefined
      const whole = await reconcile()
      expect(whole.code).to.equal(2)
      expect(whole.report).to.deep.include({
        ...{ isComplete: true, unread: [] },
        missing: [{ orderId: 'INVENTED', orderKey: orderKeyOf('INVENTED'), version: 1 }],
      })
    })

  it('holds a file against the database', async () => {
    await open()
    const files = writePaymentFile(office.folder, 50, { visibility: 'sealed' })
    await runUpload(office, files).ended
    const named = ['--file', files.file, '--mapping', files.mapping]
    expect((await reconcile(...named)).code).to.equal(0)
    writePaymentFile(office.folder, 51, { visibility: 'sealed' })
    tamper('UPDATE payments SET period = ? WHERE order_key = ?', '1999', hexToBytes(orderKeyOf('N-3')))
    const { code, report } = await reconcile(...named)
    expect(code).to.equal(2)
    expect(report.files[0]!.findings).to.deep.equal([
      { line: 4, orderId: 'N-3', found: 'altered' },
      { line: 52, orderId: 'N-51', found: 'missing' },
    ])
  })

  it('says in a table what it found', async () => {
    await open()
    await someVersions()
    tamper('UPDATE payments SET amount_minor = 5 WHERE order_key = ?', hexToBytes(orderKeyOf('ORDER-2')))
    const { code, stdout, stderr } = await runScript(office, 'reconcile', []).ended
    expect(code).to.equal(2)
    expect(stdout).to.contain('amountMinor: chain 101, database 5')
    expect(stderr).to.contain('there are no others')
  })
})
