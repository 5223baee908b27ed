import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { polledOrphans } from '../../../indexer/store/postgres/postgres-store.ts'

describe('what a reader knows of orphans', () => {
  it('is that there are none only for a moment after it looked', async () => {
    let rows: number[][] = []
    const orphans = polledOrphans({ query: async () => rows } as never)
    expect(orphans.mayExist()).to.equal(true)
    await sleep(0)
    expect(orphans.mayExist()).to.equal(false)
    rows = [[1]]
    await sleep(1_050)
    expect(orphans.mayExist()).to.equal(true)
    await sleep(0)
    expect(orphans.mayExist()).to.equal(true)
  })
})
