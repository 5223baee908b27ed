import { expect } from 'chai'
import { credentialCalls } from '../../../../services/evidence/book/credential-calls.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { newEntries, publishedBy, until, type WrittenBook, writeBook } from './written-book.ts'

describe('book writer without slots whose transaction a reorganisation takes out', () => {
  let chain: AnvilChain
  let book: WrittenBook

  beforeEach(async () => {
    chain = await startAnvil()
  })
  afterEach(async () => {
    await book.close()
    await chain.kill()
  })

  const stateOf = (key: string) => book.writer.find(key as never)?.state
  const open = async ({ finalityDepth } = { finalityDepth: 30 }): Promise<void> => {
    const calls = credentialCalls('publish', '')
    book = await writeBook(chain, { calls, finalityDepth, resubmitAfterMs: 600, maxBatch: 1 })
  }
  const takeOut = async (blocks: number): Promise<void> => {
    await chain.request('anvil_reorg', [blocks, []])
    await chain.request('anvil_dropAllTransactions')
  }
  const published = async () => (await publishedBy(book.registry)).map(({ key }) => key)
  const noncesOf = () =>
    book.db.prepare('SELECT nonce, entry_count AS entries FROM outbox_submissions ORDER BY nonce, id').all()
  const final = async (entries: ReturnType<typeof newEntries>) =>
    until(async () => {
      await chain.request('anvil_mine', ['0x8'])
      return entries.every(({ key }) => stateOf(key) === 'final')
    })

  it('brings it back under its nonce, before those that came after', async () => {
    await open()
    const entries = newEntries(3)
    for (const entry of entries.slice(0, 2)) {
      await book.add([entry])
      await until(() => stateOf(entry.key) === 'recorded')
    }
    await takeOut(2)
    await book.add(entries.slice(2))
    await until(async () => (await published()).length === 3)
    expect(await published()).to.deep.equal(entries.map(({ key }) => key))
    await final(entries)
    expect(await published()).to.deep.equal(entries.map(({ key }) => key))
    expect(noncesOf().map(({ nonce, entries }) => [nonce, entries])).to.deep.equal([
      [0, 1],
      [1, 1],
      [2, 1],
    ])
  })

  it('brings it back though nothing else is to be sent, and says that it waits meanwhile', async () => {
    await open()
    const [entry] = newEntries(1)
    await book.add([entry!])
    await until(() => stateOf(entry!.key) === 'recorded')
    await chain.request('evm_setAutomine', [false])
    await takeOut(1)
    await until(() => stateOf(entry!.key) === 'submitted')
    expect(book.writer.locationOf(entry!.key)).to.equal(undefined)
    await until(async () => (await chain.request<{ pending: string }>('txpool_status')).pending === '0x1')
    await chain.request('evm_setAutomine', [true])
    await chain.request('evm_mine')
    await until(async () => (await published()).length === 1)
  })

  it('fills no nonce of its own while it waits for the node to say so twice', async () => {
    await open()
    const [first, second] = newEntries(2)
    await book.add([first!])
    await until(() => stateOf(first!.key) === 'recorded')
    await chain.request('evm_setAutomine', [false])
    await book.add([second!])
    await until(() => stateOf(second!.key) === 'submitted')
    await takeOut(1)
    await until(async () => {
      await chain.request('evm_mine')
      return (await published()).length === 2
    })
    expect(await published()).to.deep.equal([first!.key, second!.key])
    await final([first!, second!])
    expect(noncesOf().map(({ nonce, entries }) => [nonce, entries])).to.deep.equal([
      [0, 1],
      [1, 1],
    ])
  })

  it('goes on after one that was deeper than what counts as final: the nonces before are filled', async () => {
    await open({ finalityDepth: 0 })
    const entries = newEntries(3)
    for (const entry of entries.slice(0, 2)) {
      await book.add([entry])
      await until(() => stateOf(entry.key) === 'final')
    }
    await takeOut(2)
    await book.add(entries.slice(2))
    await until(() => stateOf(entries[2]!.key) === 'final')
    expect(await published()).to.deep.equal([entries[2]!.key])
    expect(noncesOf().map(({ nonce, entries }) => [nonce, entries])).to.deep.equal([
      ...[0, 1].flatMap((nonce) => [
        [nonce, 1],
        [nonce, 0],
      ]),
      [2, 1],
    ])
  })
})
