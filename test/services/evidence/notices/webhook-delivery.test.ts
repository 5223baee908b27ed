import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import pino from 'pino'
import { newWebhookSecret } from '../../../../http/webhooks/signing.ts'
import { newSerial } from '../../../../protocol/serial.ts'
import { NoticeStore } from '../../../../services/evidence/notices/notice-store.ts'
import { WebhookDelivery } from '../../../../services/evidence/notices/webhook-delivery.ts'
import { WebhookSender } from '../../../../services/evidence/notices/webhook-sender.ts'
import { WebhookStore } from '../../../../services/evidence/notices/webhook-store.ts'
import { parseTargetPolicy } from '../../../../services/evidence/notices/webhook-targets.ts'
import { openEvidenceDatabase } from '../../../../services/evidence/store/database.ts'
import { GroupCommit } from '../../../../services/party/group-commit.ts'
import { eventually } from '../../../support/eventually.ts'
import { ok, startReceiver } from './receiver.ts'

describe('delivery of notices to webhooks', () => {
  let folder: string
  let opened: ReturnType<typeof openEvidenceDatabase>
  let commits: GroupCommit
  let notices: NoticeStore
  let webhooks: WebhookStore
  const ends: (() => unknown)[] = []

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'countersign-webhooks-'))
    opened = openEvidenceDatabase(path.join(folder, 'evidence.db'))
    commits = new GroupCommit(opened.db)
    notices = new NoticeStore(opened.db)
    webhooks = new WebhookStore(opened.db)
  })
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
    opened.close()
    rmSync(folder, { recursive: true, force: true })
  })

  function deliver(
    hosts = '127.0.0.1',
    retryPausesMs = [20, 20, 20],
    timeoutMs = 8_000,
    maxWaitMs = 60_000,
  ): WebhookDelivery {
    const delivery = new WebhookDelivery({
      commits,
      webhooks,
      sender: new WebhookSender(parseTargetPolicy(hosts), timeoutMs),
      logger: pino({ level: 'silent' }),
      retryPausesMs,
      maxWaitMs,
    })
    delivery.start()
    ends.unshift(() => delivery.stop())
    return delivery
  }
  async function receive(answer = ok as Parameters<typeof startReceiver>[0]) {
    const receiver = await startReceiver(answer)
    ends.push(() => receiver.close())
    return receiver
  }
  const clientOf = (name: string): number =>
    Number(
      opened.db
        .prepare('INSERT INTO clients (name) VALUES (?) ON CONFLICT DO UPDATE SET name = name RETURNING id')
        .get(name)!.id,
    )
  const point = (name: string, url: string): Promise<{ client: number; secret: string }> =>
    commits.write(() => {
      const webhook = { client: clientOf(name), url, secret: newWebhookSecret(), createdAt: Date.now() }
      webhooks.put(webhook)
      return webhook
    })
  const find = (client: number, count = 1): Promise<string[]> =>
    commits.write(() =>
      Array.from({ length: count }, () => {
        const credentialId = newSerial()
        const notice = notices.insert(client, { credentialId, verdict: 'tampered', foundAt: Date.now() })
        webhooks.enqueue(client, notice, Date.now())
        return credentialId
      }),
    )

  it('sends each once, in order, signed, and names the evidence and nothing else', async () => {
    const receiver = await receive()
    const { client, secret } = await point('a', receiver.url)
    const found = await find(client, 20)
    deliver()
    await eventually('all', () => webhooks.counts(client).pending === 0)
    const documents = receiver.documents(secret) as { type: string; data: Record<string, string> }[]
    expect(documents.map(({ data }) => data.credentialId)).to.deep.equal(found)
    expect(documents[0]!.type).to.equal('evidence.failed')
    expect(Object.keys(documents[0]!.data)).to.have.members(['noticeId', 'credentialId', 'verdict'])
    expect(receiver.received[0]!.id).to.equal(documents[0]!.data.noticeId)
  })

  it('tries again under the same id until it is taken', async () => {
    const receiver = await receive((response, count) => void response.writeHead(count < 3 ? 500 : 200).end())
    const { client } = await point('a', receiver.url)
    await find(client)
    deliver()
    await eventually('delivered', () => webhooks.counts(client).pending === 0)
    expect(new Set(receiver.received.map(({ id }) => id)).size).to.equal(1)
    expect(receiver.received).to.have.length(3)
    expect(webhooks.find(client)!.lastError).to.equal(null)
  })

  it('keeps what it gave up as a dead letter, with the reason', async () => {
    const receiver = await receive(
      (response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
    )
    const { client } = await point('a', receiver.url)
    await find(client)
    deliver()
    await eventually('given up', () => webhooks.counts(client).dead === 1)
    expect(receiver.received).to.have.length(4)
    expect(webhooks.find(client)).to.include({ lastError: 'answered 302', disabledAt: null })
    expect(opened.db.prepare('SELECT dead FROM webhook_deliveries').get()).to.deep.include({
      dead: 'answered 302',
    })
  })

  it('does not let one that hangs hold up others', async () => {
    const hanging = await receive(() => {})
    const receiver = await receive()
    const [a, b] = [await point('a', hanging.url), await point('b', receiver.url)]
    await find(a.client, 3)
    await find(b.client, 3)
    deliver('127.0.0.1', [60_000])
    await eventually('the others', () => webhooks.counts(b.client).pending === 0)
  })

  it('keeps the order also where one was not taken at first', async () => {
    const receiver = await receive((response, count) => void response.writeHead(count < 3 ? 500 : 200).end())
    const { client } = await point('a', receiver.url)
    const [first, ...rest] = await find(client, 4)
    deliver()
    await eventually('delivered', () => webhooks.counts(client).pending === 0)
    const sent = receiver.received.map(({ body }) => JSON.parse(body).data.credentialId as string)
    expect(sent).to.deep.equal([first, first, first, ...rest])
  })

  it('lets a client with little have its turn beside many with much', async () => {
    const slow = await receive((response) => void setTimeout(() => response.writeHead(200).end(), 50))
    const many = await Promise.all(Array.from({ length: 8 }, (_, i) => point(`many ${i}`, slow.url)))
    const { client } = await point('z', slow.url)
    for (const { client: other } of many) await find(other, 20)
    await find(client)
    deliver()
    await eventually('its own', () => webhooks.counts(client).pending === 0)
    expect(slow.received.length).to.be.below(40)
  })

  it('tries once what has waited as long as the first was tried', async () => {
    const receiver = await receive((response) => void response.writeHead(500).end())
    const { client } = await point('a', receiver.url)
    await find(client, 5)
    deliver('127.0.0.1', [1_500], 8_000, 1_400)
    await eventually('given up', () => webhooks.counts(client).dead === 5)
    expect(receiver.received).to.have.length(6)
  })

  it('begins at once where it is pointed to, whatever pause was left', async () => {
    const failing = await receive((response) => void response.writeHead(500).end())
    const { client } = await point('a', failing.url)
    await find(client, 2)
    const delivery = deliver('127.0.0.1', [60_000])
    await eventually('failed', () => webhooks.find(client)!.lastError !== null)
    await point('a', (await receive()).url)
    delivery.wake()
    await eventually('delivered', () => webhooks.counts(client).pending === 0)
  })

  it('looks up what is next among very many in no time', async () => {
    const { client } = await point('a', 'http://127.0.0.1:1/')
    await find(client, 20_000)
    opened.db.exec('UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at + 86400000')
    const times = Array.from({ length: 5 }, () => {
      const startedAt = performance.now()
      expect(webhooks.due(Date.now())).to.deep.equal([])
      expect(webhooks.nextAt()).to.be.above(Date.now())
      return performance.now() - startedAt
    })
    expect(Math.min(...times)).to.be.below(0.5)
  })

  it('forgets notices of more than a year ago, whether they were delivered or not', async () => {
    const { client } = await point('a', 'http://127.0.0.1:1/')
    await find(client, 5)
    const [, second] = notices.page(client, undefined, 2)
    opened.db.exec('UPDATE notices SET found_at = found_at - 366 * 86400000 - 60000 WHERE id <= 3')
    await find(client)
    expect(notices.page(client, undefined, 10)).to.have.length(4)
    await find(client)
    expect(notices.page(client, undefined, 10)).to.have.length(4)
    expect(webhooks.counts(client).pending).to.equal(4)
    expect(() => notices.page(client, second!.noticeId, 10)).to.throw('the cursor')
  })

  it('ends with 410, and begins again when it is pointed somewhere', async () => {
    const gone = await receive((response) => void response.writeHead(410).end())
    const { client } = await point('a', gone.url)
    await find(client, 3)
    const delivery = deliver()
    await eventually('disabled', () => webhooks.find(client)!.disabledAt !== null)
    expect(gone.received).to.have.length(1)
    const receiver = await receive()
    const { secret } = await point('a', receiver.url)
    delivery.wake()
    await eventually('all', () => webhooks.counts(client).pending === 0)
    expect(receiver.documents(secret)).to.have.length(3)
  })

  it('does not connect where the operator does not allow, whenever that was set', async () => {
    const receiver = await receive()
    const { client } = await point('a', receiver.url)
    const named = await point('b', `https://localhost:${receiver.port}/`)
    await find(client)
    await find(named.client)
    deliver('*', [60_000])
    await eventually('tried', () =>
      [client, named.client].every((id) => webhooks.find(id)!.lastError !== null),
    )
    expect(webhooks.find(client)!.lastError).to.equal('the operator does not allow this address')
    expect(webhooks.find(named.client)!.lastError).to.equal('no connection (ENOTPUBLIC)')
    expect(receiver.received).to.deep.equal([])
  })

  it('reads no more of an endless answer than it must', async () => {
    const receiver = await receive((response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(Buffer.alloc(64 * 1024)), 1)
      response.on('close', () => clearInterval(timer))
    })
    const { client } = await point('a', receiver.url)
    await find(client)
    deliver()
    await eventually('delivered', () => webhooks.counts(client).pending === 0)
  })

  it('keeps no more than a thousand dead letters of a client', async () => {
    const { client } = await point('a', 'http://127.0.0.1:1/')
    await find(client, 1_200)
    await commits.write(() => {
      for (let i = 0; i < 1_200; i++) webhooks.failed(webhooks.due(Date.now())[0]!, 'no', undefined)
    })
    expect(webhooks.counts(client)).to.deep.equal({ pending: 0, dead: 1_000 })
    expect(notices.page(client, undefined, 2_000)).to.have.length(1_200)
  })
})
