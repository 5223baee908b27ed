import { expect } from 'chai'
import type { Contract, NonceManager } from 'ethers'
import { pino } from 'pino'
import type { Address } from '../../../protocol/hex.ts'
import { roleMask } from '../../../protocol/roles.ts'
import { Directory } from '../../../services/party/directory.ts'
import { type ChainRpc, connectChain } from '../../../services/party/rpc.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { deployAll, directoryAs } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import { expectError, expectRejection } from '../../support/expect-error.ts'
import { startRpcRelay } from '../../support/rpc-relay.ts'

const SUSPENDED = 2
const ACTIVE = 1
const addressNo = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`

describe('Directory', () => {
  let chain: AnvilChain
  let rpc: ChainRpc
  let address: Address
  let administrator: Contract
  let release: () => void
  const open: Directory[] = []
  let time = 1_000_000

  before(async () => {
    chain = await startAnvil()
    address = (await deployAll(chain.url)).ParticipantDirectory
    const administration = directoryAs(chain.url, address)
    administrator = administration.directory
    release = () => administration.provider.destroy()
    await register(1, ['provider'], 'First')
    await register(2, ['proxy', 'provider'], 'Second')
    rpc = connectChain({ chainId: chain.chainId, rpcUrls: [chain.url] })
  })
  after(async () => {
    rpc?.destroy()
    release?.()
    await chain?.kill()
  })
  afterEach(async () => {
    for (const directory of open.splice(0)) await directory.stop()
  })

  /** A status takes more gas in a new second than the estimate of the second before says. */
  const send = async (method: string, ...args: unknown[]) =>
    (await administrator.getFunction(method)(...args, { gasLimit: 1_000_000n })).wait()
  const register = (n: number, roles: Parameters<typeof roleMask>[0], name: string) =>
    send('register', addressNo(n), roleMask(roles), name, `http://127.0.0.1:${4000 + n}`, '')

  function directoryOf(options: Partial<ConstructorParameters<typeof Directory>[0]> = {}): Directory {
    const directory = new Directory({
      rpc,
      address,
      logger: pino({ level: 'silent' }),
      now: () => time,
      ...options,
    })
    open.push(directory)
    return directory
  }

  it('reads participants in order of registration, with roles, status and books', async () => {
    await send('setBook', addressNo(1), 0, 31_338, addressNo(99))
    const directory = directoryOf()
    await directory.refresh()
    expect(directory.participants().map(({ name }) => name)).to.include.members(['First', 'Second'])
    expect(directory.find(addressNo(1))).to.deep.include({
      roles: ['provider'],
      status: 'active',
      endpoint: 'http://127.0.0.1:4001',
      books: { provider: { chainId: 31_338, registry: addressNo(99) } },
    })
    expect(directory.find(addressNo(2))!.books).to.deep.equal({})
    expect(directory.find(addressNo(50))).to.equal(undefined)
    expect(directory.activeIn('proxy').map(({ name }) => name)).to.deep.equal(['Second'])
  })

  it('learns of a suspension, a new participant and a moved endpoint without reading all again', async () => {
    const directory = directoryOf()
    await directory.refresh()
    expect(directory.isActive(addressNo(1), 'provider')).to.equal(true)
    expect(directory.isActive(addressNo(1), 'proxy')).to.equal(false)
    await send('setStatus', addressNo(1), SUSPENDED)
    await register(3, ['provider'], 'Third')
    await send('update', addressNo(2), roleMask(['proxy']), 'Second', 'http://127.0.0.1:5000', '')
    await directory.refresh()
    expect(directory.isActive(addressNo(1), 'provider')).to.equal(false)
    expect(directory.isActive(addressNo(3), 'provider')).to.equal(true)
    expect(directory.find(addressNo(2))!.endpoint).to.equal('http://127.0.0.1:5000')
    await send('setStatus', addressNo(1), ACTIVE)
  })

  describe('a node that is behind another one', () => {
    const STALE = 1_000_000
    let relay: Awaited<ReturnType<typeof startRpcRelay>>
    let relayed: ChainRpc
    let directory: Directory
    beforeEach(async () => {
      relay = await startRpcRelay(chain.url)
      relayed = connectChain({ chainId: chain.chainId, rpcUrls: [relay.url] })
      directory = directoryOf({ rpc: relayed, maxAgeMs: STALE })
      await chain.request('evm_mine')
    })
    afterEach(async () => {
      relayed.destroy()
      await relay.stop()
    })
    const isActive = () => directory.isActive(addressNo(1), 'provider')
    const newest = () => chain.request('eth_getBlockByNumber', ['latest', false])

    it('does not undo a suspension, nor make the reading younger', async () => {
      const before = await newest()
      await send('setStatus', addressNo(1), SUSPENDED)
      await directory.refresh()
      const { readAt, blockNumber } = directory.state()
      relay.faults.alter = ({ params }, result) => (params[0] === 'latest' ? before : result)
      time += 10
      await expectRejection(directory.refresh(), 'CHAIN_UNREACHABLE')
      expect(isActive()).to.equal(false)
      expect(directory.state()).to.include({ readAt, blockNumber, isStale: true })
      await send('setStatus', addressNo(1), ACTIVE)
    })

    it('is read all the same once the last reading is of no use', async () => {
      const before = (await newest()) as { number: string }
      await chain.request('evm_mine')
      await directory.refresh()
      relay.faults.alter = ({ params }, result) => (params[0] === 'latest' ? before : result)
      time += STALE + 1
      await directory.refresh()
      expect(directory.state()).to.include({ blockNumber: Number(before.number), isStale: false })
    })

    it('does not hide a suspension by logs that end before it', async () => {
      await directory.refresh()
      const { blockNumber } = directory.state()
      await send('setStatus', addressNo(1), SUSPENDED)
      const { number } = (await newest()) as { number: string }
      // The newest block is one node's answer, everything after it the other's.
      relay.faults.dropLog = () => true
      relay.faults.alter = ({ params }, result) => (params[0] === number ? null : result)
      await expectRejection(directory.refresh(), 'CHAIN_UNREACHABLE')
      expect(directory.state()).to.include({ blockNumber, isStale: true })
      relay.faults.dropLog = relay.faults.alter = undefined
      await directory.refresh()
      expect(isActive()).to.equal(false)
      await send('setStatus', addressNo(1), ACTIVE)
    })
  })

  it('undoes what a reorganisation undid', async () => {
    const directory = directoryOf()
    const snapshot = await chain.request('evm_snapshot')
    await register(4, ['provider'], 'Fourth')
    await directory.refresh()
    expect(directory.isActive(addressNo(4), 'provider')).to.equal(true)
    await chain.request('evm_revert', [snapshot])
    ;(administrator.runner as NonceManager).reset()
    await chain.request('anvil_mine', ['0x4'])
    await directory.refresh()
    expect(directory.find(addressNo(4))).to.equal(undefined)
  })

  it('follows by itself', async () => {
    const directory = directoryOf({ refreshMs: 50, now: Date.now })
    await directory.start()
    const { blockNumber } = directory.state()
    await chain.request('evm_mine')
    await eventually('the next block is read', () => directory.state().blockNumber === blockNumber! + 1)
    expect(directory.state().isStale).to.equal(false)
  })

  describe('statusAt', () => {
    it('gives the status at the end of a second, also of times long past', async () => {
      const directory = directoryOf()
      await directory.refresh()
      // Never suspended here: a suspension may lie in the second of the registration.
      const { registeredAt } = directory.find(addressNo(2))!
      expect(await directory.statusAt(addressNo(2), registeredAt - 1)).to.equal('none')
      expect(await directory.statusAt(addressNo(2), registeredAt)).to.equal('active')
      expect(await directory.statusAt(addressNo(77), registeredAt)).to.equal('none')
    })
  })

  describe('a chain that cannot be read', () => {
    it('leaves the last known state, says that it is stale, and is of no use once too old', async () => {
      const gone = await startAnvil()
      const goneAddress = (await deployAll(gone.url)).ParticipantDirectory
      const goneRpc = connectChain({ chainId: gone.chainId, rpcUrls: [gone.url] })
      const directory = directoryOf({ rpc: goneRpc, address: goneAddress, maxAgeMs: 60_000 })
      await directory.start()
      await gone.kill()
      await directory.refresh().catch(() => {})
      expect(directory.state()).to.include({ isStale: true, readAt: time })
      expect(directory.participants()).to.deep.equal([])
      expect(directory.notReady()).to.deep.equal([])
      time += 61_000
      expect(directory.notReady()).to.deep.equal(['the participant directory was last read 61 s ago'])
      expectError(() => directory.isActive(addressNo(1), 'provider'), 'DIRECTORY_UNAVAILABLE')
      goneRpc.destroy()
    })

    it('is of no use before the first reading, and does not keep a server from starting', async () => {
      const deaf = connectChain({ chainId: 1, rpcUrls: ['http://127.0.0.1:9'], timeoutMs: 500 })
      const directory = directoryOf({ rpc: deaf })
      await directory.start()
      expectError(() => directory.find(addressNo(1)), 'DIRECTORY_UNAVAILABLE')
      deaf.destroy()
    })
  })
})
