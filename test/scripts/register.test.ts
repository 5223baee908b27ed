import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { AddressBook } from '../../protocol/address-book.ts'
import type { Address } from '../../protocol/hex.ts'
import { ROLES, type Role } from '../../protocol/roles.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { DEPLOYER_KEY, type DeployedContracts, deployAll, directoryAs } from '../support/contracts.ts'
import { programEnvironment } from '../support/program-environment.ts'

const SCRIPT = new URL('../../scripts/register.ts', import.meta.url).pathname
const CHAIN_ID = 31337
const PARTY: Address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

describe('register', function () {
  this.timeout(60_000)

  let folder: string
  let chain: AnvilChain
  let contracts: DeployedContracts
  let addressBookFile: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-register-'))
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    addressBookFile = join(folder, 'address-book.json')
    const { startBlock, ...addresses } = contracts
    const book: AddressBook = {
      version: 1,
      directory: { chainId: CHAIN_ID, address: contracts.ParticipantDirectory },
      chains: [
        {
          chainId: CHAIN_ID,
          name: 'lenders',
          rpcUrls: [chain.url],
          finalityDepth: 0,
          contracts: Object.fromEntries(
            Object.entries(addresses).map(([name, address]) => [name, { address, startBlock }]),
          ),
        },
      ],
    }
    await writeFile(addressBookFile, JSON.stringify(book))
  })

  after(async () => {
    await chain.stop()
    await rm(folder, { recursive: true })
  })

  const REGISTRIES: [Role, keyof DeployedContracts][] = [
    ['provider', 'QueryResultRegistry'],
    ['taxOffice', 'PaymentRecordRegistry'],
    ['credentialIssuer', 'CredentialRegistry'],
  ]
  for (const [role, registry] of REGISTRIES)
    it(`enters the ${registry} as the book of a ${role}, once`, async () => {
      const args = ['--account', PARTY, '--role', role, '--name', `a ${role}`, '--json']
      const book = ['--book-role', role, '--book-chain', String(CHAIN_ID)]
      const first = await runRegister([...args, ...book])
      expect(first.exitCode, first.stderr).to.equal(0)
      expect(JSON.parse(first.stdout)).to.deep.include({
        roles: [role],
        book: { role, chainId: CHAIN_ID, registry: contracts[registry] },
      })
      expect(await bookOf(role)).to.deep.equal([BigInt(CHAIN_ID), contracts[registry]])
      const again = await runRegister([...args, ...book])
      expect(JSON.parse(again.stdout).outcome).to.equal('unchanged')
    })

  it('refuses a chain that the address book has no such registry on', async () => {
    const refused = await runRegister(
      ['--account', PARTY, '--role', 'credentialIssuer', '--name', 'a party'].concat(
        ['--book-role', 'credentialIssuer'],
        ['--book-chain', '1'],
      ),
    )
    expect(refused.exitCode).to.equal(1)
    expect(refused.stderr).to.contain('CHAIN_UNKNOWN').and.contain('CredentialRegistry on chain 1')
  })

  const bookOf = async (role: Role): Promise<[bigint, Address]> => {
    const { directory, provider } = directoryAs(chain.url, contracts.ParticipantDirectory)
    try {
      const { chainId, registry } = await directory.getFunction('bookOf')(PARTY, ROLES[role])
      return [chainId, registry]
    } finally {
      provider.destroy()
    }
  }

  const runRegister = async (args: string[]) => {
    const child = spawn(process.execPath, [SCRIPT, ...args, '--address-book', addressBookFile], {
      cwd: tmpdir(),
      env: { ...programEnvironment(), HOME: process.env.HOME, COUNTERSIGN_PRIVATE_KEY: DEPLOYER_KEY },
    })
    const outcome = { exitCode: null as number | null, stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => {
      outcome.stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      outcome.stderr += chunk
    })
    outcome.exitCode = await new Promise((resolve) => child.once('close', resolve))
    return outcome
  }
})
