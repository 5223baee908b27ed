import { expect } from 'chai'
import fc from 'fast-check'
import { foldDirectoryLogs, type LogContent } from '../../../protocol/directory-head.ts'
import { EMPTY_HEAD } from '../../../protocol/record-book.ts'
import { PARTICIPANT_STATUSES } from '../../../protocol/roles.ts'
import { addressOf, type Directory, ethers, networkHelpers, provider } from '../support/chain.ts'

const [administrator] = await ethers.getSigners()
const accounts = Array.from({ length: 4 }, (_, i) => `0x${String(i + 1).padStart(40, '0')}`)

async function emptyDirectory(): Promise<Directory> {
  const accessManager = await ethers.deployContract('AccessManager', [administrator!.address])
  return (await ethers.deployContract('ParticipantDirectory', [
    await accessManager.getAddress(),
  ])) as unknown as Directory
}

const text = (maxBytes: number) =>
  fc.oneof(
    fc.string({ maxLength: 70 }),
    fc.constant('ü'.repeat(maxBytes / 2)),
    fc.string({ unit: 'grapheme', maxLength: 12 }),
  )
const account = fc.constantFrom(...accounts)
const description = fc.tuple(account, fc.integer({ min: 1, max: 511 }), text(128), text(256), text(2048))

/** Any call that an administrator may think of; many are refused, and those must leave the head alone. */
const operation = fc.oneof(
  description.map((args) => ({ method: 'register' as const, args })),
  description.map((args) => ({ method: 'update' as const, args })),
  fc
    .tuple(account, fc.nat(PARTICIPANT_STATUSES.length - 1))
    .map((args) => ({ method: 'setStatus' as const, args })),
  fc
    .tuple(account, fc.nat(9), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), account)
    .map((args) => ({ method: 'setBook' as const, args })),
)

describe('the head of the directory', () => {
  it('is zero before the first event', async () => {
    const directory = await networkHelpers.loadFixture(emptyDirectory)
    expect(await directory.headOfDirectory()).to.equal(EMPTY_HEAD)
  })

  it('is the fold of its logs after any operations', async () => {
    let folded = 0
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 12 }), async (operations) => {
        const directory = await networkHelpers.loadFixture(emptyDirectory)
        const logs: LogContent[] = []
        for (const { method, args } of operations) {
          // Refused ones cost nothing, and change nothing.
          const sent = await directory[method](...args).catch(() => undefined)
          if (sent !== undefined) logs.push(...((await sent.wait())!.logs as LogContent[]))
          expect(await directory.headOfDirectory()).to.equal(foldDirectoryLogs(EMPTY_HEAD, logs))
        }
        folded += logs.length
      }),
      { numRuns: 40 },
    )
    // About 120, of operations at random; enough to show that some were folded at all.
    expect(folded).to.be.above(30)
  })

  it('takes in nothing of what its access manager does to it', async () => {
    const directory = await networkHelpers.loadFixture(emptyDirectory)
    const manager = await ethers.getContractAt('AccessManager', await directory.authority())
    const other = await ethers.deployContract('AccessManager', [administrator!.address])
    await (manager as never as { updateAuthority(...args: unknown[]): Promise<unknown> }).updateAuthority(
      await addressOf(directory),
      await other.getAddress(),
    )
    expect(await directory.authority()).to.equal(await other.getAddress())
    expect(await directory.headOfDirectory()).to.equal(EMPTY_HEAD)
  })

  it('lies where the layout says', async () => {
    const directory = await networkHelpers.loadFixture(emptyDirectory)
    await directory.register(accounts[0]!, 1, 'a', '', '')
    const stored = await provider.request({
      method: 'eth_getStorageAt',
      params: [await addressOf(directory), '0x5', 'latest'],
    })
    expect(stored).to.equal(await directory.headOfDirectory())
  })
})
