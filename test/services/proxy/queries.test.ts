import { expect } from 'chai'
import { randomBytes32 } from '../../../protocol/hex.ts'
import { parseReceipt, serializeReceipt, verifyReceipt } from '../../../protocol/receipt.ts'
import { loanQuery, ProxyCaller, type QueryReply } from '../../support/proxy-caller.ts'
import { type ProxyNetwork, type RunningProxy, startProxyNetwork } from '../../support/proxy-network.ts'

describe('proxy queries', () => {
  let network: ProxyNetwork
  let proxy: RunningProxy
  let user: ProxyCaller

  before(async () => {
    network = await startProxyNetwork({ providers: 3 })
    proxy = await network.startProxy({ PROXY_PROVIDER_DEADLINE_MS: '3000', PROXY_MAX_ANSWER_BYTES: '65536' })
    user = new ProxyCaller(proxy.url, network.authorization('user'))
  })
  after(() => network?.close())
  afterEach(() => {
    for (const provider of network.providers) provider.misbehaviour = {}
  })

  const entryOf = (reply: QueryReply, n: number) =>
    reply.answers.find(({ provider }) => provider === network.providers[n]!.address)!

  describe('POST /v1/queries', () => {
    it('asks every active provider of the type and hands out their signed receipts', async () => {
      const reply = await user.ask()
      expect(reply.answers.map(({ name }) => name)).to.deep.equal(['Lender 1', 'Lender 2', 'Lender 3'])
      for (const { outcome, receipt, provider } of reply.answers) {
        expect(outcome).to.equal('answered')
        expect(receipt!.author).to.equal(provider)
        const verification = await verifyReceipt(parseReceipt(serializeReceipt(receipt!)))
        expect(verification.verdict).to.equal('unconfirmed')
      }
    })

    it('hands receipts out in their canonical form, so that each can be cut out as a file', async () => {
      const { body, text } = await user.send<QueryReply>('POST', '/v1/queries', loanQuery())
      for (const { receipt } of body.answers) expect(text).to.include(serializeReceipt(receipt!).trim())
    })

    it('asks only the providers named', async () => {
      const { address } = network.providers[1]!
      const reply = await user.ask({ providers: [address.toLowerCase(), address] })
      expect(reply.answers.map(({ provider }) => provider)).to.deep.equal([address])
    })

    it('passes on neither result nor salt when only the digest is asked for', async () => {
      const reply = await user.ask({ disclosure: 'digest' })
      for (const { receipt } of reply.answers)
        expect(receipt).to.not.have.any.keys('result', 'salt', 'contentHash')
    })

    it('lets a slow provider spoil only its own entry', async () => {
      network.providers[0]!.misbehaviour = { delayMs: 6_000 }
      const startedAt = Date.now()
      const reply = await user.ask()
      expect(Date.now() - startedAt).to.be.below(5_500)
      expect(entryOf(reply, 0)).to.deep.include({ outcome: 'timed-out' })
      expect(entryOf(reply, 0).error!.code).to.equal('PROVIDER_TIMED_OUT')
      expect(entryOf(reply, 1).outcome).to.equal('answered')
      expect(entryOf(reply, 2).outcome).to.equal('answered')
    })

    it('passes on a refusal, bounded and stripped', async () => {
      network.providers[0]!.misbehaviour = {
        reply: {
          status: 403,
          body: JSON.stringify({
            type: 'https://provider.example/x',
            code: 'REQUEST_SENDER_UNKNOWN',
            title: 'Not\u001b[31m allowed',
            detail: 'x'.repeat(5_000),
            stack: 'internals',
          }),
        },
      }
      const { outcome, error } = entryOf(await user.ask(), 0)
      expect(outcome).to.equal('refused')
      expect(error).to.have.all.keys('title', 'status', 'detail', 'code', 'retryable')
      expect(error!.detail).to.have.length(300)
      expect(error!.title).to.equal('Not [31m allowed')
    })

    const liars: [string, ProxyNetwork['providers'][number]['misbehaviour'], RegExp][] = [
      [
        'a digest that is not of the result',
        { beforeSigning: () => ({ digest: randomBytes32() }) },
        /digest/,
      ],
      [
        'another result than it signed for',
        { afterSigning: (content) => ({ result: { serial: content.serial, found: false } }) },
        /hashes to/,
      ],
      [
        'a digest it did not sign',
        { afterSigning: ({ answeredAt }) => ({ answeredAt: answeredAt - 1 }) },
        /signature/,
      ],
      [
        'the receipt of another serial',
        { beforeSigning: () => ({ serial: '01ARZ3NDEKTSV4RRFFQ69G5FAV' }) },
        /another serial/,
      ],
      ['another chain', { beforeSigning: () => ({ chainId: 1 }) }, /registry/],
      [
        'another registry',
        { beforeSigning: () => ({ registry: '0x5FbDB2315678afecb367f032d93F642f64180aa3' }) },
        /registry/,
      ],
      [
        "another provider's name",
        { beforeSigning: () => ({ author: '0x5FbDB2315678afecb367f032d93F642f64180aa3' }) },
        /receipt is by/,
      ],
      ['a promise too far away', { promisedWithinS: 100_000 }, /promises to record/],
      ['a promise before the answer', { promisedWithinS: -30 }, /before it answered/],
      ['an answer of yesterday', { beforeSigning: () => ({ answeredAt: nowS() - 86_400 }) }, /answered at/],
      ['an error page', { reply: { status: 500, body: '<html>' } }, /500/],
      ['something that is no JSON', { reply: { status: 200, body: '{"receipt":' } }, /PROOF_FILE_INVALID/],
      ['a number', { reply: { status: 200, body: '7' } }, /PROOF_FILE_INVALID/],
      ['null', { reply: { status: 200, body: 'null' } }, /PROOF_FILE_INVALID/],
      ['an endless answer', { reply: { status: 200, body: `"${'x'.repeat(70_000)}"` } }, /longer than/],
    ]
    for (const [what, misbehaviour, reason] of liars)
      it(`calls ${what} invalid, and says why`, async () => {
        network.providers[2]!.misbehaviour = misbehaviour
        const reply = await user.ask()
        expect(entryOf(reply, 2).outcome).to.equal('invalid')
        expect(entryOf(reply, 2)).to.not.have.property('receipt')
        expect(entryOf(reply, 2).error!.detail).to.match(reason)
        expect(entryOf(reply, 0).outcome).to.equal('answered')
      })

    it('calls a result invalid that does not fit its schema, without showing it', async () => {
      network.providers[2]!.misbehaviour = { result: { found: true, balance: 1200, holder: 'Jane Doe' } }
      const { outcome, error } = entryOf(await user.ask(), 2)
      expect(outcome).to.equal('invalid')
      expect(error!.detail).to.include('result must').and.not.include('Jane')
    })

    it('calls a disclosed result invalid when only the digest was asked for', async () => {
      network.providers[2]!.misbehaviour = {
        afterSigning: ({ digest }) => ({
          disclosure: 'result',
          result: {},
          contentHash: digest,
          salt: digest,
        }),
      }
      expect(entryOf(await user.ask({ disclosure: 'digest' }), 2).error!.detail).to.equal(
        'it discloses the result, not the digest',
      )
    })

    it('refuses what it cannot ask', async () => {
      const post = (code: string, body: unknown) => user.expectProblem(code, 'POST', '/v1/queries', body)
      await post('QUERY_TYPE_UNKNOWN', { type: 'horoscope', subject: {} })
      await post('QUERY_TYPE_UNSERVED', { type: 'pension', subject: { loanId: '1' } })
      await post('PROVIDER_NOT_ACTIVE', {
        type: 'loan',
        subject: { loanId: '1' },
        providers: ['0x5FbDB2315678afecb367f032d93F642f64180aa3'],
      })
      await post('ADDRESS_MALFORMED', {
        type: 'loan',
        subject: { loanId: '1' },
        providers: ['0x5fbDB2315678afecb367f032d93F642f64180aa3'],
      })
      const invalid = await post('QUERY_INVALID', {
        type: 'loan',
        subject: { loanId: 'Jane Doe' },
        parameters: { currency: 'GBP' },
      })
      expect(invalid.text).to.include('#/properties/loanId/pattern').and.not.include('Jane')
    })

    it('answers garbage with problem documents', async () => {
      const post = (code: string, body: unknown, headers = {}) =>
        user.expectProblem(code, 'POST', '/v1/queries', body, headers)
      await post('REQUEST_INVALID', '{"type":')
      await post('REQUEST_INVALID', '[]')
      await post('REQUEST_INVALID', { type: 'loan' })
      await post('REQUEST_INVALID', { type: 'loan', subject: {}, extra: 1 })
      await post('REQUEST_INVALID', '{"type":"loan","subject":{"__proto__":{"x":1}}}')
      await post('BODY_TOO_LARGE', { type: 'loan', subject: { loanId: '1'.repeat(70_000) } })
      await post('MEDIA_TYPE_UNSUPPORTED', 'type=loan', { 'content-type': 'text/plain' })
      await user.expectProblem('ROUTE_UNKNOWN', 'GET', '/v1/nothing')
      await user.expectProblem('REQUEST_INVALID', 'GET', '/v1/queries/nonsense')
    })
  })

  describe('GET /v1/queries/{serial}', () => {
    it('gives what was answered then, byte for byte', async () => {
      network.providers[1]!.misbehaviour = { reply: { status: 200, body: '{}' } }
      const asked = await user.send<QueryReply>('POST', '/v1/queries', {
        type: 'loan',
        subject: { loanId: '12' },
      })
      const kept = await user.send('GET', `/v1/queries/${asked.body.serial}`)
      expect(kept.text).to.equal(asked.text)
    })

    it('shows users their own serials only, auditors all', async () => {
      const { serial } = await user.ask()
      const other = new ProxyCaller(proxy.url, network.authorization('user'))
      const auditor = new ProxyCaller(proxy.url, network.authorization('auditor'))
      await other.expectProblem('SERIAL_UNKNOWN', 'GET', `/v1/queries/${serial}`)
      await user.expectProblem('SERIAL_UNKNOWN', 'GET', '/v1/queries/01ARZ3NDEKTSV4RRFFQ69G5FAV')
      expect((await auditor.send('GET', `/v1/queries/${serial}`)).status).to.equal(200)
    })
  })

  describe('GET /v1/query-types', () => {
    it('lists the types with their schemas and who answers them', async () => {
      const { body } = await user.send<{
        queryTypes: { type: string; subject: object; providers: { name: string }[] }[]
      }>('GET', '/v1/query-types')
      expect(body.queryTypes.map(({ type }) => type)).to.deep.equal(['loan', 'pension'])
      expect(body.queryTypes[0]!.subject).to.have.nested.property('properties.loanId.pattern')
      expect(body.queryTypes[0]!.providers.map(({ name }) => name)).to.deep.equal([
        'Lender 1',
        'Lender 2',
        'Lender 3',
      ])
    })
  })

  describe('providers that come and go', () => {
    it('no longer asks a suspended provider, and asks it again once active', async () => {
      const { address } = network.providers[2]!
      await (await network.directory.getFunction('setStatus')(address, 2)).wait()
      await proxy.directory.refresh()
      expect((await user.ask()).answers).to.have.length(2)
      await (await network.directory.getFunction('setStatus')(address, 1)).wait()
      await proxy.directory.refresh()
      expect((await user.ask()).answers).to.have.length(3)
    })

    it('calls a provider unreachable whose server is gone', async () => {
      const gone = network.providers[2]!
      await gone.close()
      const entry = entryOf(await user.ask(), 2)
      expect(entry.outcome).to.equal('unreachable')
      expect(entry.error!.detail).to.equal('no connection (ECONNREFUSED)')
    })
  })
})

const nowS = (): number => Math.floor(Date.now() / 1000)
