import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { openProxyStore } from '../../../services/proxy/store/proxy-store.ts'
import { expectError } from '../../support/expect-error.ts'
import { loanQuery, ProxyCaller } from '../../support/proxy-caller.ts'
import { type ProxyNetwork, type RunningProxy, startProxyNetwork } from '../../support/proxy-network.ts'

const run = promisify(execFile)
const COMMAND = new URL('../../../services/proxy/api-key.ts', import.meta.url).pathname

describe('proxy API keys', () => {
  let network: ProxyNetwork
  let proxy: RunningProxy

  before(async () => {
    network = await startProxyNetwork({ providers: 1 })
    proxy = await network.startProxy({ PROXY_RATE_PER_MINUTE: '5' })
  })
  after(() => network?.close())

  async function command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    try {
      const { stdout, stderr } = await run(process.execPath, [
        COMMAND,
        '--database',
        network.databaseFile,
        ...args,
      ])
      return { code: 0, stdout, stderr }
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string }
    }
  }

  const statusWith = async (authorization?: string): Promise<number> =>
    (await new ProxyCaller(proxy.url, authorization).send('GET', '/v1/query-types')).status

  describe('the command', () => {
    it('makes a key that works at once, lists it without its secret, and revokes it', async () => {
      const made = await command('--json', 'create', '--name', 'Ministry', '--scope', 'user', 'auditor')
      const { id, token, scopes } = JSON.parse(made.stdout)
      expect(token).to.match(/^cs_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/)
      expect(scopes).to.deep.equal(['user', 'auditor'])
      expect(await statusWith(`Bearer ${token}`)).to.equal(200)

      const listed = await command('list')
      expect(listed.stdout).to.include('Ministry').and.not.include(token.slice(20))
      expect((await command('revoke', id)).stdout).to.equal(`revoked ${id}\n`)
      expect(await statusWith(`Bearer ${token}`)).to.equal(401)
      expect((await command('revoke', id)).code).to.equal(3)
    })

    it('keeps only the hash of a secret', async () => {
      const { token } = JSON.parse((await command('--json', 'create', '--name', 'x')).stdout)
      const id = token.slice(3, 19)
      const stored = proxy.store.apiKeys.find(id)!
      expect(stored.secretHash).to.have.length(32)
      expect(Buffer.from(stored.secretHash).toString('latin1')).to.not.include(token.slice(20))
    })

    it('explains itself', async () => {
      expect((await command('--help')).stdout)
        .to.include('create')
        .and.include('revoke')
      expect((await command('create', '--name', 'x', '--scope', 'king')).code).to.equal(1)
    })
  })

  describe('a request', () => {
    it('needs a key that is right in every character', async () => {
      const right = network.authorization('user')
      const wrong = right.slice(0, -1) + (right.endsWith('A') ? 'B' : 'A')
      const caller = (authorization?: string) => new ProxyCaller(proxy.url, authorization)
      await caller().expectProblem('API_KEY_MISSING', 'POST', '/v1/queries', loanQuery())
      for (const authorization of [
        wrong,
        'Bearer nonsense',
        right.replace('Bearer', 'Basic'),
        right.replace(/cs_(.)/, (_, first) => `cs_${first === 'f' ? 'e' : 'f'}`),
      ]) {
        const reply = await caller(authorization).expectProblem(
          'API_KEY_INVALID',
          'POST',
          '/v1/queries',
          loanQuery(),
        )
        expect(reply.text).to.not.include(authorization.slice(10, 40))
      }
    })

    it('needs the scope', async () => {
      const auditor = new ProxyCaller(proxy.url, network.authorization('auditor'))
      await auditor.expectProblem('SCOPE_MISSING', 'POST', '/v1/queries', loanQuery())
    })

    it('is refused past the rate of its key, and of its key only', async () => {
      const eager = network.authorization('user')
      for (let n = 0; n < 5; n++) expect(await statusWith(eager)).to.equal(200)
      const refused = await new ProxyCaller(proxy.url, eager).expectProblem(
        'RATE_LIMITED',
        'GET',
        '/v1/query-types',
      )
      expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 60)
      expect(await statusWith(network.authorization('user'))).to.equal(200)
    })
  })

  describe('the database', () => {
    it('belongs to one proxy at a time', () => {
      expectError(() => openProxyStore(network.databaseFile), 'DATABASE_IN_USE')
    })
  })
})
