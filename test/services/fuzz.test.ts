import { expect } from 'chai'
import fc from 'fast-check'
import { startProxyNetwork } from '../support/proxy-network.ts'
import { fuzzedRequest, type KnownValues, operationsOf } from '../support/request-fuzz.ts'
import { soundAnswer } from '../support/sound-answer.ts'
import { settleEvidence } from './evidence/evidence-fixture.ts'
import { paymentRequest, settleOffice } from './tax-office/office-fixture.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 300)
/** Some ask other parties and a chain, which share the machine. */
const ANSWER_MS = 10_000
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_121)

interface FuzzedService {
  url: string
  authorization: string
  known: KnownValues
  /** @throws an error when something is gone that had been acknowledged before */
  expectWhole(): Promise<void>
  end(): Promise<void>
}

const SERVICES: Record<string, () => Promise<FuzzedService>> = {
  'an evidence server': async () => {
    const { server, end } = await settleEvidence()
    await server.start()
    const answers = await Promise.all(['one', 'two', 'three'].map((content) => server.take(content)))
    const kept = await server.take('kept')
    return {
      url: server.url,
      authorization: `Bearer ${server.apiKey}`,
      known: {
        credentialId: answers.map(({ credentialId }) => credentialId),
        content: ['text', { a: 1 }, [], null],
        metadata: [{}, { name: 'a.json' }],
        name: ['a.pdf'],
        mediaType: ['text/plain'],
        validUntil: ['2030-01-01T00:00:00Z'],
        'idempotency-key': ['fuzzed-1', 'fuzzed-2'],
        // Nothing may be sent anywhere.
        url: ['https://127.0.0.1:1/', 'http://127.0.0.1:1/', 'not a url'],
        secret: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      },
      expectWhole: async () => {
        const content = await server.request(`/v1/evidence/${kept.credentialId}/content`)
        expect(await content.text()).to.equal('kept')
      },
      end,
    }
  },
  'a tax office': async () => {
    const { office, end } = await settleOffice()
    await office.start()
    const send = (body: unknown) =>
      fetch(`${office.url}/v1/payments`, {
        method: 'POST',
        headers: { authorization: `Bearer ${office.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const payment = paymentRequest()
    const { orderKey } = (await (await send(payment)).json()) as { orderKey: string }
    return {
      url: office.url,
      authorization: `Bearer ${office.apiKey}`,
      known: {
        orderKey: [orderKey],
        orderId: [payment.orderId, 'ORDER-2', 'ORDER-3'],
        period: ['2025', '2025-Q1', '2025-02', ''],
        currency: ['EUR', 'JPY', 'XXX'],
        paidAt: ['2025-03-31', '2025-02-30', '2025-03-31T01:02:03Z'],
        authority: [payment.authority],
        'idempotency-key': ['fuzzed-1', 'fuzzed-2'],
      },
      expectWhole: async () => {
        const again = (await (await send(payment)).json()) as { outcome: string }
        expect(again.outcome).to.equal('duplicate')
      },
      end,
    }
  },
  'a proxy': async () => {
    const network = await startProxyNetwork()
    const { url } = await network.startProxy()
    const authorization = network.authorization('user', 'auditor')
    const headers = { authorization, 'content-type': 'application/json' }
    const body = JSON.stringify({ type: 'loan', subject: { loanId: '1' } })
    const { serial } = (await (
      await fetch(`${url}/v1/queries`, { method: 'POST', headers, body })
    ).json()) as {
      serial: string
    }
    const provider = network.providers[0]!.address
    return {
      url,
      authorization,
      known: {
        serial: [serial],
        provider: [provider, provider.toLowerCase()],
        type: ['loan', 'pension'],
        subject: [{ loanId: '1' }, { loanId: 'x' }],
        id: [serial],
        'idempotency-key': ['fuzzed-1', 'fuzzed-2'],
      },
      expectWhole: async () => {
        const receipt = await fetch(`${url}/v1/receipts/${serial}/${provider}`, {
          headers: { authorization },
        })
        expect(receipt.status).to.equal(200)
      },
      end: () => network.close(),
    }
  },
}

for (const [name, start] of Object.entries(SERVICES))
  describe(`garbage in every part of a request to every route of ${name}`, () => {
    let service: FuzzedService
    before(async () => {
      service = await start()
    })
    after(() => service?.end())

    it(`is answered with problem documents, or well, and never keeps anyone waiting (${RUNS} runs)`, async function () {
      this.timeout(60_000 + RUNS * 100)
      const document = await (await fetch(`${service.url}/openapi.json`)).json()
      const statuses = new Map<number, number>()
      const requests = fuzzedRequest(document, operationsOf(document), service.known)
      await fc.assert(
        fc.asyncProperty(requests, fc.nat(9), async (request, lot) => {
          // Mostly as somebody who may ask; otherwise nothing past the first look was tried.
          const isKnown = lot > 0 && request.headers.every(([header]) => header !== 'authorization')
          const headers = isKnown
            ? [...request.headers, ['authorization', service.authorization] as [string, string]]
            : request.headers
          const { status } = await soundAnswer(service.url, { ...request, headers }, ANSWER_MS)
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
        }),
        { numRuns: RUNS, seed: SEED, endOnFailure: false },
      )
      const seen = JSON.stringify([...statuses])
      const well = [...statuses].reduce((sum, [status, count]) => sum + (status < 300 ? count : 0), 0)
      expect(well, seen).to.be.greaterThan(RUNS / 50)
      expect([...statuses.keys()], seen).to.include.members([400, 401, 404])
      await service.expectWhole()
      if (process.env.FUZZ_RUNS !== undefined) console.log(seen)
    })
  })
