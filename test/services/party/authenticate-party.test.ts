import { expect } from 'chai'
import { pino } from 'pino'
import { createServer, type HttpServer } from '../../../http/server.ts'
import { signRequest } from '../../../protocol/signed-request.ts'
import { authenticateParty } from '../../../services/party/authenticate-party.ts'
import { PROVIDER, PROXY, PROXY_KEY } from '../provider/provider-fixture.ts'

const PATH = '/v1/echo'

describe('authenticateParty', () => {
  let server: HttpServer

  beforeEach(async () => {
    server = (await createServer({ name: 'test', description: '', logger: pino({ level: 'silent' }) })).server
    await server.register(async (scope) => {
      const authentication = {
        directory: { isActive: () => true },
        role: 'proxy',
        self: PROVIDER,
        nonces: { take: async () => {} } as never,
      } as const
      authenticateParty(scope as never, authentication)
      scope.post(PATH, async (request) => request.body)
    })
  })
  afterEach(() => server.close())

  const post = (payload: Buffer) =>
    server.inject({
      method: 'POST',
      url: PATH,
      headers: {
        'content-type': 'application/json',
        ...signRequest({
          method: 'POST',
          path: PATH,
          body: payload,
          recipient: PROVIDER,
          sender: PROXY,
          privateKey: PROXY_KEY,
          expiresAt: Math.floor(Date.now() / 1000) + 30,
        }),
      },
      payload,
    })
  const documentOf = (...bytes: number[]) =>
    Buffer.concat([Buffer.from('{"name":"'), Buffer.from(bytes), Buffer.from('"}')])

  it('reads what was signed, in any script', async () => {
    const answer = await post(Buffer.from('{"name":"Ærø 稅 🧾"}'))
    expect([answer.statusCode, answer.json()]).to.deep.equal([200, { name: 'Ærø 稅 🧾' }])
  })

  // Each would read as U+FFFD: several signed bodies, one meaning.
  for (const [what, bytes] of [
    ['a byte that begins nothing', [0xff]],
    ['a sequence that is cut short', [0xe7, 0xa8]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ] as const)
    it(`refuses ${what}, though it is signed`, async () => {
      const answer = await post(documentOf(...bytes))
      expect([answer.statusCode, answer.json().code]).to.deep.equal([400, 'REQUEST_INVALID'])
      expect(answer.json().detail).to.equal('the body is not UTF-8')
    })
})
