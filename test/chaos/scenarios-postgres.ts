import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { postgresMissing, queryOnce, startPostgresServer } from '../support/postgres-server.ts'
import type { Engine } from './engines.ts'
import { expectThat, type Scenario, type ScenarioContext } from './scenario.ts'
import { caughtUp, expectReplay, someRecords, startFollowing } from './scenario-steps.ts'
import { ScenarioSkipped } from './skipped.ts'

/** A minute in earnest: CHAOS_DATABASE_GONE_MS=60000. */
const GONE_MS = Number(process.env.CHAOS_DATABASE_GONE_MS ?? 4_000)
/** Pauses between attempts to connect have grown meanwhile. */
const BACK_WITHIN_MS = 35_000

async function onOwnPostgres(context: ScenarioContext) {
  const missing = postgresMissing()
  if (missing !== undefined) throw new ScenarioSkipped(missing)
  const postgres = await startPostgresServer()
  context.atEnd(() => postgres.drop())
  const engine: Engine = {
    name: 'postgres',
    newDatabase: async () => ({ database: postgres.url, drop: async () => {} }),
  }
  return { postgres, engine, ...(await startFollowing(context, { engine })) }
}

const databaseGone: Scenario = {
  name: 'the database server is gone for a while',
  engines: ['postgres'],
  async run(context) {
    const { postgres, chain, subject } = await onOwnPostgres(context)
    const [record] = chain.truth.records()
    await postgres.kill()
    const until = performance.now() + GONE_MS
    let said: string | null | undefined
    while (performance.now() < until) {
      await chain.mine([someRecords(1)])
      const status = await subject.status()
      said = status?.lastError ?? said
      expectThat(subject.isRunning(), `it goes on running: ${subject.process()!.output().slice(-1_000)}`)
      const answer = await fetch(`${subject.url()}/v1/results/${record!.serial}/${record!.provider}`)
      expectThat(answer.status !== 404, 'a record is never said to be unknown because the database is gone')
      await sleep(100)
    }
    await chain.reorganise(2, [someRecords(2)])
    await postgres.start()
    const back = performance.now()
    await subject.caughtUp(() => chain.truth.head.hash, BACK_WITHIN_MS)
    const took = performance.now() - back
    await expectReplay(subject, chain)
    return `gone for ${GONE_MS / 1000} s (said ${JSON.stringify(said)}), caught up ${Math.round(took)} ms after it was back`
  },
}

const lockTaken: Scenario = {
  name: 'the connection that holds the lock is ended by the server',
  engines: ['postgres'],
  async run(context) {
    const { postgres, chain, subject } = await onOwnPostgres(context)
    for (let i = 0; i < 3; i++) {
      await chain.mine([someRecords(1)])
      await queryOnce(
        postgres.url,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted",
      )
      await chain.mine([someRecords(2)])
      await caughtUp(subject, chain)
    }
    const holders = await queryOnce(
      postgres.url,
      "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'",
    )
    expectThat(holders.length >= 1, 'it holds the lock again')
    await expectReplay(subject, chain)
    return 'reconnected, took the lock again and went on, three times'
  },
}

/** A second indexer takes the lock while the first has lost it: from then on only one of them may write. */
const lockLostToAnother: Scenario = {
  name: 'another writer takes the lock from one that was cut off',
  engines: ['postgres'],
  async run(context) {
    const { postgres, chain, subject, engine } = await onOwnPostgres(context)
    const second = await context.subject({ chain, engine })
    const child = second.start()
    const outcome = await Promise.race([
      child.listening.then(() => 'waits' as const),
      child.gone.then(() => 'ended' as const),
    ])
    if (outcome === 'ended')
      expectThat(child.output().includes('INDEX_DATABASE_LOCKED'), 'the second says INDEX_DATABASE_LOCKED')
    for (let i = 0; i < 5; i++) {
      await queryOnce(
        postgres.url,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted",
      )
      if (second.isRunning() === false) second.start()
      await chain.mine([someRecords(1)])
      await chain.reorganise(1, [someRecords(2)])
      await sleep(300)
    }
    const writers = [subject, second].filter((one) => one.isRunning())
    expectThat(writers.length > 0, 'one of the two still runs')
    await eventually(
      'one of them is caught up',
      async () => {
        const states = await Promise.all(writers.map((one) => one.status()))
        return states.some(
          (status) =>
            status?.state === 'following' &&
            status.standing?.completeness === 'complete' &&
            status.standing.block.hash === chain.truth.head.hash,
        )
      },
      BACK_WITHIN_MS,
    )
    if (second.isRunning()) await second.process()!.kill()
    if (!subject.isRunning()) await subject.start().listening
    await subject.caughtUp(() => chain.truth.head.hash, BACK_WITHIN_MS)
    await expectReplay(subject, chain)
    return `the second ${outcome === 'waits' ? 'waited for its turn' : 'was refused'}; after five losses the rows are right`
  },
}

export const POSTGRES_SCENARIOS: readonly Scenario[] = [databaseGone, lockTaken, lockLostToAnother]
