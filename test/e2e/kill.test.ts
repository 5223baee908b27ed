import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { Contract, JsonRpcProvider } from 'ethers'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import type { Receipt } from '../../protocol/receipt.ts'
import { serialToKey } from '../../protocol/serial.ts'
import type { QueryReply } from '../../scripts/cli/proxy-client.ts'
import { ProviderDatabase, withProviderDatabase } from '../../scripts/demo/provider-database.ts'
import {
  type LocalNetwork,
  type RunningProvider,
  startLocalNetwork,
} from '../../scripts/network/local-network.ts'
import { SAMPLE_PROVIDERS } from '../../scripts/network/parties.ts'
import { freePorts } from '../../scripts/network/ports.ts'
import { eventually } from '../support/eventually.ts'

const QUERIES = Number(process.env.KILL_TEST_QUERIES ?? 2_000)
const KILLS = Number(process.env.KILL_TEST_KILLS ?? 20)
const AT_ONCE = 16
const MAX_ATTEMPTS = 200

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe(`kill -9 of a random process, ${KILLS} times during ${QUERIES} queries at ${AT_ONCE} at once`, function () {
  this.timeout(300_000)
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-kill-'))
  const acknowledged: Receipt[] = []
  const serials = new Set<string>()
  let network: LocalNetwork
  let queriesDone = 0

  before(async () => {
    const ports = await freePorts(SAMPLE_PROVIDERS.length)
    network = await startLocalNetwork({ folder, ports, providers: SAMPLE_PROVIDERS })
    await Promise.all([...Array.from({ length: AT_ONCE }, askUntilDone), killNowAndThen()])
    await Promise.all(network.providers.map(untilNothingIsPending))
  })
  after(async () => {
    await network?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function askUntilDone(): Promise<void> {
    while (queriesDone < QUERIES) {
      const number = queriesDone++
      const provider = network.providers[number % network.providers.length]!
      const subjects = subjectsOf(provider)
      const subject = subjects[number % subjects.length]!
      keep(await askOnce(provider.declaration.queryTypes[0]!, subject, `query-${number}`))
    }
  }

  /** As a careful client does: what was not acknowledged is asked again under the same key. */
  async function askOnce(type: string, subject: string, idempotencyKey: string): Promise<QueryReply> {
    for (let attempt = 1; ; attempt++)
      try {
        return await network.proxy.client.query({ type, subject }, idempotencyKey)
      } catch (error) {
        if (attempt === MAX_ATTEMPTS) throw error
        await pause(50)
      }
  }

  function keep({ serial, answers }: QueryReply): void {
    serials.add(serial)
    for (const { receipt } of answers) if (receipt !== undefined) acknowledged.push(receipt)
  }

  const subjectLists = new Map<RunningProvider, string[]>()
  function subjectsOf(provider: RunningProvider): string[] {
    let subjects = subjectLists.get(provider)
    if (subjects === undefined) {
      subjects = withProviderDatabase(provider, (database) => database.someSubjects(20))
      subjectLists.set(provider, subjects)
    }
    return subjects
  }

  async function killNowAndThen(): Promise<void> {
    const victims = [
      network.proxy.process,
      network.indexer.process,
      ...network.providers.map(({ process }) => process),
    ]
    for (let n = 1; n <= KILLS; n++) {
      // Spread over the queries, at a moment of no special meaning.
      while (queriesDone < (n * QUERIES) / (KILLS + 1)) await pause(5)
      await pause(randomInt(20))
      const victim = victims[randomInt(victims.length)]!
      await victim.kill()
      await victim.start()
    }
  }

  async function untilNothingIsPending(provider: RunningProvider): Promise<void> {
    const database = new ProviderDatabase(provider.databaseFile)
    for (const deadline = Date.now() + 60_000; database.pendingCount() > 0; await pause(100))
      if (Date.now() > deadline)
        throw new Error(`${provider.declaration.name} has ${database.pendingCount()} pending`)
    database.close()
  }

  it('answers every query in the end, each under one serial', () => {
    expect(serials.size).to.equal(QUERIES)
    expect(acknowledged.length).to.be.above(QUERIES)
  })

  it('has every acknowledged answer on chain', async () => {
    for (const { url, chainId } of Object.values(network.chains)) {
      const rpc = new JsonRpcProvider(url, chainId, { staticNetwork: true })
      const receipts = acknowledged.filter((receipt) => receipt.chainId === chainId)
      expect(receipts).to.not.be.empty
      const book = new Contract(receipts[0]!.registry, QUERY_RESULT_REGISTRY_ABI, rpc)
      for (const author of new Set(receipts.map((receipt) => receipt.author))) {
        const own = receipts.filter((receipt) => receipt.author === author)
        const digests = await book.digestsOf!(
          author,
          own.map(({ serial }) => serialToKey(serial)),
        )
        expect([...digests]).to.deep.equal(own.map(({ digest }) => digest))
      }
      rpc.destroy()
    }
  })

  it('has none on chain twice', async () => {
    for (const { url, chainId } of Object.values(network.chains)) {
      const rpc = new JsonRpcProvider(url, chainId, { staticNetwork: true })
      const registry = acknowledged.find((receipt) => receipt.chainId === chainId)!.registry
      const logs = await rpc.getLogs({ address: registry, fromBlock: 0, toBlock: 'latest' })
      const names = logs.map(({ topics }) => topics.slice(1).join())
      expect(names).to.not.be.empty
      expect(new Set(names).size).to.equal(names.length)
      rpc.destroy()
    }
  })

  it('has every one in the index, which is complete', async () => {
    for (const { address } of network.providers) {
      const answer = await untilComplete(address)
      expect(JSON.stringify(answer)).to.contain('"complete"')
    }
    for (const { serial, author, digest } of acknowledged.filter((_, i) => i % 50 === 0)) {
      const url = `${network.indexer.url}/v1/results/${serial}/${author}`
      await eventually(`${serial} is indexed`, async () => (await fetch(url)).status === 200)
      expect(await (await fetch(url)).text()).to.contain(digest)
    }
  })

  async function untilComplete(address: string): Promise<unknown> {
    for (const deadline = Date.now() + 10_000; ; await pause(100)) {
      const response = await fetch(`${network.indexer.url}/v1/authors/${address}/completeness`)
      const answer = await response.json()
      if (Date.now() > deadline || JSON.stringify(answer).includes('"complete"')) return answer
    }
  }
})
