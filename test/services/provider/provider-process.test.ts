import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { Contract, JsonRpcProvider } from 'ethers'
import { QUERY_RESULT_REGISTRY_ABI } from '../../../protocol/abi/query-result-registry.ts'
import type { Receipt } from '../../../protocol/receipt.ts'
import { serialToKey } from '../../../protocol/serial.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { until } from '../party/book-writer/written-book.ts'
import { type Neighbourhood, PROJECT, PROVIDER, ProxyVoice, settle } from './provider-fixture.ts'

describe('provider process', () => {
  let chain: AnvilChain
  let home: Neighbourhood
  let child: ChildProcess | undefined
  let output: string

  beforeEach(async () => {
    chain = await startAnvil()
    home = await settle(chain)
    output = ''
  })
  afterEach(async () => {
    await end('SIGKILL')
    await chain.kill()
    home.remove()
  })

  async function start(env: Record<string, string> = {}): Promise<ProxyVoice> {
    child = spawn(process.execPath, ['services/provider/main.ts'], {
      cwd: PROJECT,
      env: { ...process.env, ...home.env, ...env },
    })
    const started = child
    let own = ''
    let hasEnded = false
    for (const stream of [started.stdout!, started.stderr!])
      stream.on('data', (chunk) => {
        own += chunk
        output += chunk
      })
    started.once('close', () => {
      hasEnded = true
    })
    const url = () => /"url":"(http:[^"]+)"/.exec(own)?.[1]
    await until(async () => hasEnded || (url() !== undefined && (await isReady(url()!))), 30_000)
    return new ProxyVoice(url() ?? '')
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    const ended = child
    child = undefined
    if (ended === undefined || ended.exitCode !== null) return ended?.exitCode ?? null
    ended.kill(signal)
    // All that it wrote is read by then.
    await new Promise((resolve) => ended.once('close', resolve))
    return ended.exitCode
  }

  async function recordedSerials(): Promise<Map<string, string[]>> {
    const provider = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true, cacheTimeout: -1 })
    try {
      const registry = new Contract(home.contracts.QueryResultRegistry, QUERY_RESULT_REGISTRY_ABI, provider)
      const logs = await registry.queryFilter(registry.filters.ResultRecorded!(null, PROVIDER), 0)
      const digests = new Map<string, string[]>()
      for (const { topics, data } of logs) digests.set(topics[1]!, [...(digests.get(topics[1]!) ?? []), data])
      return digests
    } finally {
      provider.destroy()
    }
  }

  it('ends when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    try {
      await start({ PROVIDER_PORT: String(port) })
      expect(child!.exitCode).to.equal(1)
      expect(output).to.contain('PORT_TAKEN')
    } finally {
      other.close()
    }
  })

  it('keeps every answer it gave through kill -9 at any moment', async () => {
    const receipts: Receipt[] = []
    for (let life = 0; life < 5; life++) {
      const proxy = await start()
      let isDead = false
      const before = receipts.length
      const killing = until(() => receipts.length >= before + 5)
        .then(() => sleep(Math.random() * 250))
        .finally(() => end('SIGKILL'))
      await Promise.all([
        killing,
        ...Array.from({ length: 8 }, async () => {
          while (!isDead)
            await proxy.receipt().then(
              (receipt) => receipts.push(receipt),
              () => {
                isDead = true
              },
            )
        }),
      ])
    }
    const proxy = await start()
    await until(async () => {
      const { outbox } = (await (await fetch(`${proxy.url}/v1/status`)).json()) as {
        outbox: { pending: number; submitted: number }
      }
      return outbox.pending + outbox.submitted === 0
    })
    expect(receipts.length).to.be.greaterThan(20)
    const recorded = await recordedSerials()
    for (const { serial, digest } of receipts)
      expect(recorded.get(serialToKey(serial)), serial).to.deep.equal([digest])
    for (const digests of recorded.values()) expect(digests).to.have.length(1)
    for (const { serial, digest } of receipts.slice(0, 20)) {
      const { body } = await proxy.audit(serial)
      expect([body.stored.digest, body.derived.digest]).to.deep.equal([digest, digest])
    }
  }).timeout(60_000)

  it('ends in order when asked to, and says nothing personal', async () => {
    const proxy = await start({ LOG_LEVEL: 'trace' })
    await proxy.receipt({ subject: 'SP-117' })
    await proxy.ask({ subject: `SP-118-${'x'.repeat(80)}` })
    await proxy.ask({ subject: 'SP-119', type: 'loan' })
    expect(await end('SIGTERM')).to.equal(0)
    expect(output).to.include('provider listens').and.include('provider stops')
    expect(output).to.not.match(/SP-11|premium/)
    expect(output)
      .to.not.include(home.env.COUNTERSIGN_PRIVATE_KEY)
      .and.not.include(home.env.PROVIDER_SALT_SECRET)
  })

  it('loads a changed book when told so', async () => {
    await start()
    output = ''
    child!.kill('SIGHUP')
    await until(() => output.includes('"outcome":"unchanged"'))
  })

  it('says what is wrong with its settings, all at once', async () => {
    await start({ PROVIDER_BOOK: '', PROVIDER_SALT_SECRET: '0x1234', PROVIDER_MODE: 'lax' })
    expect(child!.exitCode).to.equal(1)
    expect(output).to.match(/PROVIDER_BOOK is not set/)
    expect(output)
      .to.match(/PROVIDER_SALT_SECRET/)
      .and.match(/PROVIDER_MODE/)
      .and.not.match(/0x1234|lax/)
  })

  it('refuses a database that another process has', async () => {
    await start()
    const first = child
    await start()
    expect(output).to.include('DATABASE_IN_USE')
    child = first
  })

  it('has answers erased while it runs', async () => {
    const proxy = await start()
    const { serial } = await proxy.receipt()
    const erase = (...args: string[]) =>
      promisify(execFile)(process.execPath, ['services/provider/erase-answer.ts', ...args], {
        cwd: PROJECT,
        env: { ...process.env, PROVIDER_DATABASE: home.databaseFile },
      })
    expect(JSON.parse((await erase(serial, '--json')).stdout)).to.deep.equal({ serial, outcome: 'erased' })
    expect((await proxy.audit(serial)).body.erased).to.equal(true)
    const failure = await erase('01ARZ3NDEKTSV4RRFFQ69G5FAV').catch((error) => error)
    expect(failure).to.include({ code: 3 })
    expect(failure.stderr).to.include('SERIAL_UNKNOWN')
  })
})

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )
