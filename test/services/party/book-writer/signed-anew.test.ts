import { expect } from 'chai'
import { JsonRpcProvider, Wallet } from 'ethers'
import { credentialCalls } from '../../../../services/evidence/book/credential-calls.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { AUTHOR_KEY, newEntries, publishedBy, until, type WrittenBook, writeBook } from './written-book.ts'

interface PooledTransaction {
  to: string
  input: string
  gas: string
}

describe('a transaction of a book without slots that the operator signs anew, for a higher fee', () => {
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
  const pooled = async (): Promise<PooledTransaction | undefined> => {
    const { pending } = await chain.request<{ pending: Record<string, Record<string, PooledTransaction>> }>(
      'txpool_content',
    )
    return Object.values(pending).flatMap((byNonce) => Object.values(byNonce))[0]
  }
  /** In the place of the writer's own, which waits in the pool. */
  const signAnew = async (change: (data: string) => string, gasLimit?: number): Promise<string> => {
    const { to, input, gas } = (await pooled())!
    const provider = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true })
    const { hash } = await new Wallet(AUTHOR_KEY, provider).sendTransaction({
      ...{ to, data: change(input), nonce: 0, gasLimit: gasLimit ?? Number(gas) },
      ...{ maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 11n },
    })
    provider.destroy()
    return hash
  }
  const open = async (): Promise<ReturnType<typeof newEntries>> => {
    book = await writeBook(chain, { calls: credentialCalls('publish', ''), finalityDepth: 2 })
    await chain.request('evm_setAutomine', [false])
    const entries = newEntries(2)
    await book.add(entries)
    await until(async () => (await pooled()) !== undefined)
    return entries
  }
  const mine = async (): Promise<void> => {
    await chain.request('evm_setAutomine', [true])
    await chain.request('anvil_mine', ['0x3'])
  }
  const published = async () => (await publishedBy(book.registry)).map(({ key }) => key)

  it("records its entries, once, under the operator's hash", async () => {
    const entries = await open()
    const hash = await signAnew((data) => data)
    await mine()
    await until(() => entries.every(({ key }) => stateOf(key) === 'final'))
    expect(await published()).to.have.members(entries.map(({ key }) => key))
    expect(book.writer.locationOf(entries[0]!.key)?.transactionHash).to.equal(hash)
  })

  it('records none where it calls for something else: they go out under the next nonce', async () => {
    const entries = await open()
    // Another digest for the last entry.
    const hash = await signAnew((data) => `${data.slice(0, -1)}${data.endsWith('0') ? '1' : '0'}`)
    await mine()
    await until(async () => {
      await chain.request('evm_mine')
      return entries.every(({ key }) => stateOf(key) === 'final')
    })
    expect(await published()).to.have.length(4)
    expect(book.writer.locationOf(entries[0]!.key)?.transactionHash).to.not.equal(hash)
  })

  it('records none where it failed: they go out under the next nonce', async () => {
    const entries = await open()
    await signAnew((data) => data, 30_000)
    await mine()
    await until(async () => {
      await chain.request('evm_mine')
      return entries.every(({ key }) => stateOf(key) === 'final')
    })
    expect(await published()).to.have.members(entries.map(({ key }) => key))
  })
})
