import { expect } from 'chai'
import { atOneStanding } from '../../../indexer/api/standing.ts'
import type { ChainView } from '../../../indexer/chain/chain-view.ts'

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
})
