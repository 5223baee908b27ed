import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { parseAuditReport } from '../../../protocol/audit-report.ts'
import { concatBytes, hexToBytes, keccak256Hex } from '../../../protocol/hex.ts'
import { boundAltered, selectSample } from '../../../protocol/sampling.ts'
import { type Serial, serialTime, serialToKey } from '../../../protocol/serial.ts'
import { startAnvil } from '../../support/anvil.ts'
import { ProxyCaller } from '../../support/proxy-caller.ts'
import { type ProxyNetwork, type RunningProxy, startProxyNetwork } from '../../support/proxy-network.ts'
import type { TestProvider } from '../../support/test-provider.ts'

interface Campaign {
  id: string
  state: string
  population: number
  sampled: number
  audited: number
  verdicts: Record<string, number>
  exceptions: { serial: Serial; verdict: string; report: string }[]
  altered: number
  undetermined: number
  bound: object | null
  seed: `0x${string}`
  blockHash: `0x${string}`
  problem: string | null
}

const ANSWERS = 120
const AT_ONCE = 16

describe('proxy audit campaigns', () => {
  let network: ProxyNetwork
  let proxy: RunningProxy
  let user: ProxyCaller
  let auditor: ProxyCaller
  let provider: TestProvider
  const serials: Serial[] = []

  before(async () => {
    network = await startProxyNetwork({ providers: 1, batches: true })
    provider = network.providers[0]!
    proxy = await network.startProxy()
    user = new ProxyCaller(proxy.url, network.authorization('user'))
    auditor = new ProxyCaller(proxy.url, network.authorization('auditor'))
    while (serials.length < ANSWERS) {
      const replies = await Promise.all(Array.from({ length: AT_ONCE }, () => user.ask()))
      serials.push(...replies.map(({ serial }) => serial))
    }
    await provider.flush()
  })
  after(() => network?.close())
  afterEach(() => {
    provider.misbehaviour = {}
  })

  async function start(
    request: Record<string, unknown>,
    headers: Record<string, string> = {},
    caller = auditor,
  ): Promise<string> {
    const reply = await caller.send<{ id: string }>(
      'POST',
      '/v1/audit-campaigns',
      { provider: provider.address, ...request },
      headers,
    )
    expect(reply.status, reply.text).to.equal(202)
    expect(reply.headers.get('location')).to.equal(`/v1/audit-campaigns/${reply.body.id}`)
    return reply.body.id
  }

  const read = async (id: string, caller = auditor): Promise<Campaign> =>
    (await caller.send<Campaign>('GET', `/v1/audit-campaigns/${id}`)).body

  async function finished(id: string, caller = auditor): Promise<Campaign> {
    for (;;) {
      const campaign = await read(id, caller)
      if (campaign.state === 'finished') return campaign
      await sleep(50)
    }
  }

  describe('POST /v1/audit-campaigns', () => {
    it('finds exactly the answers that were altered', async () => {
      const altered = new Set(serials.filter((_, i) => i % 10 === 3))
      provider.misbehaviour = {
        auditsWith: ({ serial }) => (altered.has(serial) ? { stored: { serial, found: false } } : {}),
      }
      const campaign = await finished(await start({ sampleSize: 1_000 }))
      expect(campaign.population).to.equal(serials.length)
      expect(campaign.sampled).to.equal(serials.length)
      expect(campaign.exceptions.map(({ serial }) => serial).sort()).to.deep.equal([...altered].sort())
      expect(campaign.verdicts).to.deep.equal({
        consistent: serials.length - altered.size,
        changed: altered.size,
      })
      const report = parseAuditReport((await auditor.send('GET', campaign.exceptions[0]!.report)).text)
      expect(report.verdict).to.equal('changed')
    })

    it('draws a sample that anyone can draw again, and says what it may have missed', async () => {
      const altered = new Set(serials.slice(0, 30))
      provider.misbehaviour = {
        auditsWith: ({ serial }) => (altered.has(serial) ? { stored: { serial, found: false } } : {}),
      }
      const campaign = await finished(await start({ sampleSize: 25, confidence: 0.99 }))
      const { text } = await auditor.send('GET', `/v1/audit-campaigns/${campaign.id}/population`)
      const population = text.trim().split('\n')
      expect(population).to.deep.equal([...serials].sort())
      expect(campaign.seed).to.equal(
        keccak256Hex(concatBytes(hexToBytes(campaign.blockHash), hexToBytes(serialToKey(campaign.id)))),
      )
      const sample = selectSample(population, 25, campaign.seed)
      expect(campaign.exceptions.map(({ serial }) => serial)).to.deep.equal(
        sample.filter((serial) => altered.has(serial)),
      )
      expect(campaign.bound).to.deep.equal(
        boundAltered({
          population: population.length,
          sampled: 25,
          altered: campaign.altered,
          confidence: 0.99,
        }),
      )
    })

    it('draws from the period named', async () => {
      const from = new Date(serialTime(serials[16]!)).toISOString()
      const to = new Date(serialTime(serials.at(-1)!)).toISOString()
      const expected = serials.filter(
        (serial) => serialTime(serial) >= Date.parse(from) && serialTime(serial) < Date.parse(to),
      )
      const campaign = await finished(await start({ from, to, sampleSize: 5 }))
      expect(campaign.population).to.equal(expected.length)
      expect(campaign.audited).to.equal(5)
    })

    it('leaves out of the bound what nothing can be said of', async () => {
      provider.misbehaviour = { auditsWith: () => ({ erased: true }) }
      const campaign = await finished(await start({ sampleSize: 10 }))
      expect(campaign).to.deep.include({
        verdicts: { erased: 10 },
        undetermined: 10,
        altered: 0,
        bound: null,
      })
    })

    it('starts one campaign however often it is sent with one Idempotency-Key', async () => {
      const headers = { 'idempotency-key': 'a campaign' }
      const id = await start({ sampleSize: 3 }, headers)
      expect(await start({ sampleSize: 3 }, headers)).to.equal(id)
      await finished(id)
    })

    it('is for auditors, and for providers with answers', async () => {
      const body = { provider: provider.address, sampleSize: 1 }
      await user.expectProblem('SCOPE_MISSING', 'POST', '/v1/audit-campaigns', body)
      const post = (code: string, changes: object) =>
        auditor.expectProblem(code, 'POST', '/v1/audit-campaigns', { ...body, ...changes })
      await post('CAMPAIGN_POPULATION_UNUSABLE', { from: '2099-01-01' })
      await post('CAMPAIGN_POPULATION_UNUSABLE', { to: '1970-01-01' })
      await post('REQUEST_INVALID', { from: 'yesterday' })
      await post('REQUEST_INVALID', { sampleSize: 0 })
      await post('REQUEST_INVALID', { confidence: 1 })
      await post('CAMPAIGN_POPULATION_UNUSABLE', { provider: '0x5FbDB2315678afecb367f032d93F642f64180aa3' })
      await auditor.expectProblem('CAMPAIGN_UNKNOWN', 'GET', '/v1/audit-campaigns/01ARZ3NDEKTSV4RRFFQ69G5FAV')
    })
  })

  describe('a restart', () => {
    it('goes on after a restart where it was', async () => {
      provider.misbehaviour = { delayMs: 30 }
      const id = await start({ sampleSize: 1_000 })
      while ((await read(id)).audited < 10) await sleep(10)
      await proxy.close()
      provider.misbehaviour = {}
      proxy = await network.startProxy()
      auditor = new ProxyCaller(proxy.url, network.authorization('auditor'))
      const campaign = await finished(id)
      expect(campaign.verdicts).to.deep.equal({ consistent: serials.length })
      const audits = serials.filter((serial) => proxy.store.audits.findLatest(serial, provider.address))
      expect(audits).to.have.length(serials.length)
    })
  })
})

describe('proxy audit campaigns while the chain is down', () => {
  let network: ProxyNetwork
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-chain-'))
    network = await startProxyNetwork({
      providers: 1,
      batches: true,
      anvil: { stateFile: join(folder, 'state.json') },
    })
  })
  after(async () => {
    await network?.close()
    rmSync(folder, { recursive: true })
  })

  it('wait, say why, and go on when it is back', async function () {
    this.timeout(60_000)
    const proxy = await network.startProxy()
    const caller = new ProxyCaller(proxy.url, network.authorization('admin'))
    const provider = network.providers[0]!
    for (let n = 0; n < 20; n++) await caller.ask()
    await provider.flush()
    // Longer than a chain takes to end.
    provider.misbehaviour = { delayMs: 3_000 }
    const { body } = await caller.send<{ id: string }>('POST', '/v1/audit-campaigns', {
      provider: provider.address,
      sampleSize: 20,
    })
    const read = async () => (await caller.send<Campaign>('GET', `/v1/audit-campaigns/${body.id}`)).body
    await network.chain.stop()
    provider.misbehaviour = {}
    let campaign = await read()
    // An audit that had all of the chain by then takes the problem of others away when it ends.
    for (; campaign.problem === null; campaign = await read()) await sleep(20)
    expect(campaign).to.include({ state: 'running', problem: 'CHAIN_UNREACHABLE' })
    const again = await startAnvil({ port: network.chain.port, stateFile: join(folder, 'state.json') })
    try {
      while ((await read()).state !== 'finished') await sleep(100)
      expect(await read()).to.deep.include({ verdicts: { consistent: 20 }, problem: null })
    } finally {
      await again.kill()
    }
  })
})

describe('proxy audit campaigns over 1,000 records', () => {
  const RECORDS = 1_000
  let network: ProxyNetwork
  before(async () => {
    network = await startProxyNetwork({ providers: 1, batches: true })
  })
  after(() => network?.close())

  it('finish in well under a minute', async function () {
    this.timeout(120_000)
    const proxy = await network.startProxy()
    const caller = new ProxyCaller(proxy.url, network.authorization('admin'))
    const provider = network.providers[0]!
    let asked = 0
    const askOn = async () => {
      while (asked++ < RECORDS) await caller.ask()
    }
    await Promise.all(Array.from({ length: AT_ONCE }, askOn))
    await provider.flush()
    const startedAt = Date.now()
    const { body } = await caller.send<{ id: string }>('POST', '/v1/audit-campaigns', {
      provider: provider.address,
      sampleSize: RECORDS,
    })
    let campaign: Campaign
    do {
      await sleep(100)
      campaign = (await caller.send<Campaign>('GET', `/v1/audit-campaigns/${body.id}`)).body
    } while (campaign.state !== 'finished')
    expect(campaign.verdicts).to.deep.equal({ consistent: RECORDS })
    expect(Date.now() - startedAt).to.be.below(40_000)
  })
})
