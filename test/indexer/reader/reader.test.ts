import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { Standing } from '../../../indexer/api/schemas.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import { addressBookOf, databasePath, testChain } from '../../support/indexer.ts'
import {
  type PostgresServer,
  postgresMissing,
  queryOnce,
  startPostgresServer,
} from '../../support/postgres-server.ts'
import { programEnvironment } from '../../support/program-environment.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'

const MAIN = new URL('../../../indexer/main.ts', import.meta.url).pathname

interface RunningProcess {
  url: string
  child: ChildProcess
}
interface ResultAnswer {
  records: { digest: string; block: { number: number; hash: string }; proof?: unknown }[]
  standings: Standing[]
}

const NOTHING = { records: [] }

describe('a writer and its readers', function () {
  this.timeout(60_000)
  const reason = postgresMissing()
  if (reason !== undefined) return it.skip(reason)

  let primary: PostgresServer
  let replica: PostgresServer
  let chain: AnvilChain
  let contracts: DeployedContracts
  let author: RecordWriter
  let book: string
  const processes: RunningProcess[] = []
  let writer: RunningProcess
  let reader: RunningProcess
  let replicaReader: RunningProcess

  before(async function () {
    this.timeout(120_000)
    primary = await startPostgresServer()
    replica = await primary.startReplica()
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    author = recordWriter(chain.url, contracts.QueryResultRegistry)
    book = join(dirname(databasePath()), 'address-book.json')
    writeFileSync(book, JSON.stringify(addressBookOf([testChain(chain, contracts, { finalityDepth: 5 })])))
    writer = await launch('writer', primary.url)
    reader = await launch('reader', primary.url)
    await eventually(
      'the replica has the schema',
      () =>
        launch('reader', replica.url).then(
          (launched) => {
            replicaReader = launched
            return true
          },
          () => false,
        ),
      40_000,
    )
  })
  after(async () => {
    for (const { child } of processes) await ended(child, 'SIGKILL')
    author?.close()
    await chain?.kill()
    await replica?.drop()
    await primary?.drop()
  })

  async function launch(role: 'writer' | 'reader', database: string): Promise<RunningProcess> {
    const child = spawn(process.execPath, [MAIN], {
      env: {
        ...programEnvironment(),
        COUNTERSIGN_ADDRESS_BOOK: book,
        INDEXER_DATABASE: database,
        INDEXER_ROLE: role,
        INDEXER_PORT: '0',
        INDEXER_POLL_MS: '20',
        INDEXER_READER_POLL_MS: '20',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk) => {
        text += chunk
      })
    let url: string | undefined
    await eventually(
      `the ${role} listens`,
      () => {
        url = /"url":"([^"]+)"/.exec(text)?.[1]
        if (child.exitCode !== null) throw new Error(text)
        return url !== undefined
      },
      20_000,
    )
    const launched = { url: url!, child }
    processes.push(launched)
    return launched
  }

  const ended = (child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.kill(signal)
    return gone
  }
  const get = async <Answer>(
    { url }: RunningProcess,
    path: string,
  ): Promise<{ status: number; body: Answer }> => {
    const answer = await fetch(`${url}${path}`)
    return { status: answer.status, body: (await answer.json()) as Answer }
  }
  const resultOf = async (from: RunningProcess, serial: string): Promise<ResultAnswer> =>
    // That nothing is recorded is said with the standings it is true for.
    ({ ...NOTHING, ...(await get<ResultAnswer>(from, `/v1/results/${serial}`)).body })
  const standsAt = async (from: RunningProcess, head: string) => {
    const { body } = await get<{ chains: { standing: Standing | null }[] }>(from, '/v1/status')
    const standing = body.chains[0]!.standing
    return (
      standing?.block.hash === head && standing.state === 'following' && standing.completeness === 'complete'
    )
  }
  const allStand = async (...who: RunningProcess[]) => {
    const { hash } = await chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
    for (const [i, one] of who.entries())
      await eventually(`process ${i} stands at the head`, () => standsAt(one, hash), 15_000)
  }

  it('answer alike, with proofs, and a replica says how far it is behind', async () => {
    const { serial, digest } = await author.record()
    await allStand(writer, reader, replicaReader)
    const answers = await Promise.all([writer, reader, replicaReader].map((from) => resultOf(from, serial)))
    for (const { records } of answers) {
      expect(records[0]).to.deep.include({ digest })
      expect(records).to.deep.equal(answers[0]!.records)
    }
    expect(answers[0]!.standings[0]).not.to.have.property('replica')
    expect(answers[1]!.standings[0]).not.to.have.property('replica')
    expect(answers[2]!.standings[0]!.replica?.lagSeconds).to.be.within(0, 5)
    const completeness = await get<{ books: { head: string; chainHead: string }[] }>(
      replicaReader,
      `/v1/authors/${author.author}/completeness`,
    )
    expect(completeness.body.books[0]!.head).to.equal(completeness.body.books[0]!.chainHead)
    for (const from of [writer, reader, replicaReader])
      expect((await get(from, '/readyz')).status).to.equal(200)
  })

  it('never answer with rows of one block and the standing of another, whatever the chain takes back', async () => {
    const kept = await author.record()
    await allStand(writer, reader, replicaReader)
    let done = false
    const seen = { present: 0 }
    const changing = (async () => {
      for (let i = 0; i < 12; i++) {
        const snapshot = await chain.request('evm_snapshot')
        const { serial } = await author.record()
        const { hash } = await chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
        // While it comes and while it goes, an answer at the block that has the record has the record.
        for (let ask = 0; ask < 15; ask++)
          for (const from of [reader, replicaReader]) {
            const { records, standings } = await resultOf(from, serial)
            const stands = standings[0]!.block
            if (stands.hash === hash) expect(records, `at ${stands.number}`).to.have.length(1)
            for (const { block } of records) expect(block.number).to.be.at.most(stands.number)
            if (records.length > 0) seen.present++
          }
        await chain.request('evm_revert', [snapshot])
        author.reset()
        await chain.request('evm_mine', [])
        await chain.request('evm_mine', [])
      }
      done = true
    })()
    while (!done) {
      for (const from of [reader, replicaReader])
        expect((await resultOf(from, kept.serial)).records).to.have.length(1)
      await Promise.race([changing, new Promise((resolve) => setTimeout(resolve, 5))])
    }
    await changing
    // Whether it was seen before it came depends on who is quicker; that it came does not.
    expect(seen.present).to.be.above(0)
    await allStand(writer, reader, replicaReader)
  })

  it('fall behind with the replica and say so, and come back with it', async () => {
    await queryOnce(replica.url, 'SELECT pg_wal_replay_pause()')
    try {
      const { serial } = await author.record()
      await allStand(writer, reader)
      expect((await resultOf(reader, serial)).records).to.have.length(1)
      const behind = await resultOf(replicaReader, serial)
      expect(behind.records).to.deep.equal([])
      await eventually(
        'the lag grows',
        async () => ((await resultOf(replicaReader, serial)).standings[0]!.replica?.lagSeconds ?? 0) >= 2,
      )
      expect(behind.standings[0]!.block.number).to.be.below(
        Number(await chain.request<string>('eth_blockNumber')),
      )
    } finally {
      await queryOnce(replica.url, 'SELECT pg_wal_replay_resume()')
    }
    await allStand(replicaReader)
  })

  it('say that the writer is silent, and answer on', async () => {
    const { serial } = await author.record()
    await allStand(writer, reader, replicaReader)
    expect(await ended(writer.child, 'SIGTERM')).to.equal(0)
    await eventually(
      'the readers notice',
      async () => {
        const states = await Promise.all(
          [reader, replicaReader].map(async (from) => (await resultOf(from, serial)).standings[0]!.state),
        )
        return states.every((state) => state === 'unreachable')
      },
      15_000,
    )
    expect((await resultOf(reader, serial)).records).to.have.length(1)
    const ready = await get<{ detail: string }>(reader, '/readyz')
    expect(ready.status).to.equal(503)
    expect(JSON.stringify(ready.body)).to.contain('the writer was last heard of')
    writer = await launch('writer', primary.url)
    await allStand(writer, reader, replicaReader)
  })

  it('end in order', async () => {
    expect(await ended(reader.child, 'SIGTERM')).to.equal(0)
    expect(await ended(replicaReader.child, 'SIGTERM')).to.equal(0)
  })
})
