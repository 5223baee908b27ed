import { expect } from 'chai'
import { verifyAuditReport } from '../../protocol/audit-report.ts'
import { type ChainReader, confirmAuditReport, confirmReceipt } from '../../protocol/chain-confirmation.ts'
import { randomBytes32, ZERO_BYTES32 } from '../../protocol/hex.ts'
import { type Receipt, verifyReceipt } from '../../protocol/receipt.ts'
import type { Check } from '../../protocol/verification.ts'
import { createRpcChainReader } from '../../scripts/cli/rpc-chain-reader.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { expectRejection } from '../support/expect-error.ts'
import { deployProvider, forgeReceipt } from '../support/recorded-answer.ts'

const failedOf = (checks: Check[]): string[] =>
  checks.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)

describe('confirmation by a node of the chain', () => {
  let chain: AnvilChain
  let provider: Awaited<ReturnType<typeof deployProvider>>
  let node: ReturnType<typeof createRpcChainReader>
  let receipt: Receipt
  before(async () => {
    chain = await startAnvil()
    provider = await deployProvider(chain)
    node = createRpcChainReader(chain.url)
    receipt = await provider.answer()
  })
  after(async () => {
    node?.close()
    provider?.close()
    await chain?.stop()
  })

  /** A node that agrees with the real one in everything but `change`. */
  const nodeThat = (change: Partial<ChainReader>): ChainReader => ({ ...node, ...change })
  const contradictions: [string, Partial<ChainReader>, string][] = [
    ['is of another chain', { chainId: async () => 1 }, 'chain'],
    [
      'has another block at that number',
      { block: async () => ({ hash: randomBytes32(), timestamp: 1 }) },
      'block',
    ],
    [
      'has the transaction in another block',
      { transactionLocation: async () => ({ blockHash: randomBytes32(), index: 0 }) },
      'transaction',
    ],
    [
      'has the transaction at another place of the block',
      {
        transactionLocation: async (hash) => ({ ...(await node.transactionLocation(hash))!, index: 7 }),
      },
      'transaction',
    ],
    ['has an empty registry', { digestOf: async () => ZERO_BYTES32 }, 'registry'],
  ]

  /** Nodes that lack the block: it is past their head, or too old for them. */
  const lacking = async (): Promise<[Partial<ChainReader>, string][]> => {
    const { number, timestamp } = await node.headBlock()
    const block = async () => null
    const headBlock = async () => ({ number: 1, timestamp })
    return [
      [{ block, headBlock }, 'it is at block 1'],
      [{ block, headBlock: async () => ({ number, timestamp }) }, 'it does not keep it'],
    ]
  }
  const unindexed: Partial<ChainReader> = { transactionLocation: async () => null }
  const isOpen = (checks: Check[]) =>
    expect(checks.filter(({ outcome }) => outcome !== 'passed')).to.deep.equal([
      {
        name: 'transaction',
        outcome: 'not-checked',
        detail: `the node does not find transaction ${receipt.proof!.transactionHash}`,
      },
    ])

  describe('confirmReceipt', () => {
    it('says nothing against a receipt whose block the node lacks', async () => {
      for (const [change, reason] of await lacking()) {
        const asked = confirmReceipt(receipt, await verifyReceipt(receipt), nodeThat(change))
        expect((await expectRejection(asked, 'CHAIN_UNREACHABLE')).message).to.include(reason)
      }
    })

    it('leaves open where a transaction is that the node does not find', async () => {
      const offline = await verifyReceipt(receipt)
      const { verdict, checks } = await confirmReceipt(receipt, offline, nodeThat(unindexed))
      expect(verdict).to.equal('consistent')
      isOpen(checks)
      // Block, registry and head still contradict.
      const empty = { ...unindexed, digestOf: async () => ZERO_BYTES32 }
      const refused = await confirmReceipt(receipt, offline, nodeThat(empty))
      expect([refused.verdict, failedOf(refused.checks)]).to.deep.equal([null, ['registry']])
    })

    for (const [what, change, check] of [
      ...contradictions,
      ['holds another digest', { digestOf: async () => randomBytes32() }, 'registry'],
      ['has another head of the author', { headOf: async () => randomBytes32() }, 'head'],
    ] as typeof contradictions)
      it(`refuses a receipt when the node ${what}`, async () => {
        const { verdict, checks } = await confirmReceipt(
          receipt,
          await verifyReceipt(receipt),
          nodeThat(change),
        )
        expect(verdict).to.equal(null)
        expect(failedOf(checks)).to.deep.equal([check])
      })

    it('blames the node, not the file, when the node cannot be asked', async () => {
      const dead = createRpcChainReader('http://127.0.0.1:1')
      const offline = await verifyReceipt(receipt)
      await expectRejection(confirmReceipt(receipt, offline, dead), 'CHAIN_UNREACHABLE')
      const report = await provider.audit(receipt)
      await expectRejection(confirmAuditReport(report, [], dead), 'CHAIN_UNREACHABLE')
      dead.close()
    })

    it('asks no node about a receipt that is refused already', async () => {
      const forged = forgeReceipt(receipt, { digest: randomBytes32() })
      const offline = await verifyReceipt(forged)
      const silent = nodeThat({ chainId: () => Promise.reject(new Error('asked')) })
      expect(await confirmReceipt(forged, offline, silent)).to.equal(offline)
    })

    describe('of a promise', () => {
      const confirmPromise = async (promise: Receipt, change: Partial<ChainReader>) => {
        const bare = forgeReceipt(promise, { proof: null, head: null })
        return confirmReceipt(bare, await verifyReceipt(bare), nodeThat(change))
      }
      const nothing: Partial<ChainReader> = { digestOf: async () => ZERO_BYTES32 }

      it('is unconfirmed while the promise is open', async () => {
        const promise = await provider.answer({ promisedWithinS: 3_600 })
        const { verdict, checks } = await confirmPromise(promise, nothing)
        expect(verdict).to.equal('unconfirmed')
        expect(checks.at(-1)).to.deep.include({
          name: 'registry',
          detail: 'the registry holds nothing yet',
        })
      })

      it('is unrecorded when the promise was not kept', async () => {
        const promise = await provider.answer({ promisedWithinS: -30 })
        expect(await confirmPromise(promise, nothing)).to.have.property('verdict', 'unrecorded')
      })

      it('reads the registry at the block whose time it goes by', async () => {
        const asked: unknown[] = []
        const promise = await provider.answer({ promisedWithinS: 30 })
        const { number } = await node.headBlock()
        const change: Partial<ChainReader> = {
          async headBlock() {
            const head = await node.headBlock()
            // The next block is there before the next question.
            await chain.request('evm_mine')
            return head
          },
          digestOf: (registry, author, key, atBlock) => {
            asked.push(atBlock)
            return node.digestOf(registry, author, key, atBlock)
          },
        }
        expect(await confirmPromise(promise, change)).to.have.property('verdict', 'consistent')
        expect(asked).to.deep.equal([number])
      })

      it('is consistent when the record came in time', async () => {
        const promise = await provider.answer({ promisedWithinS: 30 })
        expect(await confirmPromise(promise, {})).to.have.property('verdict', 'consistent')
        await chain.request('evm_increaseTime', [60])
        await chain.request('evm_mine')
        expect(await confirmPromise(promise, {})).to.have.property('verdict', 'consistent')
      })

      it('is late when the record came after the promise', async () => {
        const promise = await provider.answer({ promisedWithinS: -30 })
        expect(await confirmPromise(promise, {})).to.have.property('verdict', 'late')
      })

      it('is unconfirmed until the record is final', async () => {
        const promise = await provider.answer({ promisedWithinS: 3_600 })
        const bare = forgeReceipt(promise, { proof: null, head: null })
        const confirm = async () =>
          confirmReceipt(bare, await verifyReceipt(bare), node, { finalityDepth: 2 })
        expect(await confirm()).to.have.property('verdict', 'unconfirmed')
        await chain.request('anvil_mine', ['0x2'])
        expect(await confirm()).to.have.property('verdict', 'consistent')
      })

      it('is misreported when something else was recorded', async () => {
        const promise = await provider.answer({ recordedDigest: randomBytes32() })
        expect(await confirmPromise(promise, {})).to.have.property('verdict', 'misreported')
      })
    })
  })

  describe('confirmAuditReport', () => {
    it('says nothing against a report whose block the node lacks', async () => {
      const report = await provider.audit(receipt)
      for (const [change, reason] of await lacking()) {
        const asked = confirmAuditReport(report, [], nodeThat(change))
        expect((await expectRejection(asked, 'CHAIN_UNREACHABLE')).message).to.include(reason)
      }
    })

    it('leaves open where a transaction is that the node does not find', async () => {
      const report = await provider.audit(receipt)
      const { confirmed, checks } = await confirmAuditReport(report, [], nodeThat(unindexed))
      expect(confirmed).to.equal(true)
      isOpen(checks)
    })

    for (const [what, change, check] of contradictions)
      it(`does not confirm a report when the node ${what}`, async () => {
        const report = await provider.audit(receipt)
        const { checks } = await verifyAuditReport(report)
        const confirmation = await confirmAuditReport(report, checks, nodeThat(change))
        expect(confirmation.confirmed).to.equal(false)
        // The block that was searched last is held against the chain first.
        expect(failedOf(confirmation.checks)).to.deep.equal([check === 'block' ? 'searched' : check])
      })

    it('does not confirm a report that gives the block searched last another time', async () => {
      const promise = await provider.answer({ promisedWithinS: 3_600 })
      const { searchedTo } = await provider.audit(promise)
      const report = await provider.audit(
        promise,
        {},
        { recorded: null, searchedTo: { ...searchedTo, timestamp: promise.recordBy + 1 } },
      )
      const { verdict, checks } = await verifyAuditReport(report)
      expect(verdict).to.equal('unrecorded')
      const empty = nodeThat({ digestOf: async () => ZERO_BYTES32 })
      const confirmation = await confirmAuditReport(report, checks, empty)
      expect(confirmation.confirmed).to.equal(false)
      expect(failedOf(confirmation.checks)).to.deep.equal(['searched'])
    })

    it('confirms that nothing was recorded', async () => {
      const report = await provider.audit(receipt, {}, { recorded: null })
      const { checks } = await verifyAuditReport(report)
      const { confirmed, checks: confirmation } = await confirmAuditReport(
        report,
        checks,
        nodeThat({ digestOf: async () => ZERO_BYTES32 }),
      )
      expect(confirmed).to.equal(true)
      expect(confirmation.at(-1)!.detail).to.include('nothing was recorded up to block')
    })
  })
})
