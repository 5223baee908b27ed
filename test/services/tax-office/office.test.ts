import { expect } from 'chai'
import { type Bytes32, bytesToHex, hexToBytes } from '../../../protocol/hex.ts'
import { readLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { netAmount } from '../../../protocol/payments/net-amount.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { NO_PREVIOUS_DIGEST } from '../../../protocol/payments/payment-digest.ts'
import { type PaymentOnChain, paymentEntry } from '../../../protocol/payments/payment-entry.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { openPayment } from '../../../protocol/payments/payment-seal.ts'
import { readPublicPayment } from '../../../protocol/payments/public-payment.ts'
import { merkleRootOf } from '../../../protocol/record-book.ts'
import type { PaymentOutcome, UploadState } from '../../../scripts/cli/tax-office-client.ts'
import { eventually } from '../../support/eventually.ts'
import { rawHttp } from '../../support/raw-http.ts'
import {
  entriesOf,
  type Neighbourhood,
  OFFICE,
  OTHER_OFFICE_KEY,
  paymentRegistry,
  paymentRequest,
  paymentRequests,
  recordedPayments,
  settleOffice,
} from './office-fixture.ts'

describe('tax office', () => {
  let home: Neighbourhood

  const open = async (env: Record<string, string> = {}): Promise<void> => {
    home = await settleOffice(env)
    await home.office.start()
  }
  afterEach(() => home.end())

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${home.office.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${home.office.apiKey}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(body),
    })
  const pay = async (body: unknown, headers: Record<string, string> = {}) => {
    const response = await post('/v1/payments', body, headers)
    return { status: response.status, body: (await response.json()) as PaymentOutcome & { code: string } }
  }
  const settled = () =>
    eventually(
      'everything is on chain',
      async () => {
        const { queued, sent } = await home.office.client.uploads()
        return queued + sent === 0
      },
      30_000,
    )
  const onChain = () => recordedPayments(home.chain.url, home.contracts.PaymentRecordRegistry)
  const place = () => ({
    chainId: home.chain.chainId,
    registry: home.contracts.PaymentRecordRegistry,
    office: OFFICE,
  })
  const codeOf = async (orderId: string) =>
    readLookupCode((await home.office.client.slips([orderId]))[0]!.lookupCode!)

  const read = async (orderId: string, payments: PaymentOnChain[]): Promise<PaymentRecord[]> => {
    const code = await codeOf(orderId)
    let previousDigest: Bytes32 = NO_PREVIOUS_DIGEST
    return payments
      .filter(({ orderKey }) => orderKey === orderKeyOf(orderId))
      .sort((a, b) => a.version - b.version)
      .map((payment) => {
        const record = openPayment({ ...payment, orderId, previousDigest, place: place() }, code)
        previousDigest = payment.digest
        return record
      })
  }

  describe('taking payments in', () => {
    beforeEach(() => open())

    it('puts a payment on chain, where the code of its slip opens it', async () => {
      const request = paymentRequest({ payerTag: 'P-4711', fields: { note: 'first half' } })
      const { status, body } = await pay(request)
      expect(status).to.equal(200)
      expect(body).to.include({ outcome: 'queued', orderKey: orderKeyOf('ORDER-1'), version: 1 })
      await settled()
      const [payment, ...others] = await onChain()
      expect(others).to.deep.equal([])
      expect(payment!.digest).to.equal(body.digest)
      expect(await read('ORDER-1', [payment!])).to.deep.equal([{ ...request, version: 1 }])
    })

    it('lets everybody read what is public', async () => {
      const request = paymentRequest({ visibility: 'public' })
      await pay(request)
      await settled()
      const { visibility: _, ...record } = request
      const [payment] = await onChain()
      expect(
        readPublicPayment({
          ...payment!,
          orderId: 'ORDER-1',
          previousDigest: NO_PREVIOUS_DIGEST,
          place: place(),
        }),
      ).to.deep.equal({ ...record, version: 1 })
    })

    it('takes the same payment twice as once, also at the same time', async () => {
      const request = paymentRequest()
      const replies = await Promise.all(Array.from({ length: 10 }, () => pay(request)))
      expect(replies.map(({ status }) => status)).to.deep.equal(Array(10).fill(200))
      expect(new Set(replies.map(({ body }) => body.digest)).size).to.equal(1)
      expect(replies.filter(({ body }) => body.outcome === 'queued')).to.have.length(1)
      await settled()
      expect(await onChain()).to.have.length(1)
    })

    it('refuses another payment under the same order', async () => {
      await pay(paymentRequest())
      for (const change of [{ amountMinor: 1 }, { payerTag: 'P-1' }, { visibility: 'public' as const }]) {
        const { status, body } = await pay(paymentRequest(change))
        expect(status).to.equal(409)
        expect(body.code).to.equal('PAYMENT_ORDER_CONFLICT')
      }
      await settled()
      expect(await onChain()).to.have.length(1)
    })

    it('chains a correction, a refund and a reversal to the payment', async () => {
      await pay(paymentRequest({ amountMinor: 1_000 }))
      await pay(paymentRequest({ follows: 1, kind: 'correction', amountMinor: 900 }))
      await pay(paymentRequest({ follows: 2, kind: 'refund', amountMinor: 100 }))
      await pay(paymentRequest({ follows: 3, kind: 'reversal', amountMinor: 800 }))
      await settled()
      const records = await read('ORDER-1', await onChain())
      expect(records.map(({ version, kind }) => `${version} ${kind}`)).to.deep.equal([
        '1 payment',
        '2 correction',
        '3 refund',
        '4 reversal',
      ])
      expect([1, 2, 3, 4].map((count) => netAmount(records.slice(0, count)))).to.deep.equal([
        1_000, 900, 800, 0,
      ])
      const { versions } = await home.office.client.order(orderKeyOf('ORDER-1'))
      expect(versions.map(({ state }) => state)).to.deep.equal(Array(4).fill('final'))
    })

    it('refuses an amendment that skips a version, names none, or is of an order it does not have', async () => {
      await pay(paymentRequest())
      const refused = async (change: Parameters<typeof paymentRequest>[0]) =>
        (await pay(paymentRequest(change))).body.code
      expect(await refused({ follows: 2, kind: 'correction' })).to.equal('PAYMENT_VERSION_SKIPPED')
      expect(await refused({ kind: 'correction' })).to.equal('PAYMENT_INVALID')
      expect(await refused({ orderId: 'ORDER-9', follows: 1, kind: 'refund' })).to.equal(
        'PAYMENT_VERSION_SKIPPED',
      )
      expect((await pay(paymentRequest({ follows: 1, kind: 'correction', amountMinor: 5 }))).status).to.equal(
        200,
      )
      expect(await refused({ follows: 1, kind: 'correction', amountMinor: 6 })).to.equal(
        'PAYMENT_ORDER_CONFLICT',
      )
      await settled()
      expect(await onChain()).to.have.length(2)
    })

    it('refuses to correct an order that has refunds only; a reversal and another refund do', async () => {
      const refund = { orderId: 'BACK', kind: 'refund' as const }
      await pay(paymentRequest(refund))
      const { status, body } = await pay(
        paymentRequest({ ...refund, follows: 1, kind: 'correction', amountMinor: 5 }),
      )
      expect(status).to.equal(422)
      expect(body).to.include({ code: 'PAYMENT_INVALID', member: 'kind' })
      await pay(paymentRequest({ ...refund, follows: 1, kind: 'reversal' }))
      await pay(paymentRequest({ ...refund, follows: 2, amountMinor: 5 }))
      await settled()
      expect(netAmount(await read('BACK', await onChain()))).to.equal(-5)
    })

    it('is no office whose orders another one could amend', async () => {
      await pay(paymentRequest())
      await settled()
      const { registry, provider } = paymentRegistry(
        home.chain.url,
        home.contracts.PaymentRecordRegistry,
        OTHER_OFFICE_KEY,
      )
      try {
        const [first] = await onChain()
        const error = await registry
          .getFunction('recordPayment')
          .staticCall(first!.orderKey, 2, first!.digest, first!.payload)
          .catch((failure) => failure)
        expect(error.revert?.name).to.equal('PaymentVersionSkipped')
      } finally {
        provider.destroy()
      }
    })

    const BAD: [string, Record<string, unknown>, string][] = [
      ['an unknown currency', { currency: 'XTS' }, 'currency'],
      ['an amount that is no safe integer', { amountMinor: 2 ** 53 }, 'amountMinor'],
      ['an amount with decimals', { amountMinor: 1.5 }, 'amountMinor'],
      ['a negative amount', { amountMinor: -1 }, 'amountMinor'],
      ['a date that does not exist', { paidAt: '2025-02-29' }, 'paidAt'],
      ['fields past the limit', { fields: { note: 'x'.repeat(513) } }, 'fields'],
      ['a payer tag past the limit', { payerTag: 'x'.repeat(65) }, 'payerTag'],
      ['an order id past the limit', { orderId: 'x'.repeat(97) }, 'orderId'],
      ['a payer tag that everybody could read', { visibility: 'public', payerTag: 'P-1' }, 'payerTag'],
      ['a member that nobody knows', { paid: true }, 'record'],
      ['a version of its own', { version: 3 }, 'version'],
    ]
    for (const [what, change, member] of BAD)
      it(`refuses ${what}, naming the member`, async () => {
        const { status, body } = await pay({ ...paymentRequest(), ...change })
        expect(status).to.be.within(400, 422)
        expect(body).to.include({ code: 'PAYMENT_INVALID', member })
        expect((await home.office.client.uploads()).payments).to.equal(0)
      })

    it('answers each row of a batch for itself', async () => {
      const known = paymentRequest({ orderId: 'A' })
      await pay(known)
      const outcomes = await home.office.client.upload([
        paymentRequest({ orderId: 'B' }),
        known,
        paymentRequest({ orderId: 'C', currency: 'NIX' }),
        paymentRequest({ orderId: 'D' }),
        paymentRequest({ orderId: 'D', follows: 1, kind: 'refund', amountMinor: 5 }),
        paymentRequest({ orderId: 'D' }),
        paymentRequest({ orderId: 'D', amountMinor: 7 }),
        'nothing' as unknown as object,
      ])
      expect(outcomes.map(({ outcome, version, code }) => [outcome, version ?? code])).to.deep.equal([
        ['queued', 1],
        ['duplicate', 1],
        ['refused', 'PAYMENT_INVALID'],
        ['queued', 1],
        ['queued', 2],
        ['duplicate', 1],
        ['refused', 'PAYMENT_ORDER_CONFLICT'],
        ['refused', 'PAYMENT_INVALID'],
      ])
      await settled()
      expect(await read('D', await onChain())).to.have.length(2)
    })

    it('refuses a batch of none or too many', async () => {
      for (const body of [{}, { payments: [] }, { payments: Array(1_001).fill({}) }, { payments: {} }])
        expect((await post('/v1/payment-batches', body)).status).to.equal(400)
      // Announced only: a client that still sends may miss the answer.
      const head = [
        'POST /v1/payment-batches HTTP/1.1',
        'host: office',
        `authorization: Bearer ${home.office.apiKey}`,
        'content-type: application/json',
        'content-length: 4200000',
      ]
      const { status } = await rawHttp(home.office.url, Buffer.from(`${head.join('\r\n')}\r\n\r\n`))
      expect(status).to.equal(413)
    })

    it('takes an Idempotency-Key for one request only', async () => {
      const headers = { 'idempotency-key': 'once' }
      expect((await pay(paymentRequest(), headers)).body.outcome).to.equal('queued')
      expect((await pay(paymentRequest(), headers)).body.outcome).to.equal('duplicate')
      const other = await pay(paymentRequest({ orderId: 'OTHER' }), headers)
      expect([other.status, other.body.code]).to.deep.equal([422, 'IDEMPOTENCY_KEY_REUSED'])
    })

    it('takes an Idempotency-Key for one of several requests at once', async () => {
      // Requests of one round are looked at before any of them is on disk, on connections that are there.
      for (let round = 0; round < 20; round++) {
        const headers = { 'idempotency-key': `round ${round}` }
        const requests = paymentRequests(10, `ROUND-${round}`)
        const replies = await Promise.all(requests.map((request) => pay(request, headers)))
        expect(replies.map(({ status, body }) => body.code ?? status).sort()).to.deep.equal([
          200,
          ...Array(9).fill('IDEMPOTENCY_KEY_REUSED'),
        ])
      }
      expect((await home.office.client.uploads()).payments).to.equal(20)
    })

    it('keeps versions in order across transactions', async () => {
      await home.office.client.upload(paymentRequests(300))
      for (let version = 1; version < 6; version++)
        await home.office.client.upload(
          paymentRequests(300).map((request) => ({
            ...request,
            follows: version,
            kind: 'correction',
            amountMinor: version,
          })),
        )
      await settled()
      expect(await onChain()).to.have.length(1_800)
      expect(await home.office.client.uploads()).to.include({ conflict: 0, final: 1_800 })
    })
  })

  describe('its API keys', () => {
    beforeEach(() => open())

    it('are needed for everything but anchored roots', async () => {
      for (const path of ['/v1/uploads', `/v1/payments/${orderKeyOf('ORDER-1')}`])
        expect((await fetch(`${home.office.url}${path}`)).status).to.equal(401)
      for (const path of ['/v1/payments', '/v1/payment-batches', '/v1/slips'])
        expect(
          (await post(path, {}, { authorization: `Bearer cs_${'0'.repeat(16)}_${'A'.repeat(43)}` })).status,
        ).to.equal(401)
    })

    it('give no code to one who may only upload, and take nothing from one who may only print slips', async () => {
      await pay(paymentRequest())
      const as = (key: string) => ({ authorization: `Bearer ${key}` })
      const slips = await post(
        '/v1/slips',
        { orderIds: ['ORDER-1'] },
        as(home.office.issueKey('uploads', ['upload'])),
      )
      expect([slips.status, ((await slips.json()) as { code: string }).code]).to.deep.equal([
        403,
        'SCOPE_MISSING',
      ])
      const paid = await post('/v1/payments', paymentRequest(), as(home.office.issueKey('prints', ['slips'])))
      expect(paid.status).to.equal(403)
    })
  })

  describe('slips', () => {
    beforeEach(() => open())

    it('have the same code however often an order is amended or asked for', async () => {
      await pay(paymentRequest())
      const [before] = await home.office.client.slips(['ORDER-1'])
      await pay(paymentRequest({ follows: 1, kind: 'correction', amountMinor: 1 }))
      const [after] = await home.office.client.slips([' ORDER-1 '])
      expect(after).to.deep.equal(before)
      const url = new URL(after!.url!)
      expect(url.search).to.equal('')
      expect(Object.fromEntries(new URLSearchParams(url.hash.slice(1)))).to.deep.equal({
        o: 'ORDER-1',
        c: after!.lookupCode,
      })
    })

    it('tell orders that nobody knows from the others', async () => {
      await pay(paymentRequest())
      const slips = await home.office.client.slips(['NONE', 'ORDER-1', '\u0000'])
      expect(slips.map(({ code }) => code)).to.deep.equal([
        'PAYMENT_UNKNOWN',
        undefined,
        'ORDER_ID_MALFORMED',
      ])
    })

    it('are not for any cache', async () => {
      const response = await post('/v1/slips', { orderIds: ['ORDER-1'] })
      expect(response.headers.get('cache-control')).to.equal('no-store')
    })
  })

  describe('its tiers', () => {
    for (const tier of ['publish', 'anchor'] as const)
      it(`puts payments on chain by ${tier}`, async () => {
        await open({ TAX_OFFICE_TIER: tier, TAX_OFFICE_MAX_BATCH: '5000' })
        const requests = paymentRequests(1_500)
        for (let i = 0; i < requests.length; i += 500)
          await home.office.client.upload(requests.slice(i, i + 500))
        await settled()
        expect(await home.office.client.uploads()).to.include({ tier, final: 1_500, conflict: 0 })
        const payments = tier === 'publish' ? await onChain() : await anchored()
        expect(payments).to.have.length(1_500)
        expect(new Set(entriesOf(payments)).size).to.equal(1_500)
        expect(await read('ORDER-7', payments)).to.have.length(1)
      })

    async function anchored(): Promise<PaymentOnChain[]> {
      const { registry, provider } = paymentRegistry(home.chain.url, home.contracts.PaymentRecordRegistry)
      try {
        const logs = await registry.queryFilter(registry.filters.Anchored!(null, OFFICE), 0)
        const manifests = await Promise.all(
          logs.map(async ({ topics }) => {
            const response = await fetch(`${home.office.url}/v1/anchors/${topics[1]}`)
            const { payments } = (await response.json()) as { payments: PaymentOnChain[] }
            expect(merkleRootOf(payments.map(paymentEntry))).to.equal(topics[1])
            return payments
          }),
        )
        return manifests.flat()
      } finally {
        provider.destroy()
      }
    }

    it('has gas enough for its first anchor, of one payment and with the longest URL', async () => {
      const url = `https://${'o'.repeat(183)}.example`
      expect(url).to.have.length(199)
      await open({ TAX_OFFICE_TIER: 'anchor', TAX_OFFICE_PUBLIC_URL: url })
      await pay(paymentRequest())
      await settled()
      expect(Number(await home.chain.request('eth_getTransactionCount', [OFFICE, 'latest']))).to.equal(1)
    })

    it('does not change the tier of a database', async () => {
      await open()
      await home.office.end('SIGTERM')
      const failure = await home.office.start({ TAX_OFFICE_TIER: 'publish' }).catch((error) => error)
      expect(failure.message).to.contain('CONFIGURATION_INVALID').and.contain('TAX_OFFICE_TIER')
    })
  })

  it('does not start with another secret than its database was made with', async () => {
    await open()
    await home.office.end('SIGTERM')
    const secret = 'ab'.repeat(32)
    const failure = await home.office.start({ TAX_OFFICE_SECRET: secret }).catch((error) => error)
    expect(failure.message).to.contain('TAX_OFFICE_SECRET').and.not.contain(secret)
    await home.office.start()
  })

  it('takes no more than may wait for the chain', async () => {
    await open({ TAX_OFFICE_MAX_WAITING: '100' })
    await home.chain.request('evm_setAutomine', [false])
    await home.office.client.upload(paymentRequests(100))
    const { status, body } = await pay(paymentRequest({ orderId: 'ONE-MORE' }))
    expect([status, body.code]).to.deep.equal([503, 'NOT_READY'])
    await home.chain.request('evm_setAutomine', [true])
    await home.chain.request('evm_mine')
    await settled()
    await eventually(
      'there is room',
      async () => (await pay(paymentRequest({ orderId: 'ONE-MORE' }))).status === 200,
    )
  })

  it('describes itself, is ready, and counts', async () => {
    await open()
    await pay(paymentRequest())
    await settled()
    const document = (await (await fetch(`${home.office.url}/openapi.json`)).json()) as { paths: object }
    expect(Object.keys(document.paths)).to.include.members([
      '/v1/payments',
      '/v1/payment-batches',
      '/v1/payments/{orderKey}',
      '/v1/uploads',
      '/v1/slips',
      '/v1/anchors/{root}',
    ])
    for (const path of ['/healthz', '/readyz'])
      expect((await fetch(`${home.office.url}${path}`)).status).to.equal(200)
    expect(await (await fetch(`${home.office.url}/metrics`)).text()).to.match(
      /countersign_tax_office_payments_total\{.*outcome="queued".*\} 1/,
    )
    const state: UploadState = await home.office.client.uploads()
    expect(state).to.include({ office: OFFICE, payments: 1, queued: 0, sent: 0, final: 1, conflict: 0 })
    expect(bytesToHex(hexToBytes(state.registry))).to.equal(
      home.contracts.PaymentRecordRegistry.toLowerCase(),
    )
  })
})
