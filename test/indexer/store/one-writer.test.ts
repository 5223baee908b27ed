import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { describeStores } from '../../support/stores.ts'
import { CHAIN, commitOf, ROWS_A_COMMIT, startWritingProcess } from './writing-process.ts'

const MAX_TAKEOVER_MS = 2_000

describeStores('one writer', (engine) => {
  let database: { database: string; drop(): Promise<void> }
  beforeEach(async () => {
    database = await engine.newDatabase()
  })
  afterEach(() => database.drop())

  const open = () => openStore(database.database)
  const refusal = async (): Promise<unknown> =>
    open().then(
      (store) => store.close().then(() => 'opened'),
      (error: unknown) => error,
    )

  it('is refused while there is another, and taken as soon as that one has closed', async () => {
    const first = await open()
    expect(isCountersignError(await refusal(), 'INDEX_DATABASE_LOCKED')).to.equal(true)
    await first.close()
    const since = performance.now()
    await (await open()).close()
    expect(performance.now() - since).to.be.below(MAX_TAKEOVER_MS)
  })

  it('is taken within 2 s of the death of the one before, whatever that was doing, and nothing is half there', async function () {
    this.timeout(60_000)
    for (const afterMs of [0, 3, 10, 25, 60, 120]) {
      const writing = await startWritingProcess(database.database)
      await sleep(afterMs)
      const written = await writing.kill()
      const since = performance.now()
      const store = await open()
      expect(performance.now() - since).to.be.below(MAX_TAKEOVER_MS)
      try {
        const { number } = (await store.listChains())[0]!.checkpoint
        // The last commit may be there though it was never confirmed; a confirmed one is there.
        expect(number).to.be.within(written, written + 1)
        const lines = await Array.fromAsync(store.dump())
        expect(lines.filter((line) => line.startsWith('records '))).to.have.length(number * ROWS_A_COMMIT)
        expect(await store.findRecords(commitOf(number + 1).base!.subarray())).to.have.length(
          number > 0 ? 1 : 0,
        )
        await store.commit(commitOf(number + 1))
        expect((await store.listChains())[0]).to.include({ chainId: CHAIN })
      } finally {
        await store.close()
      }
    }
  })
})
