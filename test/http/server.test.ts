import { expect } from 'chai'
import pino from 'pino'
import { listen } from '../../http/listen.ts'
import { createServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { expectRejection } from '../support/expect-error.ts'

const BODY = {
  type: 'object',
  required: ['count'],
  properties: { count: { type: 'integer' } },
  additionalProperties: false,
}

async function serverWithRoutes(notReady: string[] = []) {
  const { server } = await createServer({
    name: 'test',
    description: 'A server of tests.',
    logger: pino({ level: 'silent' }),
    notReady: () => notReady,
  })
  server.get('/v1/secret', () => {
    throw new Error('the password is swordfish')
  })
  server.get('/v1/refusal', () => {
    throw new CountersignError('SERIAL_MALFORMED', 'not a serial: "x"')
  })
  server.get('/v1/parts/:part', () => 'part')
  server.post('/v1/counts', { schema: { body: BODY } }, (request) => request.body)
  return server
}

describe('HTTP server', () => {
  it('answers an error of the catalogue as a problem document', async () => {
    const response = await (await serverWithRoutes()).inject('/v1/refusal')
    expect(response.statusCode).to.equal(400)
    expect(response.headers['content-type']).to.contain('application/problem+json')
    expect(response.json()).to.deep.include({
      type: 'https://countersign.example/errors#SERIAL_MALFORMED',
      status: 400,
      code: 'SERIAL_MALFORMED',
      detail: 'not a serial: "x"',
      retryable: false,
    })
  })

  it('hides the inside of what it did not expect', async () => {
    const response = await (await serverWithRoutes()).inject('/v1/secret')
    expect(response.statusCode).to.equal(500)
    expect(response.json()).to.include({ code: 'INTERNAL' })
    expect(response.body).to.not.contain('swordfish')
  })

  for (const [what, payload, status, code] of [
    ['a missing member', '{}', 400, 'REQUEST_INVALID'],
    ['an unknown member', '{"count":1,"other":2}', 400, 'REQUEST_INVALID'],
    ['a number as text', '{"count":"1"}', 400, 'REQUEST_INVALID'],
    ['broken JSON', '{"count":', 400, 'REQUEST_INVALID'],
    ['no body', '', 400, 'REQUEST_INVALID'],
    ['a body past the limit', `{"count":1${' '.repeat(70_000)}}`, 413, 'BODY_TOO_LARGE'],
  ] as const)
    it(`refuses ${what} with a problem document`, async () => {
      const response = await (await serverWithRoutes()).inject({
        method: 'POST',
        url: '/v1/counts',
        payload,
        headers: { 'content-type': 'application/json' },
      })
      expect([response.statusCode, response.json().code]).to.deep.equal([status, code])
    })

  it('refuses another media type', async () => {
    const response = await (await serverWithRoutes()).inject({
      method: 'POST',
      url: '/v1/counts',
      payload: 'count=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect([response.statusCode, response.json().code]).to.deep.equal([415, 'MEDIA_TYPE_UNSUPPORTED'])
  })

  for (const [what, url] of [
    ['a URL that is not one', '/v1/%ff'],
    ['a part of a URL that is too long', `/v1/parts/${'x'.repeat(300)}`],
  ] as const)
    it(`refuses ${what} with a problem document that does not repeat it`, async () => {
      const response = await (await serverWithRoutes()).inject(url)
      expect([response.statusCode, response.json().code]).to.deep.equal([400, 'REQUEST_INVALID'])
      expect(response.headers['content-type']).to.contain('application/problem+json')
      expect(response.body).to.not.contain('%ff').and.not.contain('xxx')
    })

  it('says that there is no such route', async () => {
    const response = await (await serverWithRoutes()).inject('/v1/nothing')
    expect([response.statusCode, response.json().code]).to.deep.equal([404, 'ROUTE_UNKNOWN'])
  })

  it('is alive and ready, or says why it is not ready', async () => {
    expect((await (await serverWithRoutes()).inject('/healthz')).statusCode).to.equal(200)
    expect((await (await serverWithRoutes()).inject('/readyz')).statusCode).to.equal(200)
    const response = await (await serverWithRoutes(['the chain is away'])).inject('/readyz')
    expect(response.statusCode).to.equal(503)
    expect(response.json().detail).to.contain('the chain is away')
  })

  it('says that its port is taken', async () => {
    const first = await serverWithRoutes()
    const port = Number(new URL(await listen(first, '127.0.0.1', 0)).port)
    await expectRejection(listen(await serverWithRoutes(), '127.0.0.1', port), 'PORT_TAKEN')
    await first.close()
  })

  it('describes itself, shows the description and counts', async () => {
    const server = await serverWithRoutes()
    const document = (await server.inject('/openapi.json')).json()
    expect(document).to.include({ openapi: '3.1.0' })
    expect(document.paths).to.include.keys('/v1/counts', '/healthz')
    expect((await server.inject('/metrics')).body).to.contain('countersign_http_request_seconds')
    const url = await server.listen({ port: 0 })
    const page = await fetch(`${url}/docs/`)
    expect(page.status).to.equal(200)
    expect(await page.text()).to.contain('<html')
    await server.close()
  })
})
