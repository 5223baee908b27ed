import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Contract, JsonRpcProvider } from 'ethers'
import { QUERY_RESULT_REGISTRY_ABI } from '../../../../protocol/abi/query-result-registry.ts'
import type { Address, Bytes32 } from '../../../../protocol/hex.ts'
import type { Entry } from '../../../../protocol/record-book.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { deployAll } from '../../../support/contracts.ts'
import { startRpcRelay } from '../../../support/rpc-relay.ts'
import { AUTHOR_KEY, byKey, publishedBy, recordedBy } from './written-book.ts'

const program = join(import.meta.dirname, 'writer-process.ts')

interface Life {
  rpcUrl?: string
  /** Without slots. Default false. */
  publishes?: boolean
  dieAt?: 'stored' | 'sent' | 'mined'
  killAfterMs?: number
  entries: number
}

describe('book writer that is killed', () => {
  let chain: AnvilChain
  let registry: Address
  let folder: string

  beforeEach(async () => {
    chain = await startAnvil()
    registry = (await deployAll(chain.url)).QueryResultRegistry
    folder = mkdtempSync(join(tmpdir(), 'book-writer-'))
  })
  afterEach(async () => {
    await chain.kill()
    rmSync(folder, { recursive: true })
  })

  /** Runs the process until it ends by itself or by SIGKILL; returns what it acknowledged. */
  async function live({ dieAt, killAfterMs, ...life }: Life): Promise<Entry[]> {
    const settings = {
      rpcUrl: chain.url,
      chainId: chain.chainId,
      registry,
      privateKey: AUTHOR_KEY,
      databaseFile: join(folder, 'party.sqlite'),
      dieAt,
      ...life,
    }
    const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    let timer: NodeJS.Timeout | undefined
    child.stdout.on('data', (chunk) => {
      output += chunk
      if (killAfterMs !== undefined) timer ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs)
    })
    await new Promise((resolve) => child.once('close', resolve))
    clearTimeout(timer)
    return output
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' '))
      .map(([key, digest]) => ({ key: key as Bytes32, digest: digest as Bytes32 }))
  }

  async function recorded(read = recordedBy): Promise<Entry[]> {
    const provider = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true, cacheTimeout: -1 })
    try {
      return await read(new Contract(registry, QUERY_RESULT_REGISTRY_ABI, provider))
    } finally {
      provider.destroy()
    }
  }

  async function expectNothingLostOrTwice(acknowledged: Entry[], read = recordedBy): Promise<void> {
    const onChain = await recorded(read)
    expect(new Set(onChain.map(({ key }) => key)).size, 'recorded twice').to.equal(onChain.length)
    const keys = new Set(acknowledged.map(({ key }) => key))
    expect(byKey(onChain.filter(({ key }) => keys.has(key)))).to.deep.equal(byKey(acknowledged))
  }

  for (const dieAt of ['stored', 'sent', 'mined'] as const)
    it(`loses nothing and records nothing twice, killed three times when a transaction is ${dieAt}`, async () => {
      const acknowledged: Entry[] = []
      for (let i = 0; i < 3; i++) acknowledged.push(...(await live({ dieAt, entries: 200 })))
      acknowledged.push(...(await live({ entries: 5 })))
      await expectNothingLostOrTwice(acknowledged)
    }).timeout(60_000)

  it('loses nothing and records nothing twice, killed ten times at any moment', async () => {
    const acknowledged: Entry[] = []
    for (let i = 0; i < 10; i++)
      acknowledged.push(...(await live({ killAfterMs: 5 + Math.random() * 250, entries: 1_000 })))
    acknowledged.push(...(await live({ entries: 5 })))
    // One at least of each life that was ended, and all of the last.
    expect(acknowledged.length).to.be.at.least(15)
    await expectNothingLostOrTwice(acknowledged)
  }).timeout(60_000)

  it('loses nothing and publishes nothing twice, killed at any moment while its node shows no receipts', async () => {
    const relay = await startRpcRelay(chain.url, {
      alter: ({ method }, result) => (method === 'eth_getTransactionReceipt' ? null : result),
    })
    const life = { rpcUrl: relay.url, publishes: true, entries: 30 }
    const acknowledged: Entry[] = []
    for (let i = 0; i < 5; i++)
      acknowledged.push(...(await live({ ...life, killAfterMs: 100 + Math.random() * 2_200 })))
    acknowledged.push(...(await live(life)))
    await relay.stop()
    // One at least of each life that was ended, and all of the last.
    expect(acknowledged.length).to.be.at.least(5 + life.entries)
    await expectNothingLostOrTwice(acknowledged, publishedBy)
  }).timeout(60_000)
})
