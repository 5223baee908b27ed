import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Contract, encryptKeystoreJson, JsonRpcProvider, Wallet } from 'ethers'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import { type AddressBook, getChain, parseAddressBook } from '../../protocol/address-book.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { DEPLOYER_KEY } from '../support/contracts.ts'
import { programEnvironment } from '../support/program-environment.ts'

const SCRIPT = new URL('../../scripts/deploy.ts', import.meta.url).pathname
const GATE = '0x00000000000000000000000000000000000000a7'

interface Outcome {
  exitCode: number | null
  stdout: string
  stderr: string
}

/** Runs the script as a process, from a directory that is not the project's. */
async function runDeploy(args: string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    cwd: tmpdir(),
    env: { ...programEnvironment(), HOME: process.env.HOME, ...env },
  })
  const outcome: Outcome = { exitCode: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    outcome.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    outcome.stderr += chunk
  })
  outcome.exitCode = await new Promise((resolve) => child.once('close', resolve))
  return outcome
}

describe('deploy', function () {
  // Each run is a process that loads Hardhat; the first may compile.
  this.timeout(120_000)

  let directory: string
  let addressBook: string
  let chain: AnvilChain

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'countersign-deploy-'))
    addressBook = join(directory, 'book', 'address-book.json')
    chain = await startAnvil()
  })

  afterEach(async () => {
    await chain.stop()
    await rm(directory, { recursive: true })
  })

  const deploy = (args: string[] = [], env: NodeJS.ProcessEnv = { COUNTERSIGN_PRIVATE_KEY: DEPLOYER_KEY }) =>
    runDeploy(['--rpc', chain.url, '--name', 'lenders', '--address-book', addressBook, ...args], env)

  const readBook = async (): Promise<AddressBook> =>
    parseAddressBook(JSON.parse(await readFile(addressBook, 'utf8')))

  it('deploys what the chain lacks, once', async () => {
    const first = await deploy(['--directory', '--json'])
    expect(first.exitCode, first.stderr).to.equal(0)
    const document = JSON.parse(first.stdout)
    expect(document.deployed).to.deep.equal([
      'AccessManager',
      'ParticipantDirectory',
      'QueryResultRegistry',
      'PaymentRecordRegistry',
      'CredentialRegistry',
    ])
    const book = await readBook()
    expect(document.chain).to.deep.equal(getChain(book, 31337))
    const { contracts, ...entry } = getChain(book, 31337)
    const genesis = await chain.request<{ hash: string }>('eth_getBlockByNumber', ['0x0', false])
    expect(entry).to.deep.equal({
      genesisHash: genesis.hash,
      ...{ chainId: 31337, name: 'lenders', rpcUrls: [chain.url], finalityDepth: 0 },
      // Blocks come with transactions only.
      maxHeadAge: 31_536_000,
    })
    expect(book.directory).to.deep.equal({ chainId: 31337, address: contracts.ParticipantDirectory!.address })
    expect(Object.values(contracts).map(({ startBlock }) => startBlock)).to.deep.equal([1, 2, 3, 4, 5])
    for (const { address } of Object.values(contracts))
      expect(await chain.request('eth_getCode', [address, 'latest'])).to.have.length.above(1000)

    const before = await stat(addressBook)
    const height = await chain.request('eth_blockNumber')
    const second = await deploy(['--directory'])
    expect(second.exitCode, second.stderr).to.equal(0)
    expect(second.stdout).to.contain('stood already').and.not.contain(' deployed ')
    expect(await chain.request('eth_blockNumber')).to.equal(height)
    expect((await stat(addressBook)).mtimeMs).to.equal(before.mtimeMs)
    expect(await readBook()).to.deep.equal(book)
    expect((await readdir(join(directory, 'book'))).sort()).to.deep.equal(['address-book.json', 'ignition'])
  })

  it('says so when the chain was started anew, and deploys again with --reset', async () => {
    expect((await deploy(['--directory'])).exitCode).to.equal(0)
    const { port } = chain
    await chain.kill()
    chain = await startAnvil({ port })

    const stale = await deploy()
    expect(stale.exitCode).to.equal(1)
    expect(stale.stdout).to.equal('')
    expect(stale.stderr).to.contain('DEPLOYMENT_STALE').and.contain('has no code for AccessManager at 0x')
    expect(stale.stderr).to.contain('--reset')

    const reset = await deploy(['--reset', '--json'])
    expect(reset.exitCode, reset.stderr).to.equal(0)
    expect(JSON.parse(reset.stdout).deployed).to.have.length(5)
    expect(await chain.request('eth_blockNumber')).to.equal('0x5')

    const kept = await deploy(['--reset', '--json'])
    expect(JSON.parse(kept.stdout).deployed, 'what stands is never forgotten').to.deep.equal([])
  })

  it('takes up a run that ended before the address book was written', async () => {
    expect((await deploy(['--directory'])).exitCode).to.equal(0)
    const book = await readBook()
    await rm(addressBook)
    const again = await deploy(['--directory'])
    expect(again.exitCode, again.stderr).to.equal(0)
    expect(await readBook()).to.deep.equal(book)
    expect(await chain.request('eth_blockNumber')).to.equal('0x5')
  })

  it('enters a second chain beside the first, with its own registry and gate', async () => {
    expect((await deploy(['--directory'])).exitCode).to.equal(0)
    const lenders = getChain(await readBook(), 31337)
    const insurers = await startAnvil({ chainId: 31338 })
    try {
      const args = ['--rpc', insurers.url, '--name', 'insurers', '--address-book', addressBook]
      const options = ['--gate', GATE, '--finality-depth', '3', '--json']
      const outcome = await runDeploy([...args, ...options], { COUNTERSIGN_PRIVATE_KEY: DEPLOYER_KEY })
      expect(outcome.exitCode, outcome.stderr).to.equal(0)
      const book = await readBook()
      expect(getChain(book, 31337)).to.deep.equal(lenders)
      expect(book.directory.chainId).to.equal(31337)
      const { contracts, finalityDepth } = getChain(book, 31338)
      expect(finalityDepth).to.equal(3)
      expect(Object.keys(contracts)).to.deep.equal([
        'QueryResultRegistry',
        'PaymentRecordRegistry',
        'CredentialRegistry',
      ])
      for (const { address } of Object.values(contracts))
        expect(await gateOf(insurers.url, address)).to.equal(GATE)

      const open = await runDeploy([...args, '--gate', `0x${'b'.repeat(40)}`], {
        COUNTERSIGN_PRIVATE_KEY: DEPLOYER_KEY,
      })
      expect(open.exitCode).to.equal(1)
      expect(open.stderr).to.contain('DEPLOYMENT_CONFLICT').and.contain('for ever')

      const misnamed = await runDeploy(
        ['--rpc', insurers.url, '--name', 'lenders', '--address-book', addressBook],
        { COUNTERSIGN_PRIVATE_KEY: DEPLOYER_KEY },
      )
      expect(misnamed.exitCode).to.equal(1)
      expect(misnamed.stderr).to.contain('calls chain 31337 "lenders" already')

      const twoDirectories = await runDeploy([...args, '--directory'], {
        COUNTERSIGN_PRIVATE_KEY: DEPLOYER_KEY,
      })
      expect(twoDirectories.exitCode).to.equal(1)
      expect(twoDirectories.stderr).to.contain('the directory of participants is on chain 31337')
    } finally {
      await insurers.stop()
    }
  })

  it('adds the registry that an older address book lacks, with the gate of the one that stands', async () => {
    expect((await deploy(['--directory', '--gate', GATE])).exitCode).to.equal(0)
    const { CredentialRegistry, ...older } = getChain(await readBook(), 31337).contracts
    const chains = [{ ...getChain(await readBook(), 31337), contracts: older }]
    await writeFile(addressBook, JSON.stringify({ ...(await readBook()), chains }))
    // As if it had never been deployed: what the journal knows is taken from there.
    await rm(join(directory, 'book', 'ignition'), { recursive: true })

    const outcome = await deploy(['--json'])
    expect(outcome.exitCode, outcome.stderr).to.equal(0)
    expect(JSON.parse(outcome.stdout).deployed).to.deep.equal(['CredentialRegistry'])
    const { contracts } = getChain(await readBook(), 31337)
    expect(contracts).to.deep.include(older)
    const added = contracts.CredentialRegistry!
    expect(added.address).not.to.equal(CredentialRegistry!.address)
    expect(added.startBlock).to.equal(6)
    expect(await gateOf(chain.url, added.address)).to.equal(GATE)
  })

  it('asks for a directory on the first chain', async () => {
    const outcome = await deploy()
    expect(outcome.exitCode).to.equal(1)
    expect(outcome.stderr).to.contain('DEPLOYMENT_CONFLICT').and.contain('--directory')
    expect(await chain.request('eth_blockNumber')).to.equal('0x0')
  })

  it('takes its key from an encrypted keystore file', async () => {
    const keystore = join(directory, 'keystore.json')
    const encrypted = await encryptKeystoreJson(new Wallet(DEPLOYER_KEY), 'correct horse', {
      scrypt: { N: 1024 },
    })
    await writeFile(keystore, encrypted)
    const wrong = await deploy(['--directory'], {
      COUNTERSIGN_KEYSTORE_FILE: keystore,
      COUNTERSIGN_KEYSTORE_PASSWORD: 'battery staple',
    })
    expect(wrong.exitCode).to.equal(1)
    expect(wrong.stderr).to.contain('KEY_UNUSABLE').and.contain('incorrect password')
    const right = await deploy(['--directory'], {
      COUNTERSIGN_KEYSTORE_FILE: keystore,
      COUNTERSIGN_KEYSTORE_PASSWORD: 'correct horse',
    })
    expect(right.exitCode, right.stderr).to.equal(0)
  })

  it('asks for a key, and never shows a malformed one', async () => {
    const none = await deploy(['--directory'], {})
    expect(none.exitCode).to.equal(1)
    expect(none.stderr).to.contain('KEY_UNUSABLE').and.contain('COUNTERSIGN_PRIVATE_KEY')
    const malformed = await deploy(['--directory'], { COUNTERSIGN_PRIVATE_KEY: '0xdeadbeef' })
    expect(malformed.exitCode).to.equal(1)
    expect(malformed.stderr).to.contain('not a private key').and.not.contain('deadbeef')
  })

  it('refuses a development key on a chain that is not local', async () => {
    await chain.stop()
    chain = await startAnvil({ chainId: 424242 })
    const refused = await deploy(['--directory'])
    expect(refused.exitCode).to.equal(1)
    expect(refused.stderr).to.contain('KEY_FOR_DEVELOPMENT_ONLY').and.contain('development account 0')
    expect(await chain.request('eth_blockNumber')).to.equal('0x0')

    const own = Wallet.createRandom()
    await chain.request('anvil_setBalance', [own.address, '0xde0b6b3a7640000'])
    // A chain that is not local waits for five confirmations, as on mainnet, unless it mines by itself.
    const outcome = await deploy(['--directory', '--json'], { COUNTERSIGN_PRIVATE_KEY: own.privateKey })
    expect(outcome.exitCode, outcome.stderr).to.equal(0)
    expect(JSON.parse(outcome.stdout).chain.finalityDepth).to.equal(64)
  })

  it('says what fails when the deployer has nothing to pay with', async () => {
    const poor = Wallet.createRandom()
    const outcome = await deploy(['--directory'], { COUNTERSIGN_PRIVATE_KEY: poor.privateKey })
    expect(outcome.exitCode).to.equal(1)
    expect(outcome.stderr)
      .to.contain('DEPLOYMENT_FAILED')
      .and.contain(`${poor.address} has nothing to pay with`)
  })

  it('names a chain that does not answer and an address book that is broken', async () => {
    await deploy(['--directory'])
    await writeFile(addressBook, '{"version":1}')
    const broken = await deploy()
    expect(broken.exitCode).to.equal(1)
    expect(broken.stderr).to.contain('ADDRESS_BOOK_INVALID').and.contain(addressBook)
    await chain.stop()
    const silent = await deploy()
    expect(silent.exitCode, silent.stderr).to.equal(1)
    expect(silent.stderr).to.contain('CHAIN_UNREACHABLE')
    expect(silent.stderr).to.contain(chain.url)
  })

  it('explains its options, and refuses wrong ones', async () => {
    const help = await runDeploy(['--help'], {})
    expect(help.exitCode).to.equal(0)
    for (const option of ['--rpc', '--name', '--directory', '--gate', '--finality-depth', '--address-book'])
      expect(help.stdout).to.contain(option)
    for (const args of [
      ['--name', 'The Lenders'],
      ['--gate', '0x12'],
      ['--finality-depth', '-1'],
      ['--key', '0x1'],
    ])
      expect((await deploy(args)).exitCode, args.join(' ')).to.equal(1)
  })
})

async function gateOf(rpcUrl: string, registry: string): Promise<string> {
  const provider = new JsonRpcProvider(rpcUrl)
  try {
    const gate = await new Contract(registry, QUERY_RESULT_REGISTRY_ABI, provider).getFunction('gate')()
    return String(gate).toLowerCase()
  } finally {
    provider.destroy()
  }
}
