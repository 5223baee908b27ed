import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { credentialCalls } from '../../../../services/evidence/book/credential-calls.ts'
import { type RelayedChain, startRelayedChain } from './relayed-chain.ts'
import { AUTHOR, newEntries, publishedBy, until, type WrittenBook, writeBook } from './written-book.ts'

describe('fees of a book writer while its chain makes no blocks', () => {
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
    book = await writeBook(chain, { rpc, calls, resubmitAfterMs: 50, ...options })
    await chain.request('evm_setAutomine', [false])
  }
  const feesSigned = (): bigint[] =>
    book.db
      .prepare('SELECT max_fee_wei AS fee FROM outbox_transactions ORDER BY rowid')
      .all()
      .map(({ fee }) => BigInt(String(fee)))
  const gasLimit = () =>
    BigInt(String(book.db.prepare('SELECT gas_limit AS gas FROM outbox_submissions').get()!.gas))
  const setBalance = (wei: bigint) => chain.request('anvil_setBalance', [AUTHOR, `0x${wei.toString(16)}`])
  const mine = async () => {
    await chain.request('evm_setAutomine', [true])
    await chain.request('evm_mine')
  }
  const isPublished = async () => (await publishedBy(book.registry)).length > 0
  /** Until no more are signed. */
  const bidsEnd = async (): Promise<void> => {
    await until(() => feesSigned().length > 1)
    for (let count = 0; count !== feesSigned().length; ) {
      count = feesSigned().length
      await sleep(1_500)
    }
  }

  it('end at ten times what the chain asks', async () => {
    await open()
    await book.add(newEntries(1))
    await bidsEnd()
    const fees = feesSigned()
    expect(fees.at(-1)! <= 10n * fees[0]!).to.equal(true)
    expect(fees.length).to.be.within(9, 12)
    await mine()
    await until(isPublished)
  })

  it('end at the highest that is allowed', async () => {
    const maxFeePerGas = 4n * 10n ** 9n
    await open({ maxFeePerGas })
    await book.add(newEntries(1))
    await bidsEnd()
    expect(feesSigned().every((fee) => fee <= maxFeePerGas)).to.equal(true)
    await mine()
    await until(isPublished)
  })

  it('are no higher than that from the first transaction on, though the chain asks for more', async () => {
    await open({ maxFeePerGas: 1_000_000n })
    await book.add(newEntries(1))
    // The node refuses it for its base fee; it is as a transaction should be.
    await until(() => feesSigned().length === 1)
    await chain.request('anvil_setNextBlockBaseFeePerGas', ['0x64'])
    await chain.request('evm_mine')
    await until(async () => {
      await chain.request('evm_mine')
      return isPublished()
    })
  })

  it('end at what the author can pay', async () => {
    await open()
    await setBalance(0n)
    await book.add(newEntries(1))
    await until(() => feesSigned().length === 1)
    await until(() => !book.writer.status().isChainUsable)
    const balance = 3n * feesSigned()[0]! * gasLimit()
    await setBalance(balance)
    await bidsEnd()
    expect(feesSigned().every((fee) => fee * gasLimit() <= balance)).to.equal(true)
    await until(() => book.writer.status().isChainUsable)
    // The node has lost them all.
    await chain.request('anvil_dropAllTransactions')
    await mine()
    await until(isPublished)
  })

  it('that cannot be paid any more do not keep an earlier transaction from going out', async () => {
    await open()
    const entries = newEntries(1)
    await book.add(entries)
    await until(() => feesSigned().length > 3)
    await setBalance(feesSigned()[0]! * gasLimit())
    // A node that knows none of them, and can pay the first.
    await chain.request('anvil_dropAllTransactions')
    await mine()
    await until(isPublished)
    await until(() => book.writer.find(entries[0]!.key)?.state === 'final')
  })

  it('refused for one transaction keep others from nothing: what is on chain becomes final', async () => {
    await open({ finalityDepth: 2, resubmitAfterMs: 500 })
    await chain.request('evm_setAutomine', [true])
    const [first, second] = newEntries(2)
    await book.add([first!])
    await until(() => book.writer.find(first!.key)?.state === 'recorded')
    relay.faults.refuse = ({ method }) =>
      method === 'eth_sendRawTransaction'
        ? { code: -32_000, message: 'tx fee exceeds the configured cap' }
        : undefined
    await book.add([second!])
    await until(() => !book.writer.status().isChainUsable)
    await chain.request('anvil_mine', ['0x3'])
    await until(() => book.writer.find(first!.key)?.state === 'final')
    expect(book.writer.find(second!.key)?.state).to.equal('submitted')
    relay.faults.refuse = undefined
    await until(async () => (await publishedBy(book.registry)).length === 2)
  })
})
