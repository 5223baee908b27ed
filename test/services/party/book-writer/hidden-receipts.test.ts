import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { JsonRpcProvider, Wallet } from 'ethers'
import { credentialCalls, type RecordingTier } from '../../../../services/evidence/book/credential-calls.ts'
import { type ChainRpc, connectChain } from '../../../../services/party/rpc.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { type RelayedCall, type RpcRelay, startRpcRelay } from '../../../support/rpc-relay.ts'
import { AUTHOR, AUTHOR_KEY, newEntries, until, type WrittenBook, writeBook } from './written-book.ts'

/** What a node answers that has pruned these, or has not indexed them yet. */
const hiding =
  (...methods: string[]) =>
  ({ method }: RelayedCall, result: unknown): unknown => {
    if (!methods.includes(method)) return result
    return method === 'eth_getLogs' ? [] : null
  }
const RECEIPTS = 'eth_getTransactionReceipt'
const EVENTS = 'eth_getLogs'
const TRANSACTIONS = 'eth_getTransactionByHash'

describe('book writer of a book without slots, whose node has state but no receipts', () => {
  let chain: AnvilChain
  let relay: RpcRelay
  let book: WrittenBook
  let rpcs: ChainRpc[]

  beforeEach(async () => {
    chain = await startAnvil()
    relay = await startRpcRelay(chain.url)
    rpcs = []
  })
  afterEach(async () => {
    await book.close()
    for (const rpc of rpcs) rpc.destroy()
    await relay.stop()
    await chain.kill()
  })

  const open = async (
    tier: RecordingTier = 'publish',
    options: Parameters<typeof writeBook>[1] = {},
    rpcUrls = [relay.url],
  ): Promise<void> => {
    const rpc = connectChain({ chainId: chain.chainId, rpcUrls, timeoutMs: 1_000 })
    rpcs.push(rpc)
    book = await writeBook(chain, { rpc, calls: credentialCalls(tier, 'https://office.test'), ...options })
  }
  /** How many entries each event of the author's stands for. */
  const eventsOf = async (tier: RecordingTier): Promise<number[]> => {
    const { filters } = book.registry
    const filter = tier === 'publish' ? filters.Published! : filters.Anchored!
    const logs = await book.registry.queryFilter(filter(null, AUTHOR), 0)
    return logs.map((log) => {
      const { args } = book.registry.interface.parseLog(log)!
      return tier === 'publish' ? args[2].length : Number(args.leafCount)
    })
  }
  const nonce = async (): Promise<number> =>
    Number(await chain.request('eth_getTransactionCount', [AUTHOR, 'latest']))
  const stateOf = (key: string) => book.writer.find(key as never)?.state
  /** A transaction of the author's that the writer knows nothing of. */
  const sendElsewhere = async (): Promise<void> => {
    const provider = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true })
    const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 11n }
    await new Wallet(AUTHOR_KEY, provider).sendTransaction({
      to: AUTHOR,
      gasLimit: 21_000,
      nonce: 0,
      ...fees,
    })
    provider.destroy()
  }
  /** Adds entries, and lets another transaction take the nonce of theirs. */
  const loseNonce = async (entries: ReturnType<typeof newEntries>): Promise<void> => {
    await chain.request('evm_setAutomine', [false])
    await book.add(entries)
    await until(async () => (await chain.request<{ pending: string }>('txpool_status')).pending === '0x1')
    await chain.request('anvil_dropAllTransactions')
    await sendElsewhere()
    await chain.request('evm_setAutomine', [true])
    await chain.request('evm_mine')
  }

  for (const tier of ['publish', 'anchor'] as const)
    it(`knows its own transaction by its block and its event (${tier})`, async () => {
      relay.faults.alter = hiding(RECEIPTS)
      await open(tier)
      const entries = newEntries(3)
      await book.add(entries)
      await until(() => entries.every(({ key }) => stateOf(key) === 'final'))
      expect(await eventsOf(tier)).to.deep.equal([3])
      expect(await nonce()).to.equal(1)
      const { hash } = await chain
        .request<{ transactions: string[] }>('eth_getBlockByNumber', ['latest', false])
        .then(({ transactions }) => ({ hash: transactions[0] }))
      expect(book.writer.locationOf(entries[0]!.key)?.transactionHash).to.equal(hash)
      expect(book.writer.status().unclear).to.equal(0)
    })

  it('finds the block where the node knows the transaction by its block alone', async () => {
    relay.faults.alter = hiding(RECEIPTS, TRANSACTIONS)
    await open()
    const [entry] = newEntries(1)
    await book.add([entry!])
    await chain.request('anvil_mine', ['0x40'])
    await until(() => stateOf(entry!.key) === 'final')
    expect(await eventsOf('publish')).to.deep.equal([1])
  })

  it('holds its entries while neither receipt nor event can be had, and says so', async () => {
    relay.faults.alter = hiding(RECEIPTS, EVENTS)
    await open()
    const entries = newEntries(3)
    await book.add(entries)
    await until(() => book.writer.status().unclear === 3)
    await chain.request('anvil_mine', ['0x40'])
    await sleep(2_500)
    expect(book.writer.status()).to.include({ pending: 0, submitted: 3, unclear: 3, isChainUsable: true })
    expect(await nonce()).to.equal(1)
    relay.faults.alter = undefined
    await until(() => entries.every(({ key }) => stateOf(key) === 'final'))
    expect(await eventsOf('publish')).to.deep.equal([3])
    expect(book.writer.status().unclear).to.equal(0)
  })

  it('asks no end of blocks, and sends nothing again, while it holds entries', async () => {
    relay.faults.alter = hiding(RECEIPTS, EVENTS)
    await open('publish', { resubmitAfterMs: 100 })
    await book.add(newEntries(1))
    await until(() => book.writer.status().unclear === 1)
    const before = relay.calls.length
    await sleep(3_000)
    const asked = relay.calls.slice(before).map(({ method }) => method)
    expect(asked).to.not.include('eth_sendRawTransaction')
    expect(asked.filter((method) => method === EVENTS).length).to.be.within(1, 4)
  })

  it('is shown the receipt by another node', async () => {
    relay.faults.alter = hiding(RECEIPTS, EVENTS)
    await open('publish', {}, [relay.url, chain.url])
    const entries = newEntries(3)
    await book.add(entries)
    await until(() => entries.every(({ key }) => stateOf(key) === 'final'))
    expect(await eventsOf('publish')).to.deep.equal([3])
  })

  it('takes a new nonce once the transaction that has its own is seen', async () => {
    relay.faults.alter = hiding(RECEIPTS, TRANSACTIONS)
    await open()
    const entries = newEntries(3)
    await loseNonce(entries)
    await until(() => entries.every(({ key }) => stateOf(key) === 'final'))
    expect(await eventsOf('publish')).to.deep.equal([3])
    expect(await nonce()).to.equal(2)
  })

  it('takes none while the block of that transaction cannot be read', async () => {
    relay.faults.alter = ({ method, params }, result) =>
      method === 'eth_getBlockByNumber' && params[1] === true
        ? null
        : hiding(RECEIPTS)({ method } as never, result)
    await open()
    const entries = newEntries(2)
    await loseNonce(entries)
    await until(() => book.writer.status().unclear === 2)
    await sleep(2_000)
    expect(await nonce()).to.equal(1)
    relay.faults.alter = undefined
    await until(() => entries.every(({ key }) => stateOf(key) === 'final'))
    expect(await eventsOf('publish')).to.deep.equal([2])
  })

  it('finds the transaction without the state of old blocks, block by block', async () => {
    relay.faults.alter = hiding(RECEIPTS, TRANSACTIONS)
    let head = 0
    relay.faults.refuse = ({ method, params }) => {
      const isOld = method === 'eth_getTransactionCount' && Number(params[1]) < head - 1
      return isOld ? { code: -32_000, message: 'missing trie node' } : undefined
    }
    await open()
    const entries = newEntries(2)
    await loseNonce(entries)
    await chain.request('anvil_mine', ['0x28'])
    head = Number(await chain.request('eth_blockNumber'))
    await until(() => entries.every(({ key }) => stateOf(key) === 'final'), 15_000)
    expect(await eventsOf('publish')).to.deep.equal([2])
  }).timeout(20_000)

  it('finds it though the node never has the state of a block that is final', async () => {
    relay.faults.alter = hiding(RECEIPTS, TRANSACTIONS)
    relay.faults.refuse = ({ method, params }) =>
      method === 'eth_getTransactionCount' && String(params[1]).startsWith('0x')
        ? { code: -32_000, message: 'missing trie node' }
        : undefined
    await open('publish', { finalityDepth: 3 })
    const entries = newEntries(2)
    await loseNonce(entries)
    await sleep(1_500)
    expect(await nonce()).to.equal(1)
    await until(async () => {
      await chain.request('evm_mine')
      return entries.every(({ key }) => stateOf(key) === 'final')
    }, 15_000)
    expect(await eventsOf('publish')).to.deep.equal([2])
  }).timeout(20_000)

  it('makes final, and does not repeat, what it saw in a block whose receipts are gone since', async () => {
    await open('publish', { finalityDepth: 3 })
    const [entry] = newEntries(1)
    await book.add([entry!])
    await until(() => stateOf(entry!.key) === 'recorded')
    relay.faults.alter = hiding(RECEIPTS)
    await chain.request('anvil_mine', ['0x4'])
    await until(() => stateOf(entry!.key) === 'final')
    expect(await eventsOf('publish')).to.deep.equal([1])
    expect(await nonce()).to.equal(1)
  })

  it('does not call unclear what is seen to have failed, though that is not final yet', async () => {
    relay.faults.alter = hiding(RECEIPTS)
    relay.faults.refuse = ({ method, params }) =>
      method === 'eth_getTransactionCount' && String(params[1]).startsWith('0x')
        ? { code: -32_000, message: 'missing trie node' }
        : undefined
    const calls = credentialCalls('publish', '')
    await open('publish', { calls: { ...calls, gasOfCall: 30_000, gasOf: () => 100 }, finalityDepth: 3 })
    await book.add(newEntries(2))
    await until(() => book.writer.status().unclear === 2)
    relay.faults.alter = undefined
    await until(() => book.writer.status().unclear === 0)
    expect(book.writer.status()).to.include({ submitted: 2, pending: 0 })
  })

  it('sends the entries of a transaction that failed again only when that is final', async () => {
    const calls = credentialCalls('publish', '')
    await open('publish', { calls: { ...calls, gasOfCall: 30_000, gasOf: () => 100 }, finalityDepth: 3 })
    const entries = newEntries(2)
    await book.add(entries)
    await until(async () => (await nonce()) === 1)
    await sleep(2_500)
    expect(await nonce()).to.equal(1)
    expect(book.writer.status()).to.include({ submitted: 2, pending: 0 })
    await chain.request('anvil_mine', ['0x3'])
    await until(async () => {
      await chain.request('evm_mine')
      return (await eventsOf('publish')).length === 1
    })
    expect(await eventsOf('publish')).to.deep.equal([2])
  })
})
