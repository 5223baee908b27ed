import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Value } from '../../../indexer/store/tables.ts'
import { databasePath } from '../../support/indexer.ts'

const CHAIN = 7
const ROWS_A_BLOCK = 20_000

const block = (number: number) => ({ number, hash: Buffer.alloc(32, number), timestamp: number })
/** Two keys in a row differ in their last byte only. */
const keyOf = (number: number, i: number): Buffer => {
  const key = Buffer.alloc(32, number)
  key.writeUInt32BE(Math.floor(i / 2), 0)
  key[31] = i % 2
  return key
}
const commitOf = (number: number, rollbackTo?: number) => ({
  chainId: CHAIN,
  blocks: [block(number)],
  rows: [
    {
      table: 'records' as const,
      values: Array.from({ length: ROWS_A_BLOCK }, (_, i): Value[] => [
        ...[CHAIN, number, i, 0, 1, Buffer.alloc(20), keyOf(number, i), Buffer.alloc(32), 0],
        Buffer.alloc(32),
      ]).flat(),
    },
  ],
  heads: [],
  checkpoint: { ...block(number), finalNumber: 0 },
  ...(rollbackTo === undefined ? {} : { rollbackTo }),
})

describe('index of keys in an SQLite store', () => {
  it('finds every record, in the small part and in the large one, and none that was rolled back', async function () {
    this.timeout(90_000)
    const path = databasePath()
    const store = await openStore(path)
    await store.createChain({
      chainId: CHAIN,
      genesisHash: Buffer.alloc(32),
      checkpoint: { ...block(0), finalNumber: 0 },
    })
    const found = async (number: number, i: number) =>
      (await store.findRecords(keyOf(number, i), { limit: 9 })).map(({ blockNumber, logIndex }) => [
        blockNumber,
        logIndex,
      ])
    const inEachPart = () => {
      const db = new DatabaseSync(path, { readOnly: true })
      const countOf = (table: string) =>
        (db.prepare(`SELECT COUNT(*) AS count FROM ${table}`).get() as { count: number }).count
      const counts = [countOf('new_record_keys'), countOf('record_keys')]
      db.close()
      return counts
    }
    try {
      for (const number of [1, 2, 3, 4]) await store.commit(commitOf(number))
      expect(inEachPart()).to.deep.equal([ROWS_A_BLOCK, 3 * ROWS_A_BLOCK])
      for (const number of [1, 3, 4])
        for (const i of [0, 1, 777, ROWS_A_BLOCK - 1])
          expect(await found(number, i)).to.deep.equal([[number, i]])
      await store.commit({ ...commitOf(3, 2), rows: [] })
      expect(inEachPart()).to.deep.equal([0, 2 * ROWS_A_BLOCK])
      expect([await found(2, 5), await found(3, 5), await found(4, 5)]).to.deep.equal([[[2, 5]], [], []])
    } finally {
      await store.close()
    }
  })
})
