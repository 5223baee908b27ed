import { expect } from 'chai'
import type { Bytes32 } from '../../../../protocol/hex.ts'
import type { JsonRpc } from '../../../../services/party/book-writer/chain-access.ts'
import { GroupCommit } from '../../../../services/party/group-commit.ts'
import { connectChain } from '../../../../services/party/rpc.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { deployAll } from '../../../support/contracts.ts'
import { type RpcRelay, startRpcRelay } from '../../../support/rpc-relay.ts'
import { AUTHOR, newEntries, newEntry, until, type WrittenBook, writeBook } from './written-book.ts'

const nonceOf = (chain: AnvilChain): Promise<string> =>
  chain.request('eth_getTransactionCount', [AUTHOR, 'latest'])

describe('a book writer whose chain is replaced', () => {
  let chain: AnvilChain
  /** Of the same id, started at another moment. */
  let other: AnvilChain
  let registry: Bytes32
  let relay: RpcRelay
  let book: WrittenBook
  beforeEach(async () => {
    chain = await startAnvil()
    other = await startAnvil({ flags: ['--timestamp', '1700000000'] })
    registry = (await deployAll(chain.url)).QueryResultRegistry
    relay = await startRpcRelay(chain.url)
  })
  afterEach(async () => {
    await book.close()
    await relay.stop()
    await chain.kill()
    await other.kill()
  })

  const atRelay = (): JsonRpc =>
    connectChain({ chainId: chain.chainId, rpcUrls: [relay.url], timeoutMs: 1_000 })
  const write = async (rpc: JsonRpc = atRelay()) => {
    book = await writeBook(chain, { rpc }, registry)
  }
  const unusable = () => until(() => !book.writer.status().isChainUsable)
  const away = async () => {
    relay.faults.cut = true
    await book.add([newEntry()])
    await unusable()
    relay.faults.cut = false
  }

  it('by an empty one sends it nothing, believes nothing of it, and goes on when the chain is back', async () => {
    await write()
    await book.add(newEntries(3))
    await until(async () => (await book.recorded()).length === 3)
    await away()
    relay.retarget(other.url)
    const added = newEntries(2)
    await book.add(added)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(book.writer.status()).to.include({ isChainUsable: false, pending: 3 })
    for (const { key } of added) expect(book.writer.locationOf(key)).to.equal(undefined)
    expect(await nonceOf(other)).to.equal('0x0')
    relay.retarget(chain.url)
    await until(async () => (await book.recorded()).length === 6)
  })

  it('by one that has the registry too takes it for another, also after a restart', async () => {
    expect((await deployAll(other.url)).QueryResultRegistry).to.equal(registry)
    await write()
    await book.add(newEntries(1))
    await until(async () => (await book.recorded()).length === 1)
    const { db } = book
    expect(db.prepare('SELECT genesis_hash FROM outbox_owner').get()).to.deep.include({
      genesis_hash: (await chain.request<{ hash: string }>('eth_getBlockByNumber', ['0x0', false])).hash,
    })
    await away()
    relay.retarget(other.url)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await nonceOf(other)).to.equal('0x0')
    expect(book.writer.status().isChainUsable).to.equal(false)
    await book.writer.stop()
    const again = await writeBook(chain, { db, commits: new GroupCommit(db), rpc: atRelay() }, registry)
    await until(() => !again.writer.status().isChainUsable)
    expect(again.writer.status().pending).to.equal(1)
    expect(await nonceOf(other)).to.equal('0x0')
    relay.retarget(chain.url)
    await until(() => again.writer.status().isChainUsable)
    await until(async () => (await again.recorded()).length === 2)
    await again.close()
  })

  it('is told of a registry that is not there before anything is sent', async () => {
    const missing = `0x${'ab'.repeat(20)}` as Bytes32
    book = await writeBook(chain, { rpc: atRelay() }, missing)
    const before = await nonceOf(chain)
    const { key } = newEntry()
    await book.add([{ key, digest: key }])
    await unusable()
    expect(await nonceOf(chain)).to.equal(before)
    expect(book.writer.status().pending).to.equal(1)
    expect(book.db.prepare('SELECT genesis_hash FROM outbox_owner').get()).to.deep.include({
      genesis_hash: null,
    })
  })

  it('calls nothing recorded by a receipt without an event of the registry', async () => {
    relay.faults.alter = ({ method }, result) =>
      method === 'eth_getTransactionReceipt' && result !== null ? { ...(result as object), logs: [] } : result
    await write()
    const [entry] = newEntries(1)
    await book.add([entry!])
    await unusable()
    expect(book.writer.find(entry!.key)?.state).to.equal('submitted')
    relay.faults.alter = undefined
    await until(() => book.writer.find(entry!.key)?.state === 'final')
    expect(await book.recorded()).to.deep.equal([entry])
  })
})
