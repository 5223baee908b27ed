import { expect } from 'chai'
import { decodeRlp, encodeRlp, keccak256, toBeHex } from 'ethers'
import { CREDENTIAL_TIERS } from '../../../protocol/credentials/credential-event.ts'
import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import {
  checkCredentialPlace,
  type EvidenceCredential,
  parseCredential,
  readCredential,
  serializeCredential,
  withRecordReceipt,
} from '../../../protocol/credentials/evidence-credential.ts'
import { type Bytes32, type Hex, toAddress } from '../../../protocol/hex.ts'
import { withIntegrity } from '../../../protocol/proof-file.ts'
import { expectError } from '../../support/expect-error.ts'
import { type CredentialChain, startCredentialChain } from './credential-chain.ts'
import { ISSUER_KEY, someContent, someCredential } from './some-credential.ts'

const outcomes = (checks: { name: string; outcome: string }[]) =>
  checks.map(({ name, outcome }) => `${name} ${outcome}`)
const PASSED = ['document passed', 'digest passed', 'signature passed', 'record passed']

describe('evidence credential', () => {
  let chain: CredentialChain

  before(async () => {
    chain = await startCredentialChain()
  })
  after(() => chain?.stop())

  /** The last of three of one transaction, as its file is read. */
  async function onChain(tier: (typeof CREDENTIAL_TIERS)[number]): Promise<EvidenceCredential> {
    const pending = [chain.pending(), chain.pending(), chain.pending()]
    const [, , last] = await chain.recorded(tier, pending)
    return parseCredential(serializeCredential(last!))
  }

  it('is a signed promise while it is pending', async () => {
    const credential = someCredential()
    const read = parseCredential(serializeCredential(credential))
    expect(read).to.deep.equal(credential)
    const { verdict, checks, recorded } = await verifyCredential(read)
    expect({ verdict, recorded }).to.deep.equal({ verdict: 'unconfirmed', recorded: null })
    expect(outcomes(checks)).to.deep.equal([...PASSED.slice(0, 3), 'record not-checked'])
  })

  it('says what it was issued with', () => {
    const content = someContent()
    const { created: _created, ...said } = content
    expect(readCredential(someCredential(content))).to.deep.include({
      ...said,
      validUntil: content.metadata.validUntil,
      receipt: null,
    })
    const { validUntil: _until, ...lasting } = content.metadata
    const credential = someCredential({ metadata: lasting })
    expect(readCredential(credential).validUntil).to.equal(null)
    expect(credential).not.to.have.property('validUntil')
  })

  for (const tier of CREDENTIAL_TIERS)
    it(`proves that it is on chain: ${tier}`, async () => {
      const credential = await onChain(tier)
      const { verdict, checks, recorded } = await verifyCredential(credential)
      expect(outcomes(checks)).to.deep.equal(PASSED)
      expect(verdict).to.equal('recorded')
      const block = await chain.anvil.request<Record<'number' | 'hash' | 'timestamp', string>>(
        'eth_getBlockByNumber',
        ['latest', false],
      )
      expect(recorded).to.deep.equal({
        blockNumber: Number(block.number),
        blockHash: block.hash,
        timestamp: Number(block.timestamp),
        tier,
      })
    })

  it('keeps its signature when the receipt comes', async () => {
    const pending = chain.pending()
    const [recorded] = await chain.recorded('recorded', [pending])
    expect(recorded!.proof[0]).to.deep.equal(pending.proof[0])
    expect(recorded!.proof).to.have.length(2)
    expectError(() => withRecordReceipt(recorded!, recorded!.proof[1]!), 'CREDENTIAL_INVALID')
  })

  it('proves nothing with the receipt of another', async () => {
    for (const tier of CREDENTIAL_TIERS) {
      const [a, b] = [chain.pending(), chain.pending()]
      const [, receiptOfB] = (await chain.recorded(tier, [a, b])).map((c) => c.proof[1]!)
      const { verdict, checks } = await verifyCredential(withRecordReceipt(a, receiptOfB!))
      expect(verdict, tier).to.equal(tier === 'published' ? 'recorded' : null)
      if (verdict === null) expect(outcomes(checks).at(-1)).to.equal('record failed')
    }
  })

  it('proves nothing with a record of another digest under its id', async () => {
    for (const tier of ['recorded', 'published'] as const) {
      const first = chain.pending()
      const { credentialId } = readCredential(first)
      const [recorded] = await chain.recorded(tier, [first])
      const second = chain.pending({ credentialId, salt: readCredential(first).contentHash })
      const { verdict, checks } = await verifyCredential(withRecordReceipt(second, recorded!.proof[1]!))
      expect(verdict).to.equal(null)
      expect(checks.at(-1)!.detail).to.include('the chain has the digest')
    }
  })

  it('proves nothing where the same event is of another registry or issuer', async () => {
    const elsewhere = { registry: toAddress(`0x${'01'.repeat(20)}`) }
    for (const tier of CREDENTIAL_TIERS) {
      const ours = chain.pending()
      const [{ proof }] = (await chain.recorded(tier, [ours])) as [EvidenceCredential]
      const { credentialId, registry } = readCredential(ours)
      const foreign = [
        chain.pending({ credentialId, ...elsewhere }),
        someCredential({ chainId: chain.anvil.chainId, registry, credentialId }, ISSUER_KEY),
      ]
      const details = await Promise.all(
        foreign.map(async (credential) => {
          const { verdict, checks } = await verifyCredential(withRecordReceipt(credential, proof[1]!))
          expect(verdict).to.equal(null)
          return checks.at(-1)!.detail
        }),
      )
      expect(details[0]).to.include('the log is of contract')
      expect(details[1]).to.include('of another issuer')
    }
  })

  it('is refused when the event says another tier than the receipt', async () => {
    const credential = await onChain('recorded')
    const { integrity: _integrity, ...rest } = credential
    const receipt = { ...credential.proof[1]!, tier: 'published' as const }
    const forged = withIntegrity({ ...rest, proof: [credential.proof[0], receipt] }) as EvidenceCredential
    const { verdict, checks } = await verifyCredential(forged)
    expect(verdict).to.equal(null)
    expect(checks.at(-1)!.detail).to.include('not of the event Published')
  })

  it('is refused when an event of the published list names the key twice, by its first digest', async () => {
    const first = chain.pending()
    const { credentialId, contentHash } = readCredential(first)
    const second = chain.pending({ credentialId, salt: contentHash })
    const [a, b] = await chain.recorded('published', [first, second])
    expect((await verifyCredential(a!)).verdict).to.equal('recorded')
    expect((await verifyCredential(b!)).verdict).to.equal(null)
  })

  it('is looked at to the end, whatever time a made-up block says', async () => {
    const { proof, integrity: _integrity, ...document } = await onChain('recorded')
    const { event } = proof[1]!
    for (const timestamp of [253_402_300_799, 253_402_300_800, Number.MAX_SAFE_INTEGER]) {
      const members = decodeRlp(event.header) as string[]
      const header = encodeRlp(members.with(11, toBeHex(timestamp))) as Hex
      const forged = { ...event, header, blockHash: keccak256(header) as Bytes32 }
      const credential = withIntegrity({ ...document, proof: [proof[0], { ...proof[1]!, event: forged }] })
      const { recorded } = await verifyCredential(credential as EvidenceCredential)
      // Such a block hashes as it should; only a node can say that it is part of no chain.
      expect(recorded).to.deep.include({ blockHash: forged.blockHash, timestamp })
    }
  })

  it('is of one issuer, chain and registry', () => {
    const content = someContent()
    const read = readCredential(someCredential(content))
    const { chainId, registry, issuer } = content
    checkCredentialPlace(read, { chainId, registry, issuer })
    checkCredentialPlace(read, { chainId, registry })
    for (const change of [
      { chainId: 1 },
      { registry: toAddress(`0x${'01'.repeat(20)}`) },
      { issuer: toAddress(`0x${'01'.repeat(20)}`) },
    ]) {
      const error = expectError(
        () => checkCredentialPlace(read, { chainId, registry, issuer, ...change }),
        'CREDENTIAL_FOREIGN',
      )
      expect(error.message).to.include(Object.keys(change)[0])
    }
  })
})
