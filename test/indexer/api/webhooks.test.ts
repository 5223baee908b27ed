import { expect } from 'chai'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { eventually } from '../../support/eventually.ts'
import { describeStores } from '../../support/stores.ts'
import { ADMIN_TOKEN, createFeedBed, type FeedBed } from '../feed/feed-bed.ts'
import { startFeedServer } from '../feed/feed-server.ts'
import { type Receiver, startReceiver } from '../webhooks/receiver.ts'

const PAUSES_MS = [60, 60, 60]
/** Of an attempt. A receiver in this process may be slow on a busy machine; what is sent twice is not as expected. */
const TIMEOUT_MS = 2_000

describeStores('webhooks', (engine) => {
  let bed: FeedBed
  let indexer: RunningIndexer
  let server: Awaited<ReturnType<typeof startFeedServer>>
  let receiver: Receiver

  beforeEach(async () => {
    bed = await createFeedBed(engine, 5)
    indexer = await bed.start()
    server = await startFeedServer(bed, indexer, {
      delivery: { retryPausesMs: PAUSES_MS, timeoutMs: TIMEOUT_MS },
    })
    receiver = await startReceiver()
    bed.keep(() => receiver.close(), receiver)
  })
  afterEach(() => bed.end())

  async function ask(method: string, path: string, body?: unknown, token: string | undefined = ADMIN_TOKEN) {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text), text }
  }
  async function create(options: object = {}, to = receiver) {
    const { status, body } = await ask('POST', '/v1/webhooks', {
      url: to.url,
      deliver: 'instant',
      ...options,
    })
    expect(status, JSON.stringify(body)).to.equal(201)
    to.secret = body.secret
    return body.webhook.id as string
  }
  const taken = (count: number, by = receiver) =>
    eventually(`${count} events were taken`, () => by.taken.length >= count)
  const shown = async (id: string) => (await ask('GET', `/v1/webhooks/${id}`)).body.webhook

  it('delivers each event, signed, as the stream tells it', async () => {
    const id = await create()
    const client = await bed.connect(server)
    await bed.other.publish(await bed.writer.recordBatch(3))
    await taken(7)
    await eventually('the stream has told it', () => client.events.length === 7)
    expect(receiver.taken.map(({ event }) => event.id).sort()).to.deep.equal(
      client.events.map((event) => event.id).sort(),
    )
    for (const { headers, event, body } of receiver.taken) {
      expect(headers['webhook-id']).to.equal(event.id)
      expect(headers['content-type']).to.equal('application/json')
      expect(event).to.deep.equal(client.events.find((told) => told.id === event.id))
      expect(body).to.not.include(receiver.secret!)
    }
    await eventually('nothing is pending', async () => (await shown(id)).pending === 0)
    await eventually('nothing is kept', async () => (await deliveriesOf(id, 'pending')).length === 0)
  })

  const deliveriesOf = (id: string, state: 'pending' | 'dead') =>
    (indexer.store as never as { listDeliveries(...args: unknown[]): Promise<unknown[]> }).listDeliveries(
      id,
      state,
      1_000,
    )

  it('tries again until it is taken: 500 three times, then 200', async () => {
    const id = await create()
    let failures = 3
    receiver.answer = () => (failures-- > 0 ? 500 : 200)
    await bed.writer.record()
    await taken(1)
    expect(receiver.deliveries).to.have.length(4)
    expect(new Set(receiver.deliveries.map(({ headers }) => headers['webhook-id'])).size).to.equal(1)
    const gaps = receiver.deliveries.slice(1).map(({ at }, i) => at - receiver.deliveries[i]!.at)
    for (const gap of gaps) expect(gap).to.be.at.least(58)
    await eventually('it is well again', async () => (await shown(id)).lastError === null)
  })

  it('makes a dead letter of what is never taken, and sends it again when asked', async () => {
    const id = await create()
    receiver.answer = ({ event }) => (event.type === 'record.added' ? 503 : 200)
    await bed.writer.record()
    await bed.writer.anchor(`0x${'ab'.repeat(32)}`, 1n)
    await taken(1)
    const listed = async () => (await ask('GET', `/v1/webhooks/${id}/dead-letters`)).body.deadLetters
    await eventually('it was given up', async () => (await listed()).length === 1)
    const [letter] = await listed()
    expect(letter).to.deep.include({ attempts: PAUSES_MS.length + 1, lastError: 'answered 503' })
    expect(letter.event).to.deep.equal(
      receiver.deliveries.find(({ event }) => event.id === letter.eventId)!.event,
    )
    receiver.answer = () => 200
    expect(
      (await ask('POST', `/v1/webhooks/${id}/dead-letters/${letter.eventId}/redeliver`)).status,
    ).to.equal(202)
    await taken(2)
    await eventually('it is none any more', async () => (await listed()).length === 0)
    const again = await ask('POST', `/v1/webhooks/${id}/dead-letters/${letter.eventId}/redeliver`)
    expect([again.status, again.body.code]).to.deep.equal([404, 'WEBHOOK_DELIVERY_UNKNOWN'])
  })

  it('delivers what is final only then, and both when asked', async () => {
    const final = await startReceiver()
    bed.keep(() => final.close(), final)
    await create({ deliver: 'final' }, final)
    await create({ deliver: 'both' })
    const base = await bed.snapshot()
    await bed.writer.record()
    await taken(1)
    await bed.branch(base, 2)
    await taken(5)
    expect(final.deliveries).to.deep.equal([])
    await bed.chain.request('anvil_mine', ['0x8'])
    await taken(3, final)
    await taken(8)
    expect(new Set(final.taken.map(({ event }) => event.type))).to.deep.equal(new Set(['record.final']))
    const types = receiver.taken.map(({ event }) => event.type)
    expect(types.filter((type) => type === 'record.retracted')).to.have.length(1)
    expect(types.filter((type) => type === 'record.added')).to.have.length(4)
    expect(types.slice(5)).to.deep.equal(Array(3).fill('record.final'))
    expect(
      receiver.taken
        .slice(5)
        .map(({ event }) => event.subject)
        .sort(),
    ).to.deep.equal(final.taken.map(({ event }) => event.subject).sort())
  })

  it('lets no retraction overtake what it retracts', async () => {
    // It is not given up, however long the chain takes for another branch.
    await server.stop()
    server = await startFeedServer(bed, indexer, {
      delivery: { retryPausesMs: Array(1_000).fill(60), timeoutMs: TIMEOUT_MS },
    })
    await create()
    let isDown = true
    receiver.answer = ({ event }) => (isDown && event.type === 'record.added' ? 500 : 200)
    const base = await bed.snapshot()
    await bed.writer.record()
    await eventually('it was tried', () => receiver.deliveries.length > 0)
    const [first] = receiver.deliveries
    await bed.branch(base, 2)
    await bed.caughtUp(indexer)
    await eventually('others were tried', () =>
      receiver.deliveries.some(({ event }) => event.id !== first!.event.id),
    )
    expect(receiver.deliveries.some(({ event }) => event.type === 'record.retracted')).to.equal(false)
    isDown = false
    await taken(5)
    const told = receiver.taken.map(({ event }) => event.id)
    const retraction = receiver.taken.find(({ event }) => event.type === 'record.retracted')!.event
    expect(retraction.retracts).to.equal(first!.event.id)
    expect(told.indexOf(retraction.id)).to.be.greaterThan(told.indexOf(first!.event.id))
  })

  it('reads from the beginning, by pages, and keeps few at a time', async function () {
    this.timeout(90_000)
    for (let i = 0; i < 8; i++) await bed.writer.recordBatch(150)
    await bed.caughtUp(indexer)
    // Each look reads all that is pending: one a delivery would take longer than the deliveries.
    receiver.answer = async () => {
      if (receiver.deliveries.length % 20 === 0)
        expect((await deliveriesOf(id, 'pending')).length).to.be.at.most(500)
      return 200
    }
    let id = ''
    id = await create({
      startAt: 'beginning',
      filter: { kind: ['record'], author: bed.writer.author.toLowerCase() },
    })
    await eventually('all were taken', () => receiver.taken.length >= 1_200, 60_000)
    expect(new Set(receiver.taken.map(({ event }) => event.subject)).size).to.equal(1_200)
    expect(receiver.taken).to.have.length(1_200)
    expect(receiver.mostAtOnce).to.be.at.most(4)
    const blocks = receiver.taken.map(({ event }) => event.data.block.number)
    // Four are on their way at a time, and may pass each other.
    const sorted = blocks.toSorted((a, b) => a - b)
    blocks.forEach((block, i) => {
      expect(block, `event ${i}`).to.be.within(sorted[Math.max(i - 50, 0)]!, sorted[i + 50] ?? sorted.at(-1)!)
    })
  })

  it('does not let one that is dead slow another', async () => {
    const dead = await startReceiver()
    bed.keep(() => dead.close(), dead)
    dead.answer = () => 'never'
    await create({}, dead)
    await create()
    const from = performance.now()
    await bed.writer.recordBatch(50)
    await taken(50)
    expect(performance.now() - from, 'less than two attempts of the dead one').to.be.below(2 * TIMEOUT_MS)
    expect(dead.mostAtOnce).to.be.at.most(4)
  })

  it('takes no answer for one within the time, follows no redirect, reads no long answer', async () => {
    const id = await create()
    const answers: [Parameters<typeof respond>[0], string][] = [
      ['never', `no answer within ${TIMEOUT_MS} ms`],
      [
        { status: 302, headers: { location: `http://127.0.0.1:${receiver.port}/elsewhere` }, body: '' },
        'answered 302',
      ],
    ]
    function respond(answer: 'never' | { status: number; headers: Record<string, string>; body: string }) {
      receiver.answer = () => answer
    }
    for (const [answer, error] of answers) {
      respond(answer)
      const { body } = await ask('POST', `/v1/webhooks/${id}/test`)
      expect(body).to.deep.include({ delivered: false, reason: error })
    }
    receiver.answer = () => ({ status: 200, headers: {}, body: 'x'.repeat(50_000_000) })
    const { body } = await ask('POST', `/v1/webhooks/${id}/test`)
    expect(body).to.deep.include({ delivered: true, status: 200 })
    await receiver.close()
    const refused = await ask('POST', `/v1/webhooks/${id}/test`)
    expect(refused.body).to.deep.equal({
      delivered: false,
      status: null,
      reason: 'no connection (ECONNREFUSED)',
    })
  })

  it('disables a webhook whose receiver is gone', async () => {
    const id = await create()
    receiver.answer = () => 410
    await bed.writer.record()
    await eventually('it is disabled', async () => (await shown(id)).disabledAt !== null)
    await bed.writer.record()
    await bed.caughtUp(indexer)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(receiver.deliveries).to.have.length(1)
    expect((await shown(id)).lastError).to.equal('answered 410 Gone')
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).to.match(/^countersign_indexer_webhooks(\{.*\})? 0$/m)
    expect(metrics).to.match(/^countersign_indexer_webhook_pending(\{.*\})? 0$/m)
  })

  it('is delivered to for as long as it is listed, though its deletion fails', async () => {
    const id = await create()
    const store = indexer.store as Store
    const { deleteWebhook } = store
    store.deleteWebhook = () => Promise.reject(new Error('the store is away'))
    expect((await ask('DELETE', `/v1/webhooks/${id}`)).status).to.equal(500)
    store.deleteWebhook = deleteWebhook
    await bed.writer.record()
    await taken(1)
    expect((await ask('DELETE', `/v1/webhooks/${id}`)).status).to.equal(204)
  })

  it('is listed without its secret, pinged, and deleted with what was pending', async () => {
    const id = await create({ filter: { kind: ['root'] } })
    const { body, text } = await ask('GET', '/v1/webhooks')
    expect(body.webhooks).to.have.length(1)
    expect(body.webhooks[0]).to.deep.include({
      id,
      url: receiver.url,
      filter: { kind: ['root'] },
      disabledAt: null,
    })
    expect(text).to.not.include('whsec_')
    expect((await ask('POST', `/v1/webhooks/${id}/test`)).body).to.deep.equal({
      delivered: true,
      status: 204,
      reason: null,
    })
    expect(receiver.taken[0]!.event.type).to.equal('ping')
    await bed.writer.record()
    await bed.writer.anchor(`0x${'cd'.repeat(32)}`, 1n)
    await taken(2)
    expect(receiver.taken[1]!.event.type, 'only what the filter lets through').to.equal('root.added')
    expect((await ask('DELETE', `/v1/webhooks/${id}`)).status).to.equal(204)
    await bed.writer.anchor(`0x${'ef'.repeat(32)}`, 1n)
    await bed.caughtUp(indexer)
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/test'],
      ['GET', '/dead-letters'],
    ] as const) {
      const { status, body } = await ask(method, `/v1/webhooks/${id}${path}`)
      expect([status, body.code]).to.deep.equal([404, 'WEBHOOK_UNKNOWN'])
    }
    expect(receiver.taken).to.have.length(2)
  })

  it('is for who has the admin token, and is not there when there is none', async () => {
    for (const token of [undefined, 'wrong', `${ADMIN_TOKEN}x`, ADMIN_TOKEN.slice(1)]) {
      const { status, body } = await ask('GET', '/v1/webhooks', undefined, token ?? '')
      expect([status, body.code]).to.deep.equal([401, 'ADMIN_TOKEN_INVALID'])
    }
    const without = await startFeedServer(bed, indexer, { adminToken: undefined })
    for (const [method, path] of [
      ['GET', '/v1/webhooks'],
      ['POST', '/v1/webhooks'],
      ['DELETE', '/v1/webhooks/x'],
    ] as const) {
      const response = await fetch(without.url + path, {
        method,
        headers: { authorization: 'Bearer undefined' },
      })
      expect([response.status, (await response.json()).code]).to.deep.equal([404, 'ROUTE_UNKNOWN'])
    }
  })

  it('refuses what is no webhook', async () => {
    for (const body of [
      {},
      { url: receiver.url },
      { url: receiver.url, deliver: 'never' },
      { url: receiver.url, deliver: 'final', startAt: 'then' },
      { url: receiver.url, deliver: 'final', filter: { kind: [] } },
      { url: receiver.url, deliver: 'final', filter: { author: 'me' } },
      { url: receiver.url, deliver: 'final', secret: 'whsec_mine' },
    ])
      expect((await ask('POST', '/v1/webhooks', body)).body.code).to.equal('REQUEST_INVALID')
    for (const url of [
      'ftp://example.org',
      'example.org',
      'file:///etc/passwd',
      'http://me:secret@example.org',
      'http://',
    ])
      expect((await ask('POST', '/v1/webhooks', { url, deliver: 'final' })).body.code).to.equal(
        'WEBHOOK_URL_INVALID',
      )
    for (let i = 0; i < 50; i++) await create()
    expect((await ask('POST', '/v1/webhooks', { url: receiver.url, deliver: 'final' })).body.code).to.equal(
      'WEBHOOKS_EXHAUSTED',
    )
  })
})
