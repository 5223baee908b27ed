import { expect } from 'chai'
import { eventually } from '../../../support/eventually.ts'
import { type EvidenceAnswer, type Neighbourhood, problem, settleEvidence } from '../evidence-fixture.ts'
import { fileOf, flipBit, verify } from '../verification/verifying.ts'
import { startReceiver } from './receiver.ts'

describe('notices', function () {
  this.timeout(60_000)
  let home: Neighbourhood
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  const server = () => home.server

  before(async () => {
    receiver = await startReceiver()
    home = await settleEvidence({ EVIDENCE_WEBHOOK_HOSTS: `127.0.0.1:${receiver.port}` })
    await server().start()
  })
  after(async () => {
    await home.end()
    receiver.close()
  })

  const put = (url: unknown, apiKey?: string): Promise<Response> =>
    server().request(
      '/v1/webhook',
      { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ url }) },
      apiKey,
    )
  const webhook = async (apiKey?: string): Promise<Record<string, unknown>> =>
    (await (await server().request('/v1/webhook', {}, apiKey)).json()) as Record<string, unknown>
  const tamper = async (content: string, apiKey?: string): Promise<EvidenceAnswer> => {
    const answer = await server().take(content, { query: '?wait=recorded', ...(apiKey && { apiKey }) })
    flipBit(fileOf(server(), answer.credential.credentialSubject.contentHash))
    return answer
  }

  it('are sent to the webhook of their client, signed, and to nobody else', async () => {
    const { secret } = (await (await put(receiver.url)).json()) as { secret: string }
    const stranger = server().issueKey('stranger')
    const theirs = await tamper('of somebody else', stranger)
    await server().request(
      `/v1/evidence/${theirs.credentialId}/verify`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ credential: theirs.credential }),
      },
      stranger,
    )
    const mine = await tamper('of this client')
    await verify(server(), mine)
    await eventually('sent', () => receiver.received.length > 0)
    const [document] = receiver.documents(secret) as { type: string; data: Record<string, string> }[]
    expect(document).to.deep.include({ type: 'evidence.failed' })
    expect(document!.data).to.include({ credentialId: mine.credentialId, verdict: 'tampered' })
    expect(receiver.received).to.have.length(1)
    // The receiver has it before the server knows.
    await eventually('delivered', async () => (await webhook()).pending === 0)
    expect(await webhook()).to.deep.include({ url: receiver.url, pending: 0, dead: 0, lastError: null })
    expect((await webhook(stranger)).code).to.equal('WEBHOOK_UNKNOWN')
  })

  it('are there after kill -9, and sent then', async () => {
    receiver.answer = (response) => void response.writeHead(503).end()
    const { secret } = (await (await put(receiver.url)).json()) as { secret: string }
    receiver.received.splice(0)
    const answer = await tamper('before the kill')
    await verify(server(), answer)
    await server().end('SIGKILL')
    expect(
      server().query('SELECT verdict FROM notices WHERE credential_id = ?', answer.credentialId),
    ).to.deep.equal([{ ...{ verdict: 'tampered' } }])
    receiver.answer = (response) => void response.writeHead(200).end()
    receiver.received.splice(0)
    await server().start()
    await eventually('sent', () => receiver.received.length > 0, 20_000)
    const [document] = receiver.documents(secret) as { data: Record<string, string> }[]
    expect(document!.data.credentialId).to.equal(answer.credentialId)
  })

  it('are listed oldest first, by pages, to their client alone', async () => {
    const page = async (query: string, apiKey?: string) =>
      (await (await server().request(`/v1/notices${query}`, {}, apiKey)).json()) as {
        notices: { noticeId: string; foundAt: string }[]
        nextCursor: string | null
      }
    const all = await page('')
    expect(all.notices.length).to.be.at.least(2)
    const first = await page('?limit=1')
    expect(first.nextCursor).to.equal(first.notices[0]!.noticeId)
    const second = await page(`?limit=1&cursor=${first.nextCursor}`)
    expect([...first.notices, ...second.notices]).to.deep.equal(all.notices.slice(0, 2))
    const stranger = server().issueKey('a newcomer')
    expect(await page('', stranger)).to.deep.equal({ notices: [], nextCursor: null })
    expect(
      await problem(await server().request(`/v1/notices?cursor=${first.nextCursor}`, {}, stranger)),
    ).to.include({
      status: 400,
      code: 'CURSOR_INVALID',
    })
  })

  it('are not sent where the operator does not allow', async () => {
    for (const url of [
      'http://127.0.0.1:1/',
      'https://hooks.example/',
      'http://169.254.169.254/latest',
      'x',
      '',
    ])
      expect((await put(url)).status, url).to.equal(400)
    for (const url of [
      1,
      null,
      undefined,
      [receiver.url],
      { href: receiver.url },
      `${receiver.url}/${'x'.repeat(3_000)}`,
    ])
      expect((await put(url)).status).to.equal(400)
  })

  it('end with the webhook', async () => {
    expect((await server().request('/v1/webhook', { method: 'DELETE' })).status).to.equal(204)
    expect(await problem(await server().request('/v1/webhook', { method: 'DELETE' }))).to.include({
      status: 404,
    })
    const sent = receiver.received.length
    await verify(server(), await tamper('after the webhook'))
    expect(server().query('SELECT * FROM webhook_deliveries')).to.deep.equal([])
    expect(receiver.received).to.have.length(sent)
  })

  it('refuse garbage in every parameter', async () => {
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'limit=1e9',
      'cursor=',
      'cursor=x',
      'cursor=%00',
      "cursor='--",
    ])
      expect((await server().request(`/v1/notices?${query}`)).status, query).to.equal(400)
    const key = server().issueKey('client', ['store', 'read', 'revoke'])
    for (const [method, route] of [
      ['GET', 'notices'],
      ['GET', 'webhook'],
      ['DELETE', 'webhook'],
      ['GET', 'rechecks'],
      ['POST', 'rechecks'],
    ])
      expect(
        (await server().request(`/v1/${route}`, { method: method! }, key)).status,
        `${method} ${route}`,
      ).to.equal(403)
  })
})
