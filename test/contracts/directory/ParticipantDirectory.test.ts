import { expect } from 'chai'
import { type Address, ZERO_ADDRESS } from '../../../protocol/hex.ts'
import { PARTICIPANT_STATUSES, ROLES, roleMask } from '../../../protocol/roles.ts'
import { type AccessManager, addressOf, type Directory, ethers, networkHelpers } from '../support/chain.ts'

const [None, Active, Suspended, Retired] = PARTICIPANT_STATUSES.map((_, number) => BigInt(number)) as [
  bigint,
  bigint,
  bigint,
  bigint,
]
const [administrator, participant, stranger] = await ethers.getSigners()
const account = participant!.address as Address

const NAME = 'Lender A'
const ENDPOINT = 'https://lender-a.example'
const METADATA = 'https://lender-a.example/about'
const PROVIDER = roleMask(['provider'])

/** A directory whose administrator is the first signer. */
async function emptyDirectory() {
  const accessManager = (await ethers.deployContract('AccessManager', [
    administrator!.address,
  ])) as unknown as AccessManager
  const directory = (await ethers.deployContract('ParticipantDirectory', [
    await addressOf(accessManager),
  ])) as unknown as Directory
  return { directory, accessManager }
}

describe('ParticipantDirectory', () => {
  let directory: Directory
  let accessManager: AccessManager

  beforeEach(async () => {
    ;({ directory, accessManager } = await networkHelpers.loadFixture(emptyDirectory))
  })

  const register = (who: string = account, roles: bigint = PROVIDER) =>
    directory.register(who, roles, NAME, ENDPOINT, METADATA)

  const expectRefusal = (call: Promise<unknown>, error: string, ...args: unknown[]) =>
    expect(call)
      .to.be.revertedWithCustomError(directory, error)
      .withArgs(...args)

  describe('register', () => {
    it('adds an active participant and says so', async () => {
      const now = (await networkHelpers.time.latest()) + 5
      await networkHelpers.time.setNextBlockTimestamp(now)
      const transaction = register()
      await expect(transaction)
        .to.emit(directory, 'ParticipantRegistered')
        .withArgs(account, PROVIDER, NAME, ENDPOINT, METADATA)
      await expect(transaction).to.emit(directory, 'ParticipantStatusChanged').withArgs(account, Active)
      expect(await directory.participantOf(account)).to.deep.equal([
        PROVIDER,
        Active,
        BigInt(now),
        BigInt(now),
        NAME,
        ENDPOINT,
        METADATA,
      ])
    })

    it('takes every role there is, and texts up to their bounds', async () => {
      const everyRole = (1n << BigInt(Object.keys(ROLES).length)) - 1n
      await directory.register(account, everyRole, 'n'.repeat(128), 'e'.repeat(256), 'm'.repeat(2048))
      for (const role of Object.values(ROLES)) expect(await directory.hasRole(account, role)).to.equal(true)
    })

    it('refuses the zero account', () => expectRefusal(register(ZERO_ADDRESS), 'ParticipantAccountZero'))

    it('refuses an account a second time', async () => {
      await register()
      await expectRefusal(register(), 'ParticipantAlreadyRegistered', account)
    })

    it('refuses no roles', () => expectRefusal(register(account, 0n), 'ParticipantRolesEmpty', account))

    it('refuses a bit that stands for no role', async () => {
      await expectRefusal(register(account, 1n << 9n), 'ParticipantRolesUnknown', account, 1n << 9n)
      const highest = (1n << 255n) | 1n
      await expectRefusal(register(account, highest), 'ParticipantRolesUnknown', account, highest)
    })

    it('refuses texts past their bounds, counted in bytes', async () => {
      const texts: [string, [string, string, string], number, number][] = [
        ['name', ['n'.repeat(129), '', ''], 129, 128],
        ['name', ['ä'.repeat(65), '', ''], 130, 128],
        ['endpoint', ['', 'e'.repeat(257), ''], 257, 256],
        ['metadataURI', ['', '', 'm'.repeat(2049)], 2049, 2048],
      ]
      for (const [field, [name, endpoint, metadata], length, bound] of texts)
        await expectRefusal(
          directory.register(account, PROVIDER, name, endpoint, metadata),
          'ParticipantTextTooLong',
          field,
          length,
          bound,
        )
    })
  })

  describe('update', () => {
    it('replaces roles and texts, and leaves status and registration alone', async () => {
      await register()
      const { registeredAt } = await directory.participantOf(account)
      const now = (await networkHelpers.time.latest()) + 50
      await networkHelpers.time.setNextBlockTimestamp(now)
      const roles = roleMask(['provider', 'proxy'])
      await expect(directory.update(account, roles, 'New', 'https://new.example', ''))
        .to.emit(directory, 'ParticipantUpdated')
        .withArgs(account, roles, 'New', 'https://new.example', '')
      expect(await directory.participantOf(account)).to.deep.equal([
        roles,
        Active,
        registeredAt,
        BigInt(now),
        'New',
        'https://new.example',
        '',
      ])
    })

    it('changes a suspended participant without activating it', async () => {
      await register()
      await directory.setStatus(account, Suspended)
      await directory.update(account, PROVIDER, 'New', '', '')
      expect((await directory.participantOf(account)).status).to.equal(Suspended)
    })

    it('refuses whom nobody registered, and who has retired', async () => {
      await expectRefusal(directory.update(account, PROVIDER, '', '', ''), 'ParticipantUnknown', account)
      await register()
      await directory.setStatus(account, Retired)
      await expectRefusal(directory.update(account, PROVIDER, '', '', ''), 'ParticipantRetired', account)
    })

    it('refuses what register refuses', async () => {
      await register()
      await expectRefusal(directory.update(account, 0, '', '', ''), 'ParticipantRolesEmpty', account)
      await expectRefusal(directory.update(account, 512, '', '', ''), 'ParticipantRolesUnknown', account, 512)
      await expectRefusal(
        directory.update(account, PROVIDER, 'n'.repeat(129), '', ''),
        'ParticipantTextTooLong',
        'name',
        129,
        128,
      )
    })
  })

  describe('setStatus', () => {
    it('suspends, activates again and retires', async () => {
      await register()
      for (const status of [Suspended, Active, Suspended, Retired]) {
        await expect(directory.setStatus(account, status))
          .to.emit(directory, 'ParticipantStatusChanged')
          .withArgs(account, status)
        const { status: stands, changedAt } = await directory.participantOf(account)
        expect(stands).to.equal(status)
        expect(changedAt).to.equal(await networkHelpers.time.latest())
      }
    })

    it('refuses the status that stands', async () => {
      await register()
      await expectRefusal(directory.setStatus(account, Active), 'ParticipantStatusUnchanged', account, Active)
    })

    it('refuses to unmake a registration', async () => {
      await register()
      await expectRefusal(directory.setStatus(account, None), 'ParticipantStatusInvalid', account, None)
    })

    it('refuses whom nobody registered', () =>
      expectRefusal(directory.setStatus(account, Suspended), 'ParticipantUnknown', account))

    it('refuses any status after retirement', async () => {
      await register()
      await directory.setStatus(account, Retired)
      for (const status of [None, Active, Suspended, Retired])
        await expectRefusal(directory.setStatus(account, status), 'ParticipantRetired', account)
    })

    it('refuses a number that is no status', async () => {
      await register()
      await expect(directory.setStatus(account, 4)).to.be.revertedWithoutReason(ethers)
    })
  })

  describe('setBook', () => {
    const REGISTRY = '0x00000000000000000000000000000000000B00c5'

    it('names the registry of a role, and another in its place', async () => {
      await register()
      await expect(directory.setBook(account, ROLES.provider, 31338, REGISTRY))
        .to.emit(directory, 'ParticipantBookSet')
        .withArgs(account, ROLES.provider, 31338, ethers.getAddress(REGISTRY.toLowerCase()))
      expect(await directory.bookOf(account, ROLES.provider)).to.deep.equal([
        31338n,
        ethers.getAddress(REGISTRY.toLowerCase()),
      ])
      expect(await directory.bookOf(account, ROLES.taxOffice)).to.deep.equal([0n, ZERO_ADDRESS])
      await directory.setBook(account, ROLES.provider, 1, account)
      expect(await directory.bookOf(account, ROLES.provider)).to.deep.equal([1n, account])
    })

    it('takes the name back', async () => {
      await register()
      await directory.setBook(account, ROLES.provider, 31338, account)
      await expect(directory.setBook(account, ROLES.provider, 0, ZERO_ADDRESS))
        .to.emit(directory, 'ParticipantBookSet')
        .withArgs(account, ROLES.provider, 0, ZERO_ADDRESS)
      expect(await directory.bookOf(account, ROLES.provider)).to.deep.equal([0n, ZERO_ADDRESS])
    })

    it('refuses half a book', async () => {
      await register()
      await expectRefusal(
        directory.setBook(account, 0, 31338, ZERO_ADDRESS),
        'ParticipantBookIncomplete',
        account,
        0,
        31338,
        ZERO_ADDRESS,
      )
      await expectRefusal(
        directory.setBook(account, 0, 0, account),
        'ParticipantBookIncomplete',
        account,
        0,
        0,
        account,
      )
    })

    it('refuses a role that there is not', async () => {
      await register()
      await expectRefusal(directory.setBook(account, 9, 1, account), 'RoleUnknown', 9)
    })

    it('refuses whom nobody registered, and who has retired', async () => {
      await expectRefusal(directory.setBook(account, 0, 1, account), 'ParticipantUnknown', account)
      await register()
      await directory.setStatus(account, Retired)
      await expectRefusal(directory.setBook(account, 0, 1, account), 'ParticipantRetired', account)
    })
  })

  describe('participantOf', () => {
    it('is empty for an account that nobody registered', async () => {
      expect(await directory.participantOf(account)).to.deep.equal([0n, None, 0n, 0n, '', '', ''])
    })
  })

  describe('participants', () => {
    it('lists accounts in order of registration, page by page', async () => {
      const accounts = (await ethers.getSigners()).slice(0, 5).map(({ address }) => address)
      for (const each of accounts) await register(each)
      expect(await directory.participantCount()).to.equal(5)
      expect(await directory.participants(0, 2)).to.deep.equal(accounts.slice(0, 2))
      expect(await directory.participants(2, 2)).to.deep.equal(accounts.slice(2, 4))
      expect(await directory.participants(4, 2)).to.deep.equal(accounts.slice(4))
      expect(await directory.participants(0, ethers.MaxUint256)).to.deep.equal(accounts)
      expect(await directory.participants(5, 2)).to.deep.equal([])
      expect(await directory.participants(ethers.MaxUint256, 2)).to.deep.equal([])
      expect(await directory.participants(0, 0)).to.deep.equal([])
    })

    it('keeps who has retired', async () => {
      await register()
      await directory.setStatus(account, Retired)
      expect(await directory.participants(0, 10)).to.deep.equal([account])
    })
  })

  describe('hasRole', () => {
    it('is so only for an active participant with that role', async () => {
      expect(await directory.hasRole(account, ROLES.provider)).to.equal(false)
      await register(account, roleMask(['provider', 'dataDemander']))
      expect(await directory.hasRole(account, ROLES.provider)).to.equal(true)
      expect(await directory.hasRole(account, ROLES.dataDemander)).to.equal(true)
      expect(await directory.hasRole(account, ROLES.proxy)).to.equal(false)
      expect(await directory.hasRole(account, 255)).to.equal(false)
      await directory.setStatus(account, Suspended)
      expect(await directory.hasRole(account, ROLES.provider)).to.equal(false)
    })
  })

  describe('statusAt', () => {
    it('answers for any second, past and to come', async () => {
      const start = (await networkHelpers.time.latest()) + 100
      const changes: [number, () => Promise<unknown>][] = [
        [start, () => register()],
        [start + 10, () => directory.setStatus(account, Suspended)],
        [start + 20, () => directory.setStatus(account, Active)],
        [start + 30, () => directory.setStatus(account, Retired)],
      ]
      for (const [time, change] of changes) {
        await networkHelpers.time.setNextBlockTimestamp(time)
        await change()
      }
      const expected: [number, bigint][] = [
        [0, None],
        [start - 1, None],
        [start, Active],
        [start + 9, Active],
        [start + 10, Suspended],
        [start + 19, Suspended],
        [start + 20, Active],
        [start + 29, Active],
        [start + 30, Retired],
        [2 ** 48 - 1, Retired],
      ]
      for (const [time, status] of expected)
        expect(await directory.statusAt(account, time), `at ${time - start}`).to.equal(status)
    })
  })

  describe('administration', () => {
    const restricted: [string, (as: Directory) => Promise<unknown>][] = [
      ['register', (as) => as.register(account, PROVIDER, '', '', '')],
      ['update', (as) => as.update(account, PROVIDER, '', '', '')],
      ['setStatus', (as) => as.setStatus(account, Suspended)],
      ['setBook', (as) => as.setBook(account, 0, 1, account)],
    ]

    for (const [name, call] of restricted)
      it(`lets nobody but the administrator ${name}`, async () => {
        await expectRefusal(
          call(directory.connect(stranger!) as Directory),
          'AccessManagedUnauthorized',
          stranger!.address,
        )
      })

    it('is handed out function by function, and taken back', async () => {
      const clerk = directory.connect(stranger!) as Directory
      const CLERKS = 7n
      await accessManager.setTargetFunctionRole(
        await addressOf(directory),
        [directory.interface.getFunction('setStatus')!.selector],
        CLERKS,
      )
      await accessManager.grantRole(CLERKS, stranger!.address, 0)
      await register()
      await clerk.setStatus(account, Suspended)
      await expectRefusal(
        clerk.setBook(account, 0, 1, account),
        'AccessManagedUnauthorized',
        stranger!.address,
      )
      await accessManager.revokeRole(CLERKS, stranger!.address)
      await expectRefusal(clerk.setStatus(account, Active), 'AccessManagedUnauthorized', stranger!.address)
    })

    it('lies with the AccessManager it was deployed with', async () => {
      expect(await directory.authority()).to.equal(await addressOf(accessManager))
    })
  })
})
