import { expect } from 'chai'
import { atOneStanding } from '../../../indexer/api/standing.ts'
import type { ChainView } from '../../../indexer/chain/chain-view.ts'
import { expectRejection } from '../../support/expect-error.ts'

const checkpointAt = (number: number) => ({
  number,
  hash: new Uint8Array(32),
  timestamp: number,
  finalNumber: 0,
})
const viewAt = (number: number) =>
  ({
    config: { chainId: 1, name: 'one' },
    checkpoint: checkpointAt(number),
    state: 'following',
    completeness: 'complete',
    reorganisations: 0,
  }) as unknown as ChainView

describe('atOneStanding', () => {
  it('reads again when it was refused at a standing that is past', async () => {
    const view = viewAt(5)
    const { found, standings } = await atOneStanding(new Map([[1, view]]), async () => {
      if (view.checkpoint!.number === 6) return 'found'
      view.checkpoint = checkpointAt(6) as never
      throw new Error('past')
    })
    expect([found, standings[0]?.block.number]).to.deep.equal(['found', 6])
  })

  it('refuses at once what is refused at the standing that holds', async () => {
    let reads = 0
    const reading = atOneStanding(new Map([[1, viewAt(5)]]), async () => {
      reads++
      throw new Error('refused')
    })
    const message = await reading.catch((error) => error.message)
    expect([message, reads]).to.deep.equal(['refused', 1])
  })

  it('does not believe a read that a rollback began and ended in, however often', async () => {
    const view = viewAt(5)
    let reads = 0
    const { found } = await atOneStanding(new Map([[1, view]]), async () => {
      if (++reads > 8) return reads
      view.reorganisations++
      view.checkpoint = checkpointAt(5 + reads) as never
      return 'rows of two branches'
    })
    expect(found).to.equal(9)
  })

  it('gives up when blocks are taken back again and again', async () => {
    const view = viewAt(5)
    let reads = 0
    const reading = atOneStanding(
      new Map([[1, view]]),
      async () => {
        reads++
        view.changing = new Promise((resolve) => setTimeout(resolve, 1))
      },
      500,
    )
    await expectRejection(reading, 'STORE_UNAVAILABLE')
    expect(reads).to.be.above(5)
  })

  it('gives up when a rollback hangs', async () => {
    const view = viewAt(5)
    view.changing = new Promise(() => {})
    const from = performance.now()
    await expectRejection(
      atOneStanding(new Map([[1, view]]), async () => {}, 50),
      'STORE_UNAVAILABLE',
    )
    expect(performance.now() - from).to.be.within(45, 5_000)
  })
})
