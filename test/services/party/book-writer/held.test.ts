import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { JsonRpcProvider, Wallet } from 'ethers'
import { credentialCalls } from '../../../../services/evidence/book/credential-calls.ts'
import { DIGEST_CALLS } from '../../../../services/party/book-writer/registry-calls.ts'
import { type RelayedChain, startRelayedChain } from './relayed-chain.ts'
import { AUTHOR, AUTHOR_KEY, newEntries, until, type WrittenBook, writeBook } from './written-book.ts'

describe('held entries of a book without slots', () => {
  let relayed: RelayedChain
  let chain: RelayedChain['chain']
  let relay: RelayedChain['relay']
  let rpc: RelayedChain['rpc']
  let book: WrittenBook

  beforeEach(async () => {
    relayed = await startRelayedChain()
    ;({ chain, relay, rpc } = relayed)
  })
  afterEach(async () => {
    await book.close()
    await relayed.end()
  })

  const open = async (options: Parameters<typeof writeBook>[1] = {}): Promise<void> => {
    const calls = credentialCalls('publish', '')
    book = await writeBook(chain, { rpc, calls, groups: { slots: DIGEST_CALLS }, maxBatch: 1, ...options })
  }
  const stateOf = (key: string) => book.writer.find(key as never)?.state
  /** Holds so many entries, each in a transaction that is in a block, by hiding what that made. */
  const hold = async (count: number): Promise<void> => {
    relay.faults.alter = ({ method }, result) => {
      if (method === 'eth_getTransactionReceipt') return null
      return method === 'eth_getLogs' ? [] : result
    }
    await book.add(newEntries(count))
    await until(() => book.writer.status().unclear === count)
    const hidden = new Set(
      book.db
        .prepare('SELECT transaction_hash AS hash FROM outbox_transactions')
        .all()
        .map(({ hash }) => hash),
    )
    relay.faults.alter = ({ method, params }, result) => {
      if (method === 'eth_getTransactionReceipt') return hidden.has(params[0] as string) ? null : result
      if (method !== 'eth_getLogs') return result
      return (result as { transactionHash: string }[]).filter((log) => !hidden.has(log.transactionHash))
    }
  }
  const [later, slot] = newEntries(2)

  it('keep no others from going out, of their group or of another', async () => {
    await open()
    await hold(4)
    await book.add([later!, { ...slot!, group: 'slots' } as never])
    await until(() => [later!, slot!].every(({ key }) => stateOf(key) === 'final'))
    expect(book.writer.status()).to.include({ submitted: 4, unclear: 4, isChainUsable: true })
  })

  it('are bounded in number, and then only entries with slots go out', async () => {
    await open({ maxHeld: 2 })
    await hold(2)
    const asked = relay.calls.length
    await book.add([later!, { ...slot!, group: 'slots' } as never])
    await until(() => stateOf(slot!.key) === 'final')
    await sleep(1_500)
    expect(stateOf(later!.key)).to.equal('pending')
    // The one that waits makes the writer ask no more often than it would without.
    expect(relay.calls.length - asked).to.be.below(300)
    relay.faults.alter = undefined
    await until(() => stateOf(later!.key) === 'final')
  })

  it('keep no gap behind them from being filled', async () => {
    await open({ resubmitAfterMs: 600 })
    await hold(1)
    await chain.request('evm_setAutomine', [false])
    const provider = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true })
    const abandoned = await new Wallet(AUTHOR_KEY, provider).sendTransaction({
      ...{ to: AUTHOR, gasLimit: 21_000, nonce: 1 },
      ...{ maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 11n },
    })
    provider.destroy()
    await book.add([later!])
    await until(async () => (await chain.request<{ pending: string }>('txpool_status')).pending === '0x2')
    await chain.request('anvil_dropTransaction', [abandoned.hash])
    await until(async () => {
      await chain.request('evm_mine')
      return stateOf(later!.key) === 'final'
    })
    expect(book.writer.status().unclear).to.equal(1)
  })
})
