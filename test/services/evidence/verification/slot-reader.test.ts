import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import pino from 'pino'
import type { Registry } from '../../../../protocol/registry-domain.ts'
import { SlotReader, type SlotReaderOptions } from '../../../../services/evidence/verification/slot-reader.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { deployAll } from '../../../support/contracts.ts'
import { expectRejection } from '../../../support/expect-error.ts'
import { ISSUER } from '../evidence-fixture.ts'

const KEY = `0x${'01'.repeat(32)}` as const

describe('reading of slots', () => {
  let chain: AnvilChain
  let registry: Registry
  const others: AnvilChain[] = []

  beforeEach(async () => {
    chain = await startAnvil()
    registry = { chainId: chain.chainId, registry: (await deployAll(chain.url)).CredentialRegistry }
  })
  afterEach(async () => {
    for (const one of [chain, ...others.splice(0)]) await one.kill()
  })

  /** Asks whichever chain is in `asked.chain`. */
  function reader(options: Partial<SlotReaderOptions> = {}) {
    const asked = { chain, methods: [] as string[], hasProofs: true }
    const send = (method: string, params: unknown[]): Promise<unknown> => {
      asked.methods.push(method)
      return method === 'eth_getProof' && !asked.hasProofs
        ? Promise.reject(Object.assign(new Error('no such method'), { code: -32_601 }))
        : asked.chain.request(method, params)
    }
    const limits = { finalityDepth: 0, maxBlockAge: 600, ...options }
    const slots = new SlotReader({ send }, registry, ISSUER, limits, pino({ level: 'silent' }))
    return { asked, read: () => slots.read([KEY]) }
  }

  it('says nothing by a block that is long past, or of a time to come', async () => {
    const { read } = reader({ maxBlockAge: 2 })
    await chain.request('evm_mine')
    await read()
    await sleep(3_500)
    await expectRejection(read(), 'NOT_READY')
    await chain.request('evm_mine')
    await read()
    await chain.request('evm_setNextBlockTimestamp', [Math.floor(Date.now() / 1000) + 60])
    await chain.request('evm_mine')
    await expectRejection(read(), 'NOT_READY')
  })

  it('gets over a height that one node made up', async () => {
    const { asked, read } = reader({ believedMs: 1_500 })
    const other = await startAnvil()
    others.push(other)
    await deployAll(other.url)
    await other.request('anvil_mine', ['0x64', '0x0'])
    await read()
    asked.chain = other
    await read()
    asked.chain = chain
    await expectRejection(read(), 'NOT_READY')
    await sleep(1_600)
    await read()
  })

  it('asks for proofs again after a node had none', async () => {
    const { asked, read } = reader({ believedMs: 500 })
    asked.hasProofs = false
    await read()
    expect(asked.methods).to.include('eth_call')
    asked.hasProofs = true
    asked.methods.length = 0
    await sleep(600)
    await read()
    expect(asked.methods).to.include('eth_getProof').and.not.include('eth_call')
  })
})
