import { expect } from 'chai'
import { pino } from 'pino'
import { createApiServer } from '../../../indexer/api/server.ts'
import { addWebhookRoutes } from '../../../indexer/api/webhooks.ts'

const TOKEN = 't0ken'.repeat(8)

describe('admin token', () => {
  it('is not to be guessed faster than the rate allows', async () => {
    const { server } = await createApiServer({
      logger: pino({ level: 'silent' }),
      notReady: () => [],
      ratePerMinute: 3,
      corsOrigins: [],
      trustedProxies: [],
    })
    addWebhookRoutes(server, { delivery: { list: async () => [] } as never, adminToken: TOKEN })
    const ask = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` }
      return (await server.inject({ url: '/v1/webhooks', headers })).statusCode
    }
    expect([await ask('wrong'), await ask(TOKEN), await ask('wrong'), await ask('wrong')]).to.deep.equal([
      401, 200, 401, 429,
    ])
    await server.close()
  })
})
