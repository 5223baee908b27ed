import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../support/contracts.ts'
import { eventually } from '../support/eventually.ts'
import {
  addressBookOf,
  caughtUp,
  databasePath,
  dumpOf,
  replayDump,
  startTestIndexer,
  testChain,
} from '../support/indexer.ts'
import { programEnvironment } from '../support/program-environment.ts'
import { type RecordWriter, recordWriter } from '../support/record-writer.ts'

const MAIN = new URL('../../indexer/main.ts', import.meta.url).pathname
const FINALITY_DEPTH = 8
const KILLS = 6

describe('indexer process', () => {
  let chain: AnvilChain
  let contracts: DeployedContracts
  let writer: RecordWriter
  let database: string
  let running: ChildProcess[]

  beforeEach(async () => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    writer = recordWriter(chain.url, contracts.QueryResultRegistry)
    database = databasePath()
    running = []
  })

  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL')
    writer.close()
    await chain.kill()
  })

  const chains = () => [testChain(chain, contracts, { finalityDepth: FINALITY_DEPTH })]

  function launch(overrides: Record<string, string> = {}): ChildProcess {
    const book = join(database, '..', 'address-book.json')
    writeFileSync(book, JSON.stringify(addressBookOf(chains())))
    const child = spawn(process.execPath, [MAIN], {
      env: {
        ...programEnvironment(),
        COUNTERSIGN_ADDRESS_BOOK: book,
        INDEXER_DATABASE: database,
        INDEXER_PORT: '0',
        INDEXER_POLL_MS: '20',
        ...overrides,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.push(child)
    return child
  }
  /** With all that it wrote: its output may still be on its way when it has exited. */
  const exitOf = (child: ChildProcess) =>
    new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  const outputOf = (child: ChildProcess) => {
    const output = { text: '' }
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk) => {
        output.text += chunk
      })
    return output
  }

  it('loses, doubles and spoils nothing when killed at any moment', async function () {
    this.timeout(60_000)
    for (let i = 0; i < KILLS; i++) {
      await writer.recordBatch(40)
      if (i % 2 === 0) await chain.request('anvil_mine', ['0x30'])
      const child = launch()
      const gone = exitOf(child)
      // From before it listens until after it has caught up and follows.
      const writing = writer.recordBatch(20)
      await new Promise((resolve) => setTimeout(resolve, 200 + i * 120))
      child.kill('SIGKILL')
      await Promise.all([gone, writing])
    }
    const survivor = await startTestIndexer(chains(), { database })
    try {
      await caughtUp(survivor, chain)
      expect(await dumpOf(survivor)).to.deep.equal(
        await replayDump([{ chain, contracts, finalityDepth: FINALITY_DEPTH }]),
      )
    } finally {
      await survivor.stop()
    }
  })

  it('ends in order on SIGTERM, with exit code 0', async () => {
    const child = launch()
    const output = outputOf(child)
    await eventually('it listens', () => output.text.includes('indexer listens'), 20_000)
    child.kill('SIGTERM')
    expect(await exitOf(child)).to.equal(0)
  })

  it('refuses a database that another indexer writes to', async () => {
    const first = await startTestIndexer(chains(), { database })
    const child = launch()
    const output = outputOf(child)
    expect(await exitOf(child)).to.equal(1)
    expect(output.text).to.contain('INDEX_DATABASE_LOCKED')
    await first.stop()
  })

  it('names every wrong variable at once, and exits with 1', async () => {
    const child = launch({ INDEXER_PORT: '70000', INDEXER_POLL_MS: 'often', LOG_LEVEL: 'loud' })
    const output = outputOf(child)
    expect(await exitOf(child)).to.equal(1)
    for (const name of ['INDEXER_PORT', 'INDEXER_POLL_MS', 'LOG_LEVEL']) expect(output.text).to.contain(name)
  })

  it('starts while its chain is down, and catches up later', async () => {
    await writer.recordBatch(2)
    const { port } = chain
    await chain.kill()
    const indexer = await startTestIndexer(chains(), { database })
    try {
      const view = indexer.views.get(chain.chainId)!
      await eventually('it says so', () => view.state === 'unreachable')
      chain = await startAnvil({ port })
      contracts = await deployAll(chain.url)
      await caughtUp(indexer, chain)
    } finally {
      await indexer.stop()
    }
  })
})
