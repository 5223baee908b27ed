import { type ChildProcess, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { expect } from 'chai'
import { randomBytes32 } from '../../protocol/hex.ts'
import { DEPLOYER_KEY, deployAll, registryAs } from '../support/contracts.ts'
import { jsonRpc } from '../support/json-rpc.ts'

const SCRIPT = new URL('../../scripts/local-chain.ts', import.meta.url).pathname

interface Block {
  hash: string
  number: string
  timestamp: string
  transactions: string[]
}

interface LocalChain {
  process: ChildProcess
  url: string
  line: string
}

const spawnScript = (args: string[]): ChildProcess =>
  spawn(process.execPath, [SCRIPT, ...args], { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] })

/** Once all that it wrote has been read, too. */
const exitOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once('close', (code) => resolve(code)))

async function startLocalChain(network: string): Promise<LocalChain> {
  const child = spawnScript(['--network', network, '--port', '0'])
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout!.once('data', (chunk) => resolve(String(chunk)))
    child.once('exit', (code) => reject(new Error(`the chain ended with ${code}`)))
  })
  return { process: child, line, url: /http:\S+/.exec(line)![0] }
}

describe('local chain', function () {
  this.timeout(60_000)

  let chain: LocalChain
  const request = <T>(method: string, ...params: unknown[]) => jsonRpc<T>(chain.url, method, params)

  before(async () => {
    chain = await startLocalChain('insurers')
  })
  after(() => {
    chain.process.kill('SIGKILL')
  })

  const latestBlock = () => request<Block>('eth_getBlockByNumber', 'latest', false)
  const sendToSelf = async (from: string) => request('eth_sendTransaction', { from, to: from, value: '0x1' })

  it('says in one line which chain it is and where it listens', async () => {
    expect(chain.line).to.match(/^insurers \(chain 31338\) listens on http:\/\/127\.0\.0\.1:\d+\n$/)
    expect(await request('eth_chainId')).to.equal('0x7a6a')
  })

  it('keeps its time with the clock, however many blocks a second', async () => {
    const accounts = await request<string[]>('eth_accounts')
    const start = Date.now()
    let blocks = 0
    while (Date.now() - start < 2_000) {
      const before = Date.now() / 1000
      await Promise.all(accounts.slice(0, 10).map(sendToSelf))
      blocks += 10
      const { timestamp } = await latestBlock()
      expect(Number(timestamp)).to.be.within(before - 1.5, Date.now() / 1000)
    }
    expect(Number((await latestBlock()).number)).to.equal(blocks)
    expect(blocks, 'more blocks than seconds').to.be.above((Date.now() - start) / 1000)
  })

  it('answers what readers of a chain ask', async () => {
    const { QueryResultRegistry } = await deployAll(chain.url)
    const { registry, provider } = registryAs(chain.url, QueryResultRegistry, DEPLOYER_KEY)
    const sent = await registry.getFunction('record')(randomBytes32(), randomBytes32())
    await sent.wait()
    provider.destroy()
    const { hash, number, transactions } = await latestBlock()
    const receipt = await request<object>('eth_getTransactionReceipt', transactions[0])
    expect(await request('eth_getBlockReceipts', hash)).to.deep.equal([receipt])
    expect(await request('eth_getBlockReceipts', number)).to.deep.equal([receipt])
    expect(await request('eth_getBlockReceipts', `0x${'1'.repeat(64)}`)).to.equal(null)
    const [log] = await request<{ address: string }[]>('eth_getLogs', { blockHash: hash })
    expect(log!.address).to.equal(QueryResultRegistry.toLowerCase())
    const slot = `0x${'0'.repeat(64)}`
    const proof = await request<{ storageProof: object[] }>(
      'eth_getProof',
      QueryResultRegistry,
      [slot],
      number,
    )
    expect(proof.storageProof).to.have.length(1)
  })

  it('says what is wrong with a block that cannot be', async () => {
    let message = ''
    await request('eth_getBlockReceipts', 'yesterday').catch((error: Error) => {
      message = error.message
    })
    expect(message).to.contain('eth_getBlockReceipts').and.contain('data did not match')
  })

  it('ends in order on SIGTERM', async () => {
    const exit = exitOf(chain.process)
    chain.process.kill('SIGTERM')
    expect(await exit).to.equal(0)
  })

  it('refuses a network that is not simulated, and a port that is none', async () => {
    for (const args of [
      ['--network', 'external'],
      ['--port', '65536'],
    ]) {
      const child = spawnScript(args)
      let errors = ''
      child.stderr!.on('data', (chunk) => {
        errors += chunk
      })
      expect(await exitOf(child)).to.equal(1)
      expect(errors).to.match(
        /no simulated network "external"; there are .*lenders, insurers|a port is 0 to 65535/,
      )
    }
  })
})
