import { expect } from 'chai'
import { JsonRpcProvider, Wallet } from 'ethers'
import type { Address } from '../../../protocol/hex.ts'
import { connectToChain } from '../../../scripts/chain/connection.ts'
import { mined, walletWithGasToSpare } from '../../../scripts/chain/transaction.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { DEPLOYER_KEY, deployAll, directoryAs } from '../../support/contracts.ts'
import { expectRejection } from '../../support/expect-error.ts'
import { type RpcRelay, startRpcRelay } from '../../support/rpc-relay.ts'

const NOBODY: Address = '0x00000000000000000000000000000000000000a7'
const PARTY: Address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const RECEIPT = 'eth_getTransactionReceipt'

describe('a transaction of a script', () => {
  let chain: AnvilChain
  let relay: RpcRelay
  const providers: JsonRpcProvider[] = []

  beforeEach(async () => {
    chain = await startAnvil()
    relay = await startRpcRelay(chain.url)
  })
  afterEach(async () => {
    for (const provider of providers.splice(0)) provider.destroy()
    await relay.stop()
    await chain.stop()
  })

  const connected = <P extends JsonRpcProvider>(provider: P): P => {
    providers.push(provider)
    return provider
  }

  /**
   * Sends to a chain that has mined nothing yet when a receipt is looked for, and has mined all it ever will when its block number
   * is looked at: as many receipts are hidden as are asked for before.
   */
  async function sendBetweenLooks(provider: JsonRpcProvider) {
    await chain.request('evm_setAutomine', [false])
    const sent = await new Wallet(DEPLOYER_KEY, provider).sendTransaction({ to: NOBODY, value: 1n })
    relay.calls.length = 0
    let looks = 0
    let hasLooked = () => {}
    const secondLook = new Promise<void>((resolve) => {
      hasLooked = resolve
    })
    relay.faults.alter = ({ method }, result) => {
      if (method === RECEIPT && ++looks === 2) hasLooked()
      return result
    }
    let mining: Promise<unknown> | undefined
    const mineOnce = async () => {
      await secondLook
      mining ??= chain.request('evm_mine')
      await mining
    }
    // The first block number is asked for to look for a replacement, between the two looks for the receipt.
    relay.faults.holdFor = (calls) =>
      calls.some(({ method }) => method === 'eth_blockNumber') && asked('eth_blockNumber') > 1
        ? mineOnce()
        : undefined
    return sent
  }
  const asked = (method: string) => relay.calls.filter((call) => call.method === method).length

  it('is seen when it is mined between the look for its receipt and the look at the block number', async () => {
    const provider = connected(connectToChain(relay.url, chain.chainId))
    const sent = await sendBetweenLooks(provider)
    const receipt = await mined(Promise.resolve(sent), 5_000)
    expect(receipt.hash).to.equal(sent.hash)
    expect(await provider.getBlockNumber()).to.equal(receipt.blockNumber)
  })

  it('is not seen then by ethers alone', async () => {
    const options = { staticNetwork: true, cacheTimeout: -1, pollingInterval: 20, batchMaxCount: 1 }
    const sent = await sendBetweenLooks(connected(new JsonRpcProvider(relay.url, chain.chainId, options)))
    await expectRejection(mined(Promise.resolve(sent), 1_000), 'TRANSACTION_UNCONFIRMED')
    expect(await chain.request(RECEIPT, [sent.hash])).to.include({ blockNumber: '0x1' })
  })

  it('that gets in no block is named, with what to do', async () => {
    await chain.request('evm_setAutomine', [false])
    const wallet = new Wallet(DEPLOYER_KEY, connected(connectToChain(relay.url, chain.chainId)))
    const sent = await wallet.sendTransaction({ to: NOBODY })
    const error = await expectRejection(mined(Promise.resolve(sent), 200), 'TRANSACTION_UNCONFIRMED')
    expect(error.message).to.contain(sent.hash).and.contain(wallet.address)
    expect(error.action).to.contain('Look the transaction up')
  })

  it('is named when the node answers no longer', async () => {
    const provider = connected(connectToChain(relay.url, chain.chainId, 200))
    const sent = await new Wallet(DEPLOYER_KEY, provider).sendTransaction({ to: NOBODY })
    relay.faults.delayMs = 1_000
    const error = await expectRejection(mined(Promise.resolve(sent)), 'TRANSACTION_UNCONFIRMED')
    expect(error.message).to.contain(sent.hash).and.contain('no node of chain 31337 answers')
  })

  for (const [fault, name] of [
    [{ cut: true }, 'cuts connections'],
    [{ delayMs: 1_000 }, 'is silent'],
    [{ respond: () => ({ status: 503, body: 'down' }) }, 'refuses'],
  ] as const)
    it(`is not sent to a node that ${name}`, async () => {
      Object.assign(relay.faults, fault)
      const wallet = new Wallet(DEPLOYER_KEY, connected(connectToChain(relay.url, chain.chainId, 200)))
      await expectRejection(mined(wallet.sendTransaction({ to: NOBODY })), 'CHAIN_UNREACHABLE')
    })

  it('of the directory has gas enough when a second passes after its estimate', async () => {
    const { ParticipantDirectory } = await deployAll(chain.url)
    const { directory, provider } = directoryAs(chain.url, ParticipantDirectory)
    connected(provider)
    const { timestamp } = (await provider.getBlock('latest'))!
    const second = timestamp + 10
    const at = (seconds: number) => chain.request('evm_setNextBlockTimestamp', [seconds])
    await at(second)
    await mined(directory.getFunction('register')(PARTY, 1n, 'a party', '', ''))

    const exact = new Wallet(DEPLOYER_KEY, provider)
    const spare = walletWithGasToSpare(DEPLOYER_KEY, provider)
    const update = await directory.getFunction('update').populateTransaction(PARTY, 1n, 'a party', '', '')
    await at(second)
    const [tight, ample] = [await exact.estimateGas(update), await spare.estimateGas(update)]
    await at(second + 1)
    const tried = exact.sendTransaction({ ...update, gasLimit: tight })
    const reverted = await mined(tried).catch((error: Error) => error)
    expect(reverted).to.have.property('code', 'CALL_EXCEPTION')
    const { status } = await mined(exact.sendTransaction({ ...update, gasLimit: ample }))
    expect(status).to.equal(1)
  })
})
