import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { readProxyConfig } from '../../../services/proxy/config.ts'
import { expectError } from '../../support/expect-error.ts'
import { ProxyCaller, type QueryReply } from '../../support/proxy-caller.ts'
import { type ProxyNetwork, startProxyNetwork } from '../../support/proxy-network.ts'
import { spawnProxy } from '../../support/proxy-process.ts'

const run = promisify(execFile)
const REDOCLY = new URL('../../../node_modules/@redocly/cli/bin/cli.js', import.meta.url).pathname

describe('proxy operations', () => {
  let network: ProxyNetwork
  before(async () => {
    network = await startProxyNetwork({ providers: 1 })
  })
  after(() => network?.close())
  afterEach(() => {
    network.providers[0]!.misbehaviour = {}
  })

  it('describes itself in a valid OpenAPI document', async function () {
    this.timeout(60_000)
    const proxy = await network.startProxy({ PROXY_DATABASE: join(network.folder, 'openapi.db') })
    const document = await (await fetch(`${proxy.url}/openapi.json`)).text()
    const file = join(network.folder, 'openapi.json')
    writeFileSync(file, document)
    const { stdout, stderr } = await run(process.execPath, [REDOCLY, 'lint', '--extends=spec', file]).catch(
      (error) => error,
    )
    expect(`${stdout}${stderr}`).to.include('Your API description is valid')
    expect(Object.keys(JSON.parse(document).paths).filter((path) => path.startsWith('/v1/'))).to.deep.equal([
      '/v1/query-types',
      '/v1/queries',
      '/v1/queries/{serial}',
      '/v1/receipts/{serial}/{provider}',
      '/v1/audits',
      '/v1/audit-reports/{serial}/{provider}',
      '/v1/audit-campaigns',
      '/v1/audit-campaigns/{id}',
      '/v1/audit-campaigns/{id}/population',
    ])
  })

  it('counts queries, outcomes and verdicts, and names no person', async () => {
    const proxy = await network.startProxy({ PROXY_DATABASE: join(network.folder, 'metrics.db') })
    const { createApiKey } = await import('../../../services/party/api-keys/api-key.ts')
    const { id, token, secretHash } = createApiKey()
    proxy.store.apiKeys.insert({ id, name: 'metrics', scopes: ['user'], secretHash, createdAt: 0 })
    const user = new ProxyCaller(proxy.url, `Bearer ${token}`)
    const { serial } = await user.ask({ subject: { loanId: '9876543210' } })
    const provider = network.providers[0]!.address
    await user.send('POST', '/v1/audits', { serial, provider })
    const metrics = await (await fetch(`${proxy.url}/metrics`)).text()
    expect(metrics).to.include('countersign_proxy_queries_total{type="loan",service="proxy"} 1')
    expect(metrics).to.include(`outcomes_total{provider="${provider}",outcome="answered",service="proxy"} 1`)
    expect(metrics).to.include(
      `verdicts_total{provider="${provider}",verdict="consistent",service="proxy"} 1`,
    )
    expect(metrics).to.not.include('9876543210').and.not.include(serial).and.not.include(id)
  })

  describe('the process', () => {
    it('finishes what is under way on SIGTERM, and logs nothing personal', async function () {
      this.timeout(90_000)
      const proxy = await spawnProxy(network.environment)
      const authorization = network.authorization('user')
      const user = new ProxyCaller(proxy.url, authorization)
      const isAsked = Promise.withResolvers<void>()
      network.providers[0]!.misbehaviour = {
        get delayMs() {
          isAsked.resolve()
          return 400
        },
      }
      const asking = user.send<QueryReply>('POST', '/v1/queries', {
        type: 'loan',
        subject: { loanId: '9876543210' },
      })
      await isAsked.promise
      const code = proxy.stop()
      expect((await asking).body.answers[0]!.outcome).to.equal('answered')
      expect(await code).to.equal(0)
      expect(proxy.output()).to.include('proxy listens').and.include('(secret)')
      for (const secret of [
        '9876543210',
        '1200.50',
        authorization.slice(7),
        network.environment.COUNTERSIGN_PRIVATE_KEY!,
      ])
        expect(proxy.output()).to.not.include(secret)
    })

    it('starts while the chain of the directory is down, is not ready, and becomes so', async function () {
      this.timeout(90_000)
      const elsewhere = await startProxyNetwork({ providers: 1, anvil: { accounts: 5 } })
      try {
        const book = readFileSync(elsewhere.environment.COUNTERSIGN_ADDRESS_BOOK!, 'utf8')
        const deaf = join(elsewhere.folder, 'deaf.json')
        writeFileSync(deaf, book.replace(/http:[^"]+/, 'http://127.0.0.1:9'))
        const proxy = await elsewhere.startProxy({ COUNTERSIGN_ADDRESS_BOOK: deaf })
        const ready = await fetch(`${proxy.url}/readyz`)
        expect(ready.status).to.equal(503)
        expect((await ready.json()).detail).to.equal('the participant directory has not been read yet')
        const user = new ProxyCaller(proxy.url, elsewhere.authorization('user'))
        const body = { type: 'loan', subject: { loanId: '1' } }
        await user.expectProblem('DIRECTORY_UNAVAILABLE', 'POST', '/v1/queries', body)
        expect((await fetch(`${proxy.url}/healthz`)).status).to.equal(200)
      } finally {
        await elsewhere.close()
      }
    })

    it('refuses to start with a configuration that is not valid, naming every variable', async () => {
      const error = await spawnProxy({ PROXY_PORT: 'x', PROXY_CONNECTIONS: '0' }).catch((error) => error)
      expect(error.message).to.match(/CONFIGURATION_INVALID: .*PROXY_PORT.*PROXY_CONNECTIONS/)
    })

    it('refuses a database that another proxy has', async function () {
      this.timeout(90_000)
      const first = await spawnProxy(network.environment)
      const error = await spawnProxy(network.environment).catch((error) => error)
      expect(error.message).to.match(/DATABASE_IN_USE/)
      await first.kill()
    })
  })

  describe('readProxyConfig', () => {
    it('has a default for everything but the key', () => {
      expect(readProxyConfig({})).to.include({ HOST: '127.0.0.1', PROXY_PORT: 4010 })
    })

    it('refuses what it does not understand', () => {
      const error = expectError(
        () => readProxyConfig({ PROXY_MAX_PROMISE_S: '1e3' }),
        'CONFIGURATION_INVALID',
      )
      expect(error.message).to.include('PROXY_MAX_PROMISE_S')
    })
  })
})
