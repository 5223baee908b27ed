import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import type { WebhookRow } from '../../../indexer/store/webhook-store.ts'
import { describeStores } from '../../support/stores.ts'

const webhook = (id: string, more: Partial<WebhookRow> = {}): WebhookRow => ({
  id,
  url: 'https://example.org/hook',
  secret: 'whsec_AA==',
  deliver: 'instant',
  filter: { chains: [7] },
  cursor: { version: 1, ordinal: 0 },
  createdAt: 1,
  disabledAt: null,
  ...more,
})
const deliveries = (...ids: string[]) => ids.map((eventId) => ({ eventId, body: `{"id":"${eventId}"}` }))
const LATER = Number.MAX_SAFE_INTEGER

describeStores('webhooks in the store', (engine) => {
  let database: { database: string; drop(): Promise<void> }
  let store: Store

  beforeEach(async () => {
    database = await engine.newDatabase()
    store = await openStore(database.database)
    await store.createWebhook(webhook('a'))
  })
  afterEach(async () => {
    await store.close()
    await database.drop()
  })

  const due = async (now = LATER) => (await store.dueDeliveries(now, 10)).map(({ eventId }) => eventId)

  it('keeps them as they were given', async () => {
    await store.createWebhook(webhook('b', { createdAt: 2, filter: null, cursor: { text: "it's\n" } }))
    expect(await store.listWebhooks()).to.deep.equal([
      webhook('a'),
      webhook('b', { createdAt: 2, filter: null, cursor: { text: "it's\n" } }),
    ])
    expect(await store.findWebhook('c')).to.equal(undefined)
    expect(await store.setWebhookDisabled('c', 1)).to.equal(false)
  })

  it('moves the cursor and keeps deliveries together, each event once, in their order', async () => {
    expect(await store.enqueueDeliveries('a', { n: 1 }, deliveries('2', '1'))).to.equal(true)
    expect(await store.enqueueDeliveries('a', { n: 2 }, deliveries('1', '0'))).to.equal(true)
    expect((await store.findWebhook('a'))!.cursor).to.deep.equal({ n: 2 })
    expect(await due()).to.deep.equal(['2', '1', '0'])
    expect(await store.enqueueDeliveries('gone', {}, deliveries('9'))).to.equal(false)
    expect(await due()).to.have.length(3)
  })

  it('settles many at once: delivered, to be tried again, or dead', async () => {
    await store.enqueueDeliveries('a', {}, deliveries('1', '2', '3'))
    await store.settleDeliveries([
      { webhookId: 'a', eventId: '1', outcome: 'delivered' },
      { webhookId: 'a', eventId: '2', outcome: { retryAt: LATER - 1, error: "it's 503" } },
      { webhookId: 'a', eventId: '3', outcome: { dead: 'gone' } },
      { webhookId: 'a', eventId: '4', outcome: 'delivered' },
    ])
    expect(await due(LATER - 2)).to.deep.equal([])
    const [pending] = await store.listDeliveries('a', 'pending', 10)
    expect(pending).to.include({ eventId: '2', attempts: 1, nextAttemptAt: LATER - 1, lastError: "it's 503" })
    expect(await store.listDeliveries('a', 'dead', 10)).to.have.length(1)
    expect(await store.requeueDelivery('a', '2')).to.equal(false)
    expect(await store.requeueDelivery('a', '3')).to.equal(true)
    expect(await due(Date.now() + 1_000)).to.deep.equal(['3'])
    expect((await store.dueDeliveries(LATER, 10))[0]).to.include({ state: 'pending', attempts: 0 })
  })

  it('gives nothing of one that is disabled, and forgets all of one that is deleted', async () => {
    await store.enqueueDeliveries('a', {}, deliveries('1'))
    await store.setWebhookDisabled('a', 5)
    expect(await due()).to.deep.equal([])
    await store.setWebhookDisabled('a', null)
    expect(await due()).to.deep.equal(['1'])
    expect(await store.deleteWebhook('a')).to.equal(true)
    expect(await store.deleteWebhook('a')).to.equal(false)
    expect([await due(), await store.listDeliveries('a', 'pending', 10)]).to.deep.equal([[], []])
  })

  it('leaves the version of the store as it is', async () => {
    const version = await store.version()
    await store.enqueueDeliveries('a', {}, deliveries('1'))
    expect(await store.version()).to.equal(version)
  })
})
