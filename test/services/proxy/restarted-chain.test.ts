import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { type AddressBook, parseAddressBook } from '../../../protocol/address-book.ts'
import { roleMask } from '../../../protocol/roles.ts'
import { RecordChains } from '../../../services/proxy/chain/record-chains.ts'
import { openProxyStore, type ProxyStore } from '../../../services/proxy/store/proxy-store.ts'
import type { AnvilChain } from '../../support/anvil.ts'
import { deployAll, directoryAs } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import { expectRejection } from '../../support/expect-error.ts'
import { ProxyCaller } from '../../support/proxy-caller.ts'
import { type ProxyNetwork, startProxyNetwork } from '../../support/proxy-network.ts'
import { genesisOf, type ReplacedChain, replaceChain } from '../../support/replaced-chain.ts'
import type { TestProvider } from '../../support/test-provider.ts'

/** The contracts at the same addresses, and the provider in the directory. */
async function furnish(chain: AnvilChain, { address, endpoint }: TestProvider): Promise<void> {
  const contracts = await deployAll(chain.url)
  const { directory, provider } = directoryAs(chain.url, contracts.ParticipantDirectory)
  const sent = async (method: string, ...args: unknown[]) =>
    (await directory.getFunction(method)(...args)).wait()
  await sent('register', address, roleMask(['provider']), 'Lender 1', endpoint, '')
  await sent('setBook', address, 0, chain.chainId, contracts.QueryResultRegistry)
  provider.destroy()
}

describe('proxy whose chain was started afresh', () => {
  let network: ProxyNetwork
  let replaced: ReplacedChain
  let file: string
  let book: AddressBook
  let provider: TestProvider
  before(async () => {
    network = await startProxyNetwork({ providers: 1 })
    provider = network.providers[0]!
    replaced = await replaceChain(network.chain)
    await furnish(replaced.afresh, provider)
    const direct = JSON.parse(readFileSync(network.environment.COUNTERSIGN_ADDRESS_BOOK!, 'utf8'))
    direct.chains[0].rpcUrls = [replaced.relay.url]
    // The fresh chain's blocks are of its own time; this is not about their age.
    direct.chains[0].maxHeadAge = 1_000_000_000
    file = join(network.folder, 'relayed.json')
    writeFileSync(file, JSON.stringify(direct))
    book = parseAddressBook(direct)
  })
  after(async () => {
    await network?.close()
    await replaced?.end()
  })
  beforeEach(() => replaced.becomes(network.chain))
  afterEach(() => {
    replaced.relay.faults.alter = undefined
  })

  it('does not hold the records of the old chain against their authors', async () => {
    provider.misbehaviour = { beforeSigning: () => ({ recordBy: 0 }) }
    const before = await network.startProxy({ COUNTERSIGN_ADDRESS_BOOK: file })
    const authorization = network.authorization('user')
    const { serial } = await new ProxyCaller(before.url, authorization).ask()
    await before.close()
    replaced.becomes(replaced.afresh)
    const again = await network.startProxy({ COUNTERSIGN_ADDRESS_BOOK: file })
    const user = new ProxyCaller(again.url, authorization)
    await user.expectProblem('DIRECTORY_UNAVAILABLE', 'POST', '/v1/audits', {
      serial,
      provider: provider.address,
    })
    await expectRejection(again.directory.refresh(), 'CHAIN_MISMATCH')
    await again.close()
  })

  describe('knows its chains', () => {
    let store: ProxyStore
    let databaseFile: string
    beforeEach(function () {
      databaseFile = join(network.folder, `${this.currentTest!.title.replaceAll(' ', '-')}.db`)
      store = openProxyStore(databaseFile)
    })
    afterEach(() => store.close())

    const readHead = async (addressBook = book) => {
      const chains = new RecordChains(addressBook, 5_000, store)
      try {
        return await chains.get(31337).readHead()
      } finally {
        chains.close()
      }
    }

    it('by the first block, once one was read', async () => {
      await readHead()
      expect(store.genesisOf(31337).find()).to.equal(await genesisOf(network.chain))
      replaced.becomes(replaced.afresh)
      await expectRejection(readHead(), 'CHAIN_MISMATCH')
      replaced.becomes(network.chain)
      await readHead()
    })

    it('whatever an address book says that was written anew', async () => {
      await readHead()
      replaced.becomes(replaced.afresh)
      const [chain] = book.chains
      const genesisHash = await genesisOf(replaced.afresh)
      await expectRejection(readHead({ ...book, chains: [{ ...chain!, genesisHash }] }), 'CHAIN_MISMATCH')
    })

    it('not by a node that has no first block', async () => {
      replaced.relay.faults.alter = ({ params }, result) => (params[0] === '0x0' ? null : result)
      await readHead()
      expect(store.genesisOf(31337).find()).to.equal(undefined)
      replaced.relay.faults.alter = undefined
      await readHead()
      expect(store.genesisOf(31337).find()).to.equal(await genesisOf(network.chain))
    })

    it('from the moment that they are connected to', async () => {
      const chains = new RecordChains(book, 5_000, store)
      chains.rpcOf(31337)
      await eventually('the first block kept', () => store.genesisOf(31337).find() !== undefined)
      chains.close()
    })

    it('in a database made before it kept them', async () => {
      await store.close()
      const old = new DatabaseSync(databaseFile)
      old.exec('DROP TABLE chains; PRAGMA user_version = 1')
      old.close()
      store = openProxyStore(databaseFile)
      await readHead()
      expect(store.genesisOf(31337).find()).to.equal(await genesisOf(network.chain))
    })
  })
})
