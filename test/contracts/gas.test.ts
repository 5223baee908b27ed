import { expect } from 'chai'
import { globalOptions } from 'hardhat'
import { type Address, ZERO_ADDRESS } from '../../protocol/hex.ts'
import { batchHash, type Entry } from '../../protocol/record-book.ts'
import { roleMask } from '../../protocol/roles.ts'
import {
  type AccessManager,
  addressOf,
  CHAIN_ID,
  type Directory,
  ethers,
  networkHelpers,
  type Registry,
} from './support/chain.ts'
import { GasSnapshot, seeded } from './support/gas-snapshot.ts'

const DEADLINE = 4_000_000_000

// Serials, with six zero bytes each, cost 72 gas less.
const seededEntries = (size: number, seed: string): Entry[] =>
  Array.from({ length: size }, (_, i) => ({
    key: seeded(`${seed} key ${i}`),
    digest: seeded(`${seed} digest ${i}`),
  }))

const snapshot = new GasSnapshot('gas.json')
const signers = await ethers.getSigners()
const [author, relayer] = signers
// Nobody else deploys from it: the addresses, and with them the signed bytes, are the same in every run.
const deployer = signers.at(-1)!

/** A registry in which `author` has written before (a head costs 17,100 more the first time), and a directory. */
async function usedContracts() {
  const deploy = async (name: string, argument: string) =>
    (await ethers.deployContract(name, [argument], deployer)).connect(author!) as unknown
  const registry = (await deploy('QueryResultRegistry', ZERO_ADDRESS)) as Registry
  const accessManager = (await deploy('AccessManager', author!.address)) as AccessManager
  const directory = (await deploy('ParticipantDirectory', await addressOf(accessManager))) as Directory
  await registry.recordBatch(seededEntries(1, 'first'))
  return { registry, directory }
}

describe('gas', () => {
  // Instrumented code costs more, and nothing that anybody pays.
  if (globalOptions.coverage) return

  let registry: Registry
  let directory: Directory
  beforeEach(async () => {
    ;({ registry, directory } = await networkHelpers.loadFixture(usedContracts))
  })

  const relay = async (entries: Entry[]) => {
    const types = {
      RecordBatch: [
        { name: 'author', type: 'address' },
        { name: 'batchHash', type: 'bytes32' },
        { name: 'deadline', type: 'uint256' },
      ],
    }
    const domain = {
      name: 'Countersign',
      version: '1',
      chainId: CHAIN_ID,
      verifyingContract: await addressOf(registry),
    }
    const signature = await author!.signTypedData(domain, types, {
      author: author!.address,
      batchHash: batchHash(entries),
      deadline: DEADLINE,
    })
    const { recordFor } = registry.connect(relayer!) as Registry
    return recordFor(author!.address, entries, DEADLINE, signature)
  }

  it('of one record is at most 52,500', async () => {
    const [{ key, digest }] = seededEntries(1, 'one') as [Entry]
    expect(await snapshot.measure('record', registry.record(key, digest))).to.be.at.most(52_500)
    const [first] = seededEntries(1, 'newcomer') as [Entry]
    const newcomer = registry.connect(relayer!) as Registry
    await snapshot.measure("record, an author's first", newcomer.record(first.key, first.digest))
  })

  it('of a batch of 100 is at most 25,900 a record', async () => {
    for (const size of [1, 10, 100]) {
      const entries = seededEntries(size, `batch ${size}`)
      const gas = await snapshot.measurePerRecord(
        `recordBatch of ${size}`,
        size,
        registry.recordBatch(entries),
      )
      if (size === 100) expect(gas).to.be.at.most(25_900)
    }
  })

  it('of a relayed batch of 100 is at most 26,100 a record', async () => {
    for (const size of [1, 10, 100]) {
      const gas = await snapshot.measurePerRecord(
        `recordFor of ${size}`,
        size,
        relay(seededEntries(size, `relay ${size}`)),
      )
      if (size === 100) expect(gas).to.be.at.most(26_100)
    }
  })

  it('of publishing 500 is at most 2,950 a record', async () => {
    const entries = seededEntries(500, 'publish')
    expect(await snapshot.measurePerRecord('publish of 500', 500, registry.publish(entries))).to.be.at.most(
      2_950,
    )
  })

  it('of anchoring 1,024 is at most 60 a record', async () => {
    const call = registry.anchor(seeded('root'), 1024, 'https://provider.example/leaves/2026-03.json')
    expect(await snapshot.measurePerRecord('anchor of 1024', 1024, call)).to.be.at.most(60)
  })

  it('of the directory is paid once in a while', async () => {
    const account = relayer!.address as Address
    const text = ['Lender A', 'https://lender-a.example', 'https://lender-a.example/about']
    await snapshot.measure('register', directory.register(account, roleMask(['provider']), ...text))
    await snapshot.measure('setBook', directory.setBook(account, 0, CHAIN_ID, await addressOf(registry)))
    await snapshot.measure('update', directory.update(account, roleMask(['provider', 'proxy']), ...text))
    await networkHelpers.time.increase(60)
    await snapshot.measure('setStatus', directory.setStatus(account, 2))
  })

  after(() => snapshot.compare())
})
