import { expect } from 'chai'
import { parseAuditReport, serializeAuditReport, verifyAuditReport } from '../../protocol/audit-report.ts'
import { confirmAuditReport, confirmReceipt } from '../../protocol/chain-confirmation.ts'
import { isCountersignError } from '../../protocol/errors.ts'
import { type Bytes32, randomBytes32, utf8ToBytes, ZERO_BYTES32 } from '../../protocol/hex.ts'
import { withIntegrity } from '../../protocol/proof-file.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import {
  assembleReceipt,
  parseReceipt,
  type Receipt,
  serializeReceipt,
  verifyReceipt,
} from '../../protocol/receipt.ts'
import { createRpcChainReader } from '../../scripts/cli/rpc-chain-reader.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { expectError, expectRejection } from '../support/expect-error.ts'
import { deployProvider, forgeReceipt } from '../support/recorded-answer.ts'

/** Every single-byte change that a fault or a forger would try first, one file each. */
function* mutations(file: string): Generator<Uint8Array> {
  const bytes = utf8ToBytes(file)
  for (let i = 0; i < bytes.length; i++)
    for (const mask of [0x01, 0x20, 0x80]) {
      const mutated = bytes.slice()
      mutated[i] = mutated[i]! ^ mask
      yield mutated
    }
}

describe('proof files', function () {
  this.timeout(60_000)
  let chain: AnvilChain
  let provider: Awaited<ReturnType<typeof deployProvider>>
  let reader: ReturnType<typeof createRpcChainReader>
  before(async () => {
    chain = await startAnvil()
    provider = await deployProvider(chain)
    reader = createRpcChainReader(chain.url)
  })
  after(async () => {
    reader?.close()
    provider?.close()
    await chain?.stop()
  })

  describe('receipt', () => {
    it('verifies after a trip through its file, offline and against the chain', async () => {
      const receipt = parseReceipt(serializeReceipt(await provider.answer()))
      const offline = await verifyReceipt(receipt)
      expect(offline).to.have.property('verdict', 'consistent')
      const confirmed = await confirmReceipt(receipt, offline, reader)
      expect(confirmed.verdict, JSON.stringify(confirmed.checks)).to.equal('consistent')
      expect(confirmed.checks.map(({ name }) => name)).to.include.members([
        'content',
        'signature',
        'record',
        'block',
        'transaction',
        'head',
      ])
    })

    it('verifies with its digest alone', async () => {
      const receipt = await provider.answer({ disclosure: 'digest' })
      // Of the amount all of it: four digits may stand in any hash.
      expect(JSON.stringify(receipt)).to.not.match(/salt|contentHash|1200\.50/)
      expect(await verifyReceipt(parseReceipt(serializeReceipt(receipt)))).to.have.property(
        'verdict',
        'consistent',
      )
    })

    it('is misreported when the chain has another digest', async () => {
      const receipt = await provider.answer({ recordedDigest: randomBytes32() })
      expect(await verifyReceipt(receipt)).to.have.property('verdict', 'misreported')
    })

    it('is late when recorded after the promise', async () => {
      const receipt = await provider.answer({ promisedWithinS: -30 })
      expect(await verifyReceipt(receipt)).to.have.property('verdict', 'late')
    })

    it('is a promise without proof, and the chain says what became of it', async () => {
      const receipt = forgeReceipt(await provider.answer(), { proof: null, head: null })
      const offline = await verifyReceipt(receipt)
      expect(offline).to.have.property('verdict', 'unconfirmed')
      expect(await confirmReceipt(receipt, offline, reader)).to.have.property('verdict', 'consistent')
    })

    it('is unconfirmed until its block is final', async () => {
      const receipt = await provider.answer()
      const confirmed = await confirmReceipt(receipt, await verifyReceipt(receipt), reader, {
        finalityDepth: 5,
      })
      expect(confirmed.verdict).to.equal('unconfirmed')
    })

    it('is refused, with the reason, after a change of any single byte', async () => {
      const file = serializeReceipt(await provider.answer())
      for (const mutated of mutations(file)) {
        try {
          const { verdict } = await verifyReceipt(parseReceipt(mutated))
          expect.fail(`accepted as ${verdict}: ${Buffer.from(mutated).toString('latin1')}`)
        } catch (error) {
          if (!isCountersignError(error)) throw error
          expect(error.message).to.not.equal('')
        }
      }
    })

    for (const change of ['digest', 'salt', 'contentHash'] as const)
      it(`is refused when a forger changes its ${change} and makes the file whole again`, async () => {
        const verification = await verifyReceipt(
          forgeReceipt(await provider.answer(), { [change]: randomBytes32() }),
        )
        expect(verification.verdict).to.equal(null)
        expect(verification.checks.find(({ outcome }) => outcome === 'failed')).to.have.property(
          'name',
          'content',
        )
      })

    it('is refused when a forger changes the result, the promise, or the chain', async () => {
      const receipt = await provider.answer()
      const result = { ...(receipt.result as object), amount: '9999' }
      for (const change of [
        { result },
        { recordBy: receipt.recordBy + 1 },
        { chainId: 1 },
        { answeredAt: 1 },
      ])
        expect((await verifyReceipt(forgeReceipt(receipt, change))).verdict, JSON.stringify(change)).to.equal(
          null,
        )
    })

    it('is refused with the proof of another serial', async () => {
      const [receipt, other] = [await provider.answer(), await provider.answer()]
      const verification = await verifyReceipt(forgeReceipt(receipt, { proof: other.proof }))
      expect(verification.verdict).to.equal(null)
      expect(verification.checks.at(-1)?.detail).to.contain('another serial')
    })

    it('is refused by a chain that has another block in the place of its block, as soon as there is one', async () => {
      const receipt = await provider.answer()
      const elsewhere = await startAnvil()
      const stranger = createRpcChainReader(elsewhere.url)
      try {
        const offline = await verifyReceipt(receipt)
        await expectRejection(confirmReceipt(receipt, offline, stranger), 'CHAIN_UNREACHABLE')
        await elsewhere.request('anvil_mine', [toQuantity(receipt.proof!.blockNumber)])
        const confirmed = await confirmReceipt(receipt, offline, stranger)
        expect(confirmed.verdict).to.equal(null)
        expect(confirmed.checks.find(({ name }) => name === 'block')).to.have.property('outcome', 'failed')
      } finally {
        stranger.close()
        await elsewhere.stop()
      }
    })

    it('is refused with unknown, missing or misshapen members', async () => {
      const receipt = await provider.answer()
      const { salt: _salt, ...withoutSalt } = receipt
      for (const wrong of [
        { ...receipt, extra: 1 },
        withoutSalt,
        { ...receipt, chainId: '1' },
        { ...receipt, disclosure: 'digest' },
      ]) {
        const { integrity: _integrity, ...content } = wrong as Receipt
        expectError(() => parseReceipt(serializeReceipt(withIntegrity(content))), 'PROOF_FILE_INVALID')
      }
    })

    it('is refused in another byte form of the same content', async () => {
      const file = serializeReceipt(await provider.answer())
      expectError(() => parseReceipt(JSON.stringify(JSON.parse(file), null, 2)), 'PROOF_FILE_ALTERED')
      expectError(() => parseReceipt(`${file}\n`), 'PROOF_FILE_ALTERED')
      expectError(() => parseReceipt(` ${file}`), 'PROOF_FILE_ALTERED')
      expectError(() => parseReceipt('[]'), 'PROOF_FILE_MALFORMED')
      expectError(() => parseReceipt('{'), 'PROOF_FILE_MALFORMED')
      expectError(() => parseReceipt(new Uint8Array([0xff, 0xfe])), 'PROOF_FILE_MALFORMED')
      expect(parseReceipt(file.trimEnd())).to.deep.equal(JSON.parse(file))
    })
  })

  describe('audit report', () => {
    it('verifies after a trip through its file, offline and against the chain', async () => {
      const report = parseAuditReport(serializeAuditReport(await provider.audit(await provider.answer())))
      expect(report.verdict).to.equal('consistent')
      const { verdict, checks } = await verifyAuditReport(report)
      expect(verdict, JSON.stringify(checks)).to.equal('consistent')
      expect(await confirmAuditReport(report, checks, reader)).to.have.property('confirmed', true)
    })

    it('holds neither result nor salt', async () => {
      const receipt = await provider.answer()
      const file = serializeAuditReport(await provider.audit(receipt))
      expect(file).to.not.contain(receipt.salt!).and.not.contain('1200.50')
    })

    for (const [what, now, verdict] of [
      ['the stored answer changed', { stored: randomBytes32() }, 'changed'],
      ['the source changed', { derived: randomBytes32() }, 'changed'],
      ['the author erased it', { stored: ZERO_BYTES32, derived: ZERO_BYTES32 }, 'erased'],
    ] as [string, { stored?: Bytes32; derived?: Bytes32 }, string][])
      it(`says ${verdict} when ${what}`, async () => {
        const report = await provider.audit(await provider.answer(), now)
        expect(report.verdict).to.equal(verdict)
        expect(await verifyAuditReport(report)).to.have.property('verdict', verdict)
      })

    it('says unreachable, and verifies, when the provider did not answer', async () => {
      const report = await provider.audit(
        await provider.answer(),
        {},
        { now: { outcome: 'unreachable', reason: 'timed out' } },
      )
      expect(await verifyAuditReport(parseAuditReport(serializeAuditReport(report)))).to.have.property(
        'verdict',
        'unreachable',
      )
    })

    it('that denies a record is contradicted by the chain', async () => {
      const report = await provider.audit(await provider.answer(), {}, { recorded: null })
      const { checks } = await verifyAuditReport(report)
      const confirmation = await confirmAuditReport(report, checks, reader)
      expect(confirmation.confirmed).to.equal(false)
      expect(confirmation.checks.at(-1)).to.deep.include({ name: 'registry', outcome: 'failed' })
    })

    it('is refused, with the reason, after a change of any single byte', async () => {
      const file = serializeAuditReport(await provider.audit(await provider.answer()))
      for (const mutated of mutations(file)) {
        try {
          parseAuditReport(mutated)
          expect.fail(`accepted: ${Buffer.from(mutated).toString('latin1')}`)
        } catch (error) {
          if (!isCountersignError(error)) throw error
        }
      }
    })

    it('is refused when a forger changes the verdict, a digest or a time and makes the file whole again', async () => {
      const report = await provider.audit(await provider.answer())
      for (const change of [
        { verdict: 'changed' },
        { rule: 'other' },
        { findings: ['x'] },
        { auditedAt: 1 },
        { finalityDepth: 9 },
      ]) {
        const { integrity: _integrity, ...content } = { ...report, ...change }
        const altered = parseAuditReport(serializeAuditReport(withIntegrity(content) as typeof report))
        expect((await verifyAuditReport(altered)).verdict, JSON.stringify(change)).to.equal(null)
      }
    })
  })

  it('assembles the integrity hash of everything else', async () => {
    const { integrity, format: _format, version: _version, kind: _kind, ...content } = await provider.answer()
    expect(assembleReceipt(content).integrity).to.equal(integrity)
  })
})
