import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { expect } from 'chai'
import { cacheFolder } from '../../../indexer/compile-cache.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import {
  addressBookOf,
  caughtUp,
  databasePath,
  dumpOf,
  startTestIndexer,
  type TestChain,
  testChain,
} from '../../support/indexer.ts'
import { programEnvironment } from '../../support/program-environment.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'
import { indexInto, withStore } from './filled-store.ts'

const ROOT = new URL('../../../', import.meta.url).pathname

describe('indexer command', function () {
  this.timeout(90_000)
  let chain: AnvilChain
  let contracts: DeployedContracts
  let writer: RecordWriter
  let database: string
  const children: ChildProcess[] = []

  before(async () => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    writer = recordWriter(chain.url, contracts.QueryResultRegistry)
    await writer.recordBatch(20)
  })
  beforeEach(() => {
    database = databasePath()
  })
  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    writer.close()
    await chain.kill()
  })

  function launch(
    script: string,
    args: string[] = [],
    { chains, temporary }: { chains?: TestChain[]; temporary?: string } = {},
  ) {
    const book = join(dirname(database), 'address-book.json')
    writeFileSync(book, JSON.stringify(addressBookOf(chains ?? [testChain(chain, contracts)])))
    const child = spawn(process.execPath, [join(ROOT, script), ...args], {
      env: {
        ...programEnvironment(),
        ...(temporary !== undefined && { TMPDIR: temporary, NODE_COMPILE_CACHE: undefined }),
        COUNTERSIGN_ADDRESS_BOOK: book,
        INDEXER_DATABASE: database,
        INDEXER_PORT: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    const output = { out: '', err: '' }
    child.stdout!.on('data', (chunk) => {
      output.out += chunk
    })
    child.stderr!.on('data', (chunk) => {
      output.err += chunk
    })
    const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
      child.once('close', (code, signal) => resolve({ code, signal })),
    )
    return { child, output, exit }
  }
  const listening = async ({ output }: ReturnType<typeof launch>): Promise<URL> => {
    await eventually('it listens', () => output.out.includes('indexer listens'), 20_000)
    return new URL(/"url":"([^"]+)"/.exec(output.out)![1]!)
  }

  /** A request of which the rest never comes keeps its connection busy. Resolves once the server has begun to read it. */
  async function beginRequest(port: string): Promise<Socket> {
    const socket = connect(Number(port), '127.0.0.1')
    const isRead = once(socket, 'data')
    socket.write(
      'POST /v1/audits HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n{',
    )
    expect(String(await isRead)).to.match(/^HTTP\/1.1 100 /)
    socket.on('error', () => {})
    return socket
  }

  it('shows its options, and refuses those it does not know', async () => {
    const help = launch('indexer/main.ts', ['--help'])
    expect((await help.exit).code).to.equal(0)
    for (const option of ['--config', '--reset', '--chain', '--yes'])
      expect(help.output.out).to.contain(option)
    const unknown = launch('indexer/main.ts', ['--rest'])
    expect((await unknown.exit).code).to.equal(1)
    const stray = launch('indexer/main.ts', ['--yes'])
    expect((await stray.exit).code).to.equal(1)
    expect(stray.output.err).to.contain('--reset')
  })

  it('drops one chain and keeps the others, once it is agreed to', async () => {
    const second = await startAnvil({ chainId: 31338 })
    try {
      const others = await deployAll(second.url)
      const chains = [testChain(chain, contracts), testChain(second, others)]
      const indexer = await startTestIndexer(chains, { database })
      await caughtUp(indexer, chain)
      await caughtUp(indexer, second)
      const before = await dumpOf(indexer)
      const running = launch('indexer/main.ts', ['--reset', '--yes'], { chains })
      expect((await running.exit).code).to.equal(1)
      expect(running.output.err).to.contain('INDEX_DATABASE_LOCKED')
      await indexer.stop()

      const unasked = launch('indexer/main.ts', ['--reset', '--chain', '31337'], { chains })
      expect((await unasked.exit).code).to.equal(1)
      expect(unasked.output.err)
        .to.contain('RESET_NOT_CONFIRMED')
        .and.to.contain('chain 31337, indexed up to')
      const unknown = launch('indexer/main.ts', ['--reset', '--chain', '5', '--yes'], { chains })
      expect((await unknown.exit).code).to.equal(1)
      expect(unknown.output.err).to.contain('CHAIN_UNKNOWN')
      await withStore(database, async (store) =>
        expect(await Array.fromAsync(store.dump())).to.deep.equal(before),
      )

      const agreed = launch('indexer/main.ts', ['--reset', '--chain', '31337', '--yes'], { chains })
      expect((await agreed.exit).code).to.equal(0)
      await withStore(database, async (store) => {
        expect((await store.listChains()).map(({ chainId }) => chainId)).to.deep.equal([31338])
        const left = await Array.fromAsync(store.dump())
        expect(left).to.deep.equal(before.filter((line) => / 31338 /.test(line)))
      })
      const again = await startTestIndexer(chains, { database })
      try {
        await caughtUp(again, chain)
        await caughtUp(again, second)
        expect(await dumpOf(again)).to.deep.equal(before)
      } finally {
        await again.stop()
      }
    } finally {
      await second.kill()
    }
  })

  it('indexes a chain that began anew after a reset', async () => {
    await indexInto(database, chain, contracts)
    const fresh = await startAnvil()
    try {
      await fresh.request('evm_mine', [])
      const others = await deployAll(fresh.url)
      const reset = launch('indexer/main.ts', ['--reset', '--yes'])
      expect((await reset.exit).code).to.equal(0)
      await indexInto(database, fresh, others)
    } finally {
      await fresh.kill()
    }
  })

  it('ends at once on a second signal, while a request holds the first one up', async () => {
    const indexer = launch('indexer/main.ts')
    const { port } = await listening(indexer)
    const socket = await beginRequest(port)
    indexer.child.kill('SIGTERM')
    await eventually('it stops', () => indexer.output.out.includes('indexer stops'))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(indexer.child.exitCode).to.equal(null)
    indexer.child.kill('SIGTERM')
    expect((await indexer.exit).code).to.equal(143)
    socket.destroy()
  })

  it('waits for a request under way for ten seconds, not longer', async () => {
    const indexer = launch('indexer/main.ts')
    const { port } = await listening(indexer)
    const socket = await beginRequest(port)
    const from = performance.now()
    indexer.child.kill('SIGINT')
    expect((await indexer.exit).code).to.equal(0)
    expect(performance.now() - from).to.be.within(9_000, 13_000)
    socket.destroy()
  })

  it('ends in order while it starts', async () => {
    const indexer = launch('indexer/main.ts')
    await eventually('it starts', () => indexer.output.out.includes('indexer starts'), 20_000)
    indexer.child.kill('SIGTERM')
    expect(await indexer.exit).to.deep.equal({ code: 0, signal: null })
  })

  it('keeps compiled modules for the next start, and starts without them where it may not', async () => {
    const startedWith = async (prepare: (folder: string) => void): Promise<string> => {
      const temporary = mkdtempSync(join(tmpdir(), 'temporary-'))
      const folder = join(temporary, basename(cacheFolder()))
      prepare(folder)
      database = databasePath()
      const indexer = launch('indexer/main.ts', [], { temporary })
      await listening(indexer)
      indexer.child.kill('SIGTERM')
      expect((await indexer.exit).code).to.equal(0)
      return folder
    }
    expect(readdirSync(await startedWith(() => {}))).not.to.deep.equal([])
    // Anybody may write there: what is in it is not run.
    const open = await startedWith((folder) => {
      mkdirSync(folder)
      chmodSync(folder, 0o777)
    })
    expect(readdirSync(open)).to.deep.equal([])
    await startedWith((folder) => writeFileSync(folder, 'a file in its place'))
  })

  it('backs up, restores and checks by its scripts', async () => {
    await indexInto(database, chain, contracts)
    const source = database
    const file = join(dirname(database), 'index.backup')
    const backup = launch('scripts/backup.ts', ['--to', file, '--json'])
    expect((await backup.exit).code, backup.output.err).to.equal(0)
    expect(JSON.parse(backup.output.out)).to.deep.include({ file, format: 'countersign-index-backup' })
    expect(existsSync(file)).to.equal(true)
    const again = launch('scripts/backup.ts', ['--to', file])
    expect((await again.exit).code).to.equal(1)
    expect(again.output.err).to.contain('BACKUP_EXISTS')

    database = databasePath()
    const restored = launch('scripts/restore.ts', ['--from', file])
    expect((await restored.exit).code, restored.output.err).to.equal(0)
    for (const args of [[], ['--offline']]) {
      const sound = launch('scripts/fsck.ts', args)
      expect((await sound.exit).code, sound.output.err).to.equal(0)
      expect(sound.output.err).to.contain('0 differences')
    }
    await withStore(database, async (store) => {
      const { checkpoint } = (await store.listChains())[0]!
      await store.commit({
        chainId: chain.chainId,
        rollbackTo: checkpoint.number - 1,
        blocks: [],
        rows: [],
        heads: [],
        checkpoint,
      })
    })
    const wrong = launch('scripts/fsck.ts', ['--json'])
    expect((await wrong.exit).code, wrong.output.err).to.equal(1)
    expect(JSON.parse(wrong.output.out).listed[0].kind).to.equal('missing')
    database = source
    const right = launch('scripts/fsck.ts')
    expect((await right.exit).code).to.equal(0)
  })
})
