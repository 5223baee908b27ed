import { expect } from 'chai'
import { pino } from 'pino'
import { atOneStanding } from '../../../indexer/api/standing.ts'
import { ChainHeads } from '../../../indexer/chain/chain-heads.ts'
import { ChainWriter } from '../../../indexer/chain/chain-writer.ts'

const blockAt = (number: number) => ({
  number,
  hash: new Uint8Array(32).fill(number),
  timestamp: number,
  finalNumber: 0,
})

describe('an answer while blocks are taken back', () => {
  it('is of the chain after that, once the rows are gone', async () => {
    const config = { chainId: 1, name: 'one' }
    const view = {
      config,
      state: 'following',
      completeness: 'complete',
      reorganisations: 0,
      checkpoint: blockAt(5),
      heads: ChainHeads.load([], []),
      contracts: [],
    }
    const rows = ['a row']
    const committed = Promise.withResolvers<void>()
    const listed = Promise.withResolvers<never[]>()
    const store = {
      async commit() {
        rows.length = 0
        committed.resolve()
      },
      listHeads: () => listed.promise,
    }
    const writer = new ChainWriter({
      config,
      store,
      view,
      completeness: { takeVerified: () => [], noteRollback() {} },
      metrics: { committed() {} },
      log: pino({ level: 'silent' }),
      onCommit() {},
    } as never)
    const writing = writer.commit(writer.newDraft(0, view.heads), blockAt(4), { rollbackTo: 3 })
    await committed.promise
    const answering = atOneStanding(new Map([[1, view]]) as never, async () => [...rows])
    setImmediate(() => listed.resolve([]))
    await writing
    const { found, standings } = await answering
    expect(found).to.deep.equal([])
    expect(standings[0]!.block.number).to.equal(4)
  })
})
