import { expect } from 'chai'
import { pino } from 'pino'
import type { Bytes32 } from '../../../../protocol/hex.ts'
import { GroupCommit } from '../../../../services/party/group-commit.ts'
import { type ChainRpc, connectChain } from '../../../../services/party/rpc.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { deployAll } from '../../../support/contracts.ts'
import { genesisOf, type ReplacedChain, replaceChain } from '../../../support/replaced-chain.ts'
import type { RpcRelay } from '../../../support/rpc-relay.ts'
import { AUTHOR, newEntries, newEntry, until, type WrittenBook, writeBook } from './written-book.ts'

const nonceOf = (chain: AnvilChain): Promise<string> =>
  chain.request('eth_getTransactionCount', [AUTHOR, 'latest'])

describe('a book writer whose chain is replaced', () => {
  let chain: AnvilChain
  let other: AnvilChain
  let replaced: ReplacedChain
  let registry: Bytes32
  let relay: RpcRelay
  let book: WrittenBook
  const opened: { close(): unknown }[] = []
  let reasons: string[]
  beforeEach(async () => {
    chain = await startAnvil()
    registry = (await deployAll(chain.url)).QueryResultRegistry
    replaced = await replaceChain(chain)
    other = replaced.afresh
    relay = replaced.relay
    reasons = []
  })
  afterEach(async () => {
    for (const part of opened.splice(0).reverse()) await part.close()
    await replaced.end()
    await chain.kill()
  })

  const connect = (rpcUrls = [relay.url]): ChainRpc => {
    const rpc = connectChain({ chainId: chain.chainId, rpcUrls, timeoutMs: 2_000 })
    opened.push({ close: () => rpc.destroy() })
    return rpc
  }
  const logger = pino(
    { level: 'warn' },
    { write: (line: string) => void reasons.push(JSON.parse(line).reason ?? '') },
  )
  const open = async (options: Parameters<typeof writeBook>[1] = {}, at = registry): Promise<WrittenBook> => {
    const made = await writeBook(chain, { rpc: connect(), logger, ...options }, at)
    opened.push(made)
    return made
  }
  const refusedFor = (what: string) =>
    until(() => reasons.some((reason) => reason.includes(what)), 10_000, `${what} in ${reasons}`)
  const becomes = (target: AnvilChain): void => replaced.becomes(target)

  it('by an empty one sends it nothing, believes nothing of it, and goes on when the chain is back', async () => {
    book = await open()
    await book.add(newEntries(3))
    await until(async () => (await book.recorded()).length === 3)
    becomes(other)
    const added = newEntries(2)
    await book.add(added)
    await refusedFor('genesis')
    expect(book.writer.status()).to.include({ isChainUsable: false, pending: 2 })
    for (const { key } of added) expect(book.writer.locationOf(key)).to.equal(undefined)
    expect(await nonceOf(other)).to.equal('0x0')
    becomes(chain)
    await until(async () => (await book.recorded()).length === 5)
  })

  it('by one that has the registry too takes it for another, also after a restart, and goes to a node of the right one', async () => {
    expect((await deployAll(other.url)).QueryResultRegistry).to.equal(registry)
    book = await open()
    await book.add(newEntries(1))
    await until(async () => (await book.recorded()).length === 1)
    const { db } = book
    expect(db.prepare('SELECT genesis_hash FROM outbox_owner').get()).to.deep.include({
      genesis_hash: await genesisOf(chain),
    })
    await book.writer.stop()
    becomes(other)
    const again = await open({ db, commits: new GroupCommit(db) })
    await again.add([newEntry()])
    await refusedFor('genesis')
    expect(again.writer.status()).to.include({ isChainUsable: false, pending: 1 })
    expect(await nonceOf(other)).to.equal('0x0')
    await again.writer.stop()
    const failedOver = await open({ db, commits: new GroupCommit(db), rpc: connect([other.url, chain.url]) })
    await until(async () => (await failedOver.recorded()).length === 2)
    expect(await nonceOf(other)).to.equal('0x0')
  })

  it('is told of a registry that is not there before anything is sent', async () => {
    book = await open({}, `0x${'ab'.repeat(20)}`)
    const before = await nonceOf(chain)
    await book.add([newEntry()])
    await refusedFor('no registry')
    expect(await nonceOf(chain)).to.equal(before)
    expect(book.writer.status()).to.include({ isChainUsable: false, pending: 1 })
    expect(book.db.prepare('SELECT genesis_hash FROM outbox_owner').get()).to.deep.include({
      genesis_hash: null,
    })
  })

  it('calls nothing recorded, and nothing final, by a receipt without an event of the registry', async () => {
    const withoutLogs: RpcRelay['faults']['alter'] = ({ method }, result) =>
      method === 'eth_getTransactionReceipt' && result !== null ? { ...(result as object), logs: [] } : result
    relay.faults.alter = withoutLogs
    book = await open({ finalityDepth: 2 })
    const [entry] = newEntries(1)
    await book.add([entry!])
    await refusedFor('no event')
    expect(book.writer.find(entry!.key)?.state).to.equal('submitted')
    relay.faults.alter = undefined
    await until(() => book.writer.find(entry!.key)?.state === 'recorded')
    // A reason is told again only after the chain could be used.
    await until(() => book.writer.status().isChainUsable)
    reasons = []
    relay.faults.alter = withoutLogs
    await chain.request('anvil_mine', ['0x5'])
    await refusedFor('no event')
    expect(book.writer.find(entry!.key)?.state).to.equal('recorded')
    relay.faults.alter = undefined
    await until(() => book.writer.find(entry!.key)?.state === 'final')
    expect(await book.recorded()).to.deep.equal([entry])
  })

  it('calls nothing final by the head of one node and the receipt of another', async () => {
    book = await open({ finalityDepth: 2 })
    const [entry] = newEntries(1)
    await book.add([entry!])
    await until(() => book.writer.find(entry!.key)?.state === 'recorded')
    const { blockNumber } = book.writer.locationOf(entry!.key)!
    let asked = 0
    relay.faults.alter = ({ method, params }, result) => {
      if (method !== 'eth_getBlockByNumber' || Number(params[0]) !== blockNumber) return result
      asked++
      return { ...(result as object), hash: `0x${'ab'.repeat(32)}` }
    }
    await chain.request('anvil_mine', ['0x5'])
    await until(() => asked > 2)
    expect(book.writer.find(entry!.key)?.state).to.equal('recorded')
    relay.faults.alter = undefined
    await until(() => book.writer.find(entry!.key)?.state === 'final')
  })

  it('goes on with a node that does not have the first block any more', async () => {
    relay.faults.alter = ({ method, params }, result) =>
      method === 'eth_getBlockByNumber' && params[0] === '0x0' ? null : result
    book = await open()
    await book.add(newEntries(1))
    await until(async () => (await book.recorded()).length === 1)
    relay.faults.alter = undefined
    relay.disconnect()
    await book.add(newEntries(1))
    await until(async () => (await book.recorded()).length === 2)
  })
})
