import canonicalize from 'canonicalize'
import { expect } from 'chai'
import { encodeBytes32String, keccak256, TypedDataEncoder, toUtf8Bytes, verifyTypedData } from 'ethers'
import fc from 'fast-check'
import {
  assembleEvidenceStatement,
  type EvidenceStatement,
  parseEvidenceStatement,
  serializeEvidenceStatement,
  verifyEvidenceStatement,
} from '../../../protocol/credentials/evidence-statement.ts'
import {
  deriveEvidenceVerdict,
  type VerdictEvidence,
} from '../../../protocol/credentials/evidence-verdict.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { type Bytes32, utf8ToBytes } from '../../../protocol/hex.ts'
import { withIntegrity } from '../../../protocol/proof-file.ts'
import { addressOf, signHash } from '../../../protocol/signature.ts'
import { expectError } from '../../support/expect-error.ts'
import { singleByteChanges } from '../../support/proof-mutations.ts'
import { evidenceArbitrary, someEvidence } from './evidence-arbitrary.ts'
import { memberEdits } from './member-edits.ts'
import { ISSUER_KEY, someContent } from './some-credential.ts'

const sign = (hash: Bytes32) => signHash(hash, ISSUER_KEY)
const { chainId, registry, issuer, credentialId } = someContent()
const statementOf = (evidence: VerdictEvidence = someEvidence()): EvidenceStatement =>
  assembleEvidenceStatement(
    { chainId, registry, issuer, credentialId, evidence, checkedAt: 1_800_000_000 },
    sign,
  )
const revoked = someEvidence({ revocation: { reason: 'replaced', blockNumber: 7 }, expiresAt: 5 })

describe('evidence statement', () => {
  it('says what the evidence gives, and is verified as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(evidenceArbitrary, async (evidence) => {
        const statement = parseEvidenceStatement(serializeEvidenceStatement(statementOf(evidence)))
        expect(statement).to.deep.include({
          ...deriveEvidenceVerdict(evidence),
          evidence,
          issuer,
          credentialId,
        })
        const { verdict, checks } = await verifyEvidenceStatement(statement)
        expect(verdict).to.equal(deriveEvidenceVerdict(evidence).verdict)
        expect(checks.map(({ outcome }) => outcome)).to.deep.equal(['passed', 'passed', 'passed'])
      }),
      { numRuns: 30 },
    )
  })

  it("is signed as EvidenceStatement(…), by ethers' encoder", () => {
    const { signature, integrity: _integrity, ...content } = statementOf()
    const types = {
      EvidenceStatement: [
        { name: 'credentialId', type: 'bytes32' },
        { name: 'issuer', type: 'address' },
        { name: 'checkedAt', type: 'uint64' },
        { name: 'statementHash', type: 'bytes32' },
      ],
    }
    const value = {
      credentialId: encodeBytes32String(credentialId),
      issuer,
      checkedAt: 1_800_000_000,
      statementHash: keccak256(toUtf8Bytes(canonicalize(content)!)),
    }
    const domain = { name: 'Countersign', version: '1', chainId, verifyingContract: registry }
    expect(verifyTypedData(domain, types, value, signature)).to.equal(addressOf(ISSUER_KEY))
    expect(TypedDataEncoder.from(types).primaryType).to.equal('EvidenceStatement')
  })

  it('is refused by a single changed byte', () => {
    const file = serializeEvidenceStatement(statementOf(revoked))
    let count = 0
    for (const { at, changed } of singleByteChanges(file)) {
      count++
      const altered = typeof changed === 'object' && changed !== null ? withoutOrder(changed) : changed
      try {
        parseEvidenceStatement(`${JSON.stringify(altered)}\n`)
        expect.fail(`taken with byte ${at} changed`)
      } catch (error) {
        if (!isCountersignError(error)) throw error
      }
    }
    expect(count).to.be.above(500)
    for (let at = 0; at < file.length - 1; at++)
      expectAnyError(() => parseEvidenceStatement(file.slice(0, at).concat(file.slice(at + 1))))
  })

  it('is refused with its integrity hash made anew, whatever member is edited', async () => {
    const { integrity: _integrity, ...content } = statementOf(revoked)
    let count = 0
    for (const { path, edited } of memberEdits(content)) {
      count++
      const { verdict } = await verifyEvidenceStatement(withIntegrity(edited as object) as EvidenceStatement)
      expect(verdict, path).to.equal(null)
    }
    expect(count).to.be.above(500)
  })

  it('is refused when its issuer signs a verdict that does not follow', async () => {
    const { integrity: _integrity, ...content } = statementOf(revoked)
    const honest = statementOf()
    const { verdict: _verdict, ...rest } = content
    for (const change of [
      { verdict: 'intact' as const },
      { rule: honest.rule },
      { findings: honest.findings },
      { findings: [content.findings.join()] },
    ]) {
      const forged = resigned({ ...rest, verdict: content.verdict, ...change })
      const { verdict, checks } = await verifyEvidenceStatement(forged)
      expect(verdict, JSON.stringify(change)).to.equal(null)
      expect(checks.at(-1)).to.deep.include({ name: 'verdict', outcome: 'failed' })
    }
  })

  it('is refused when somebody else signed it', async () => {
    const other = `0x${'77'.repeat(32)}` as const
    const foreign = assembleEvidenceStatement(
      { chainId, registry, issuer, credentialId, evidence: someEvidence(), checkedAt: 1 },
      (hash) => signHash(hash, other),
    )
    const { verdict, checks } = await verifyEvidenceStatement(foreign)
    expect(verdict).to.equal(null)
    expect(checks.map(({ outcome }) => outcome)).to.deep.equal(['passed', 'failed', 'not-checked'])
  })

  it('asks of the block searched to whether the credential had expired', () => {
    expectError(() => statementOf(someEvidence({ expiresAt: 900, now: 800 })), 'PROOF_FILE_INVALID')
  })
})

const withoutOrder = (value: object): unknown => JSON.parse(canonicalize(value)!)

function resigned({
  signature: _signature,
  ...content
}: Omit<EvidenceStatement, 'integrity'>): EvidenceStatement {
  const hash = TypedDataEncoder.hash(
    { name: 'Countersign', version: '1', chainId, verifyingContract: registry },
    {
      EvidenceStatement: [
        { name: 'credentialId', type: 'bytes32' },
        { name: 'issuer', type: 'address' },
        { name: 'checkedAt', type: 'uint64' },
        { name: 'statementHash', type: 'bytes32' },
      ],
    },
    {
      credentialId: encodeBytes32String(content.credentialId),
      issuer: content.issuer,
      checkedAt: content.checkedAt,
      statementHash: keccak256(utf8ToBytes(canonicalize(content)!)),
    },
  ) as Bytes32
  return withIntegrity({ ...content, signature: sign(hash) })
}

function expectAnyError(action: () => unknown): void {
  try {
    action()
  } catch (error) {
    if (isCountersignError(error)) return
    throw error
  }
  expect.fail('taken')
}
