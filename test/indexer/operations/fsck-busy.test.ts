import { expect } from 'chai'
import { checkOffline } from '../../../indexer/operations/fsck/offline-check.ts'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { STORES } from '../../support/stores.ts'

const POSTGRES = STORES.find(({ name }) => name === 'PostgreSQL')!
const { skipReason } = POSTGRES
const describePostgres = skipReason === undefined ? describe : describe.skip

const CHAIN = 7
const hashOf = (number: number): Buffer => Buffer.alloc(32, number % 256)
const checkpointOf = (number: number) => ({ number, hash: hashOf(number), timestamp: number, finalNumber: 0 })
const commitOf = (number: number) => ({
  chainId: CHAIN,
  blocks: [],
  rows: [],
  heads: [],
  checkpoint: checkpointOf(number),
})

describePostgres(`busy PostgreSQL store${skipReason === undefined ? '' : ` (${skipReason})`}`, () => {
  let store: Store
  let close: () => Promise<void>
  beforeEach(async () => {
    const { database, drop } = await POSTGRES.newDatabase()
    store = await openStore(database)
    close = () => store.close().finally(drop)
    await store.createChain({ chainId: CHAIN, genesisHash: hashOf(0), checkpoint: checkpointOf(0) })
    await store.commit(commitOf(1))
  })
  afterEach(() => close())

  it('dumps as of the moment that is held, when that is not held any more either', async () => {
    const before = await Array.fromAsync(store.dump())
    const { id, chains, release } = await store.holdMoment!()
    await store.commit(commitOf(2))
    const dump = store.dump(undefined, id)[Symbol.asyncIterator]()
    const first = await dump.next()
    await release()
    expect([first.value, ...(await Array.fromAsync({ [Symbol.asyncIterator]: () => dump }))]).to.deep.equal(
      before,
    )
    expect(chains.map(({ checkpoint }) => checkpoint.number)).to.deep.equal([1])
    expect(await Array.fromAsync(store.dump())).to.not.deep.equal(before)
  })

  it('is checked against itself nevertheless', async () => {
    let number = 1
    // No dump begins before one more block has come.
    async function* dump(...given: Parameters<Store['dump']>) {
      await store.commit(commitOf(++number))
      yield* store.dump(...given)
    }
    const { isSound, chains } = await checkOffline({ ...store, dump })
    expect(isSound).to.equal(true)
    expect(chains[0]!.upToBlock).to.equal(1)
    expect(number).to.be.above(1)
  })
})
