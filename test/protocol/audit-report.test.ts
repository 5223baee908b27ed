import { expect } from 'chai'
import {
  type AuditFindings,
  type AuditReport,
  parseAuditReport,
  serializeAuditReport,
  verifyAuditReport,
} from '../../protocol/audit-report.ts'
import { randomBytes32 } from '../../protocol/hex.ts'
import { withIntegrity } from '../../protocol/proof-file.ts'
import type { Receipt } from '../../protocol/receipt.ts'
import { addressOf, signHash } from '../../protocol/signature.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { expectError, expectRejection } from '../support/expect-error.ts'
import { deployProvider } from '../support/recorded-answer.ts'

describe('an audit report that an auditor forged', () => {
  let chain: AnvilChain
  let provider: Awaited<ReturnType<typeof deployProvider>>
  let receipt: Receipt
  let honest: AuditReport
  before(async () => {
    chain = await startAnvil()
    provider = await deployProvider(chain)
    receipt = await provider.answer()
    honest = await provider.audit(receipt)
  })
  after(async () => {
    provider?.close()
    await chain?.stop()
  })

  /** Signed by the auditor, whole in itself, through its file. */
  const forge = async (change: Partial<AuditFindings>): Promise<AuditReport> =>
    parseAuditReport(serializeAuditReport(await provider.audit(receipt, {}, change)))
  const strangersSignature = () => signHash(randomBytes32(), randomBytes32())

  async function expectRefusal(report: AuditReport, name: string, reason: string): Promise<void> {
    const { verdict, checks } = await verifyAuditReport(report)
    expect(verdict).to.equal(null)
    const failed = checks.filter(({ outcome }) => outcome === 'failed')
    expect(failed.map((check) => check.name)).to.deep.equal([name])
    expect(failed[0]!.detail).to.include(reason)
    const later = checks.slice(checks.indexOf(failed[0]!) + 1)
    for (const { outcome } of later) expect(outcome).to.equal('not-checked')
  }

  it('is refused under the name of another auditor', async () => {
    const other = addressOf(randomBytes32())
    await expectRefusal(await forge({ auditor: other }), 'auditor', `not by the auditor ${other}`)
  })

  it('is refused with a signature over something else', async () => {
    const { integrity: _integrity, ...content } = { ...honest, signature: strangersSignature() }
    const report = parseAuditReport(serializeAuditReport(withIntegrity(content)))
    await expectRefusal(report, 'auditor', `not by the auditor ${honest.auditor}`)
  })

  it('is refused with an answer that the provider did not give', async () => {
    for (const change of [{ signature: strangersSignature() }, { digest: randomBytes32() }, { recordBy: 1 }])
      await expectRefusal(
        await forge({ given: { ...honest.given!, ...change } }),
        'given',
        `the answer given is not signed by ${honest.provider}`,
      )
  })

  it('is refused with a digest that its proof does not prove', async () => {
    const digest = randomBytes32()
    const report = await forge({ recorded: { ...honest.recorded!, digest } })
    await expectRefusal(report, 'recorded', `the report says ${digest}`)
  })

  it('cannot be made with the proof of another serial', async () => {
    const { proof } = await provider.answer()
    const made = forge({ recorded: { ...honest.recorded!, proof: proof! } })
    expect((await expectRejection(made, 'PROOF_INVALID')).message).to.include('another serial')
  })

  it('is refused with an answer to the audit that the provider did not give', async () => {
    if (honest.now.outcome !== 'answered') throw new Error('the provider answered')
    for (const change of [
      { signature: strangersSignature() },
      { storedDigest: randomBytes32() },
      { nonce: randomBytes32() },
    ])
      await expectRefusal(
        await forge({ now: { ...honest.now, ...change } }),
        'now',
        `the answer to the audit is not signed by ${honest.provider}`,
      )
  })

  it('is refused in another shape', () => {
    const { integrity: _integrity, ...content } = { ...honest, now: { outcome: 'silent' } }
    const file = serializeAuditReport(withIntegrity(content) as never)
    expect(expectError(() => parseAuditReport(file), 'PROOF_FILE_INVALID').message).to.include('now')
  })

  it('is believed about an answer that was never given: only the user can contradict it', async () => {
    const { verdict, checks } = await verifyAuditReport(await forge({ given: null }))
    expect(verdict).to.equal('consistent')
    expect(checks.find(({ name }) => name === 'given')).to.have.property('outcome', 'not-checked')
  })
})
