import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../support/eventually.ts'
import { differenceOf, dumpOf } from './engines.ts'
import { replay } from './replay.ts'
import { expectThat, type Scenario } from './scenario.ts'
import { caughtUp, expectReplay, someRecords, startFollowing, writeHistory } from './scenario-steps.ts'
import { scratchDirectory } from './scratch.ts'
import { ScenarioSkipped } from './skipped.ts'

const twoAtOnce: Scenario = {
  name: 'two indexers are started on one database',
  async run(context) {
    const chain = await context.chain()
    await writeHistory(chain)
    const subject = await context.subject({ chain })
    const first = subject.start()
    const second = subject.start()
    const settled = await Promise.all(
      [first, second].map((child) =>
        Promise.race([
          child.listening.then(
            () => true,
            () => false,
          ),
          child.gone.then(() => false),
        ]),
      ),
    )
    // One of the two leads; the other ends, or serves without writing.
    expectThat(settled.some(Boolean), `one of them runs: ${first.output()} ${second.output()}`)
    const [leader, other] = settled[0] ? [first, second] : [second, first]
    if (!settled.every(Boolean)) {
      expectThat((await other.gone) === 1, 'the other ends with code 1')
      expectThat(other.output().includes('INDEX_DATABASE_LOCKED'), 'and says INDEX_DATABASE_LOCKED')
    }
    for (let i = 0; i < 5; i++) await chain.mine([someRecords(1)])
    await eventually('the leader catches up', async () => {
      const answer = await fetch(`${leader.url()}/v1/status`).then((response) => response.json())
      const { state, standing } = (
        answer as { chains: { state: string; standing: { block: { hash: string } } }[] }
      ).chains[0]!
      return state === 'following' && standing.block.hash === chain.truth.head.hash
    })
    await Promise.all([leader.stop(), other.stop()])
    const difference = differenceOf(await dumpOf(subject.database), await replay(chain))
    expectThat(difference.length === 0, `the store equals a replay, but: ${difference.join('; ')}`)
    return 'one leads, the other says INDEX_DATABASE_LOCKED; the rows are right'
  },
}

const lockFreedByDeath: Scenario = {
  name: 'the writer dies and another takes its place',
  async run(context) {
    const { chain, subject } = await startFollowing(context)
    await subject.process()!.kill()
    const started = performance.now()
    await subject.start().listening
    await caughtUp(subject, chain)
    const took = performance.now() - started
    expectThat(took < 2_000 + 1_500, `the lock is free within 2 s, and a start; it took ${took} ms`)
    await expectReplay(subject, chain)
    return `follows again ${Math.round(took)} ms after the death`
  },
}

/**
 * Mounts a small disk in a namespace of its own, which needs no privileges where the system allows it, and fills some of
 * it; what fills it goes when there is a file `make-room` outside. Then runs what follows its first two arguments.
 */
const SMALL_DISK = `
disk=$1 directory=$2
shift 2
mount -t tmpfs -o size=1536k tmpfs "$disk" || exit 91
head -c 700000 /dev/zero > "$disk/filler"
( while kill -0 $$ && [ ! -e "$directory/make-room" ]; do sleep 0.05; done; rm "$disk/filler" ) > /dev/null 2>&1 &
exec "$@"
`
const FILL_UP_MS = 30_000

const diskFull: Scenario = {
  name: 'the disk is full for a while',
  engines: ['sqlite'],
  async run(context) {
    const directory = mkdtempSync(join(scratchDirectory(), 'chaos-disk-'))
    context.atEnd(() => rmSync(directory, { recursive: true }))
    const probe = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true'])
    if (probe.status !== 0)
      throw new ScenarioSkipped('mount namespaces are not to be had here (unshare --user --mount)')
    const disk = join(directory, 'disk')
    mkdirSync(disk)
    const { chain, subject, child } = await startFollowing(context, {
      blocks: 3,
      environment: { INDEXER_DATABASE: join(disk, 'index.db') },
      start: {
        wrapper: [
          'unshare',
          '--user',
          '--map-root-user',
          '--mount',
          'sh',
          '-c',
          SMALL_DISK,
          'sh',
          disk,
          directory,
        ],
      },
    })
    await eventually(
      'the disk is full, and it says so',
      async () => {
        for (let i = 0; i < 20; i++) await chain.mine([someRecords(1, 8), someRecords(2, 8)])
        const status = await subject.status()
        return status !== undefined && status.state !== 'following' && status.lastError !== null
      },
      FILL_UP_MS,
    )
    const said = (await subject.status())!.lastError!
    expectThat(/full|disk|space/i.test(said), `it says that the disk is full, but: ${said}`)
    writeFileSync(join(directory, 'make-room'), '')
    await caughtUp(subject, chain)
    await child.stop()
    // The disk is gone with its namespace; what was in it was complete, by the heads of all authors.
    return `said ${JSON.stringify(said)}; went on when there was room, to block ${chain.truth.head.number}`
  },
}

export const DATABASE_SCENARIOS: readonly Scenario[] = [twoAtOnce, lockFreedByDeath, diskFull]
