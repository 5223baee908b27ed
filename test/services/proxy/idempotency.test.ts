import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { loanQuery, ProxyCaller, type QueryReply } from '../../support/proxy-caller.ts'
import { type ProxyNetwork, startProxyNetwork } from '../../support/proxy-network.ts'
import { spawnProxy } from '../../support/proxy-process.ts'

describe('proxy idempotency', () => {
  let network: ProxyNetwork
  let authorization: string

  before(async () => {
    network = await startProxyNetwork({ providers: 1, batches: true })
    authorization = network.authorization('user')
  })
  after(() => network?.close())
  afterEach(() => {
    network.providers[0]!.misbehaviour = {}
  })

  const asked = () => network.providers[0]!.asked.length

  describe('Idempotency-Key', () => {
    let url: string
    let user: ProxyCaller
    before(async () => {
      const proxy = await network.startProxy({
        PROXY_DATABASE: network.databaseFile.replace('proxy.db', 'other.db'),
      })
      url = proxy.url
      const { ApiKeyStore } = await import('../../../services/party/api-keys/api-key-store.ts')
      expect(proxy.store.apiKeys).to.be.instanceOf(ApiKeyStore)
      const { createApiKey } = await import('../../../services/party/api-keys/api-key.ts')
      const { id, token, secretHash } = createApiKey()
      proxy.store.apiKeys.insert({ id, name: 'one', scopes: ['user'], secretHash, createdAt: 0 })
      user = new ProxyCaller(url, `Bearer ${token}`)
    })

    it('asks nobody twice, and repeats the answer byte for byte', async () => {
      const before = asked()
      const send = () =>
        user.send<QueryReply>('POST', '/v1/queries', loanQuery(), { 'idempotency-key': 'one question' })
      const first = await send()
      const second = await send()
      expect(second.text).to.equal(first.text)
      expect(first.headers.get('idempotency-replayed')).to.equal(null)
      expect(second.headers.get('idempotency-replayed')).to.equal('true')
      expect(asked()).to.equal(before + 1)
    })

    it('takes the same members in another order for the same request', async () => {
      const headers = { 'idempotency-key': 'order' }
      const first = await user.send(
        'POST',
        '/v1/queries',
        '{"type":"loan","subject":{"loanId":"1"}}',
        headers,
      )
      const second = await user.send(
        'POST',
        '/v1/queries',
        '{"subject":{"loanId":"1"},"type":"loan"}',
        headers,
      )
      expect(second.text).to.equal(first.text)
    })

    it('refuses another request with the same key', async () => {
      await user.ask({}, { 'idempotency-key': 'k' })
      await user.expectProblem(
        'IDEMPOTENCY_KEY_REUSED',
        'POST',
        '/v1/queries',
        loanQuery({ subject: { loanId: '9' } }),
        { 'idempotency-key': 'k' },
      )
    })

    it('refuses a repetition while the first is running, and serves it afterwards', async () => {
      const isAsked = Promise.withResolvers<void>()
      network.providers[0]!.misbehaviour = {
        get delayMs() {
          isAsked.resolve()
          return 1_500
        },
      }
      const headers = { 'idempotency-key': 'slow' }
      const first = user.ask({}, headers)
      await isAsked.promise
      await user.expectProblem('IDEMPOTENCY_KEY_BUSY', 'POST', '/v1/queries', loanQuery(), headers)
      const { serial } = await first
      expect((await user.ask({}, headers)).serial).to.equal(serial)
    })

    it('is free again after a request that failed', async () => {
      const headers = { 'idempotency-key': 'failed' }
      const wrong = loanQuery({ subject: {} })
      await user.expectProblem('QUERY_INVALID', 'POST', '/v1/queries', wrong, headers)
      await user.ask({}, headers)
    })

    it('is refused when malformed', async () => {
      const headers = { 'idempotency-key': 'x'.repeat(256) }
      await user.expectProblem('IDEMPOTENCY_KEY_MALFORMED', 'POST', '/v1/queries', loanQuery(), headers)
    })
  })

  describe('kill -9 in the middle', () => {
    it('keeps what was acknowledged, frees what was not, and lets the next process in', async function () {
      this.timeout(60_000)
      const first = await spawnProxy(network.environment)
      const user = new ProxyCaller(first.url, authorization)
      const acknowledged = await user.send<QueryReply>('POST', '/v1/queries', loanQuery(), {
        'idempotency-key': 'acknowledged',
      })
      network.providers[0]!.misbehaviour = { delayMs: 1_000 }
      const before = asked()
      const interrupted = user
        .send('POST', '/v1/queries', loanQuery(), { 'idempotency-key': 'interrupted' })
        .catch(() => 'connection lost')
      await sleep(300)
      await first.kill()
      expect(await interrupted).to.equal('connection lost')
      network.providers[0]!.misbehaviour = {}

      const second = await spawnProxy(network.environment)
      const again = new ProxyCaller(second.url, authorization)
      const replayed = await again.send('POST', '/v1/queries', loanQuery(), {
        'idempotency-key': 'acknowledged',
      })
      expect(replayed.text).to.equal(acknowledged.text)
      const retried = await again.ask({}, { 'idempotency-key': 'interrupted' })
      expect(retried.answers[0]!.outcome).to.equal('answered')
      expect(asked()).to.be.at.least(before + 1)
      const repeated = await again.ask({}, { 'idempotency-key': 'interrupted' })
      expect(repeated.serial).to.equal(retried.serial)
      expect(await second.stop()).to.equal(0)
    })

    it('loses no acknowledged answer in ten kills under load', async function () {
      this.timeout(120_000)
      const acknowledged = new Map<string, string>()
      for (let kill = 0; kill < 10; kill++) {
        const proxy = await spawnProxy(network.environment)
        const user = new ProxyCaller(proxy.url, authorization)
        let isDown = false
        const askOn = async () => {
          while (!isDown) {
            const reply = await user
              .send<QueryReply>('POST', '/v1/queries', loanQuery())
              .catch(() => undefined)
            if (reply?.status === 200) acknowledged.set(reply.body.serial, reply.text)
            if (reply === undefined) return
          }
        }
        const before = acknowledged.size
        const load = Array.from({ length: 8 }, askOn)
        // A process that has begun to answer, however slow the machine is.
        while (acknowledged.size < before + 6) await sleep(5)
        await sleep(20 * kill)
        await proxy.kill()
        isDown = true
        await Promise.all(load)
      }
      const proxy = await spawnProxy(network.environment)
      const user = new ProxyCaller(proxy.url, authorization)
      for (const [serial, text] of acknowledged)
        expect((await user.send('GET', `/v1/queries/${serial}`)).text).to.equal(text)
      expect(acknowledged.size).to.be.above(50)
      await proxy.kill()
    })
  })
})
