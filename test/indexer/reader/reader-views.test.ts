import { expect } from 'chai'
import { pino } from 'pino'
import { ReaderViews } from '../../../indexer/reader/reader-views.ts'
import { expectRejection } from '../../support/expect-error.ts'

const CONFIG = { chainId: 1, name: 'one', rpcUrls: [], finalityDepth: 1, contracts: [] }
const CHECKPOINT = { number: 5, hash: Buffer.alloc(32), timestamp: 5, finalNumber: 4 }

describe('views of a reader', () => {
  function viewsOf(store: object): ReaderViews {
    const none = async () => []
    const options = { configs: [CONFIG], pollMs: 10, log: pino({ level: 'silent' }) }
    const quiet = { listContracts: none, listHeads: none, listIncomplete: none, listChains: none }
    return new ReaderViews({ ...options, store: { listChainStates: none, ...quiet, ...store } as never })
  }

  it('are not said to be up to date when the store never stands still', async () => {
    let version = 0
    const views = viewsOf({ version: async () => version++ })
    await expectRejection(views.refresh(), 'STORE_UNAVAILABLE')
  })

  it('forget what was said of a chain that was dropped', async () => {
    let version = 1
    let chains: object[] = [{ chainId: 1, genesisHash: Buffer.alloc(32), checkpoint: CHECKPOINT }]
    const said = { chainId: 1, state: 'following', completeness: 'complete', reorganisations: 2 }
    let states: object[] = [{ ...said, tip: { number: 5, timestamp: 5 }, updatedAt: Date.now() }]
    const views = viewsOf({
      version: async () => version,
      listChains: async () => chains,
      listChainStates: async () => states,
    })
    await views.refresh()
    expect(views.get(1)).to.deep.include({ state: 'following', completeness: 'complete' })
    chains = []
    states = []
    version++
    await views.refresh()
    const after = { state: 'starting', completeness: 'unverified', reorganisations: 0 }
    expect(views.get(1)).to.deep.include({ ...after, tip: undefined, checkpoint: undefined })
  })
})
