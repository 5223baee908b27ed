import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { Contract, NonceManager, Wallet } from 'ethers'
import { CREDENTIAL_REGISTRY_ABI } from '../../../../protocol/abi/credential-registry.ts'
import { credentialKey } from '../../../../protocol/credentials/credential-key.ts'
import { utcTime } from '../../../../protocol/utc-time.ts'
import { localProvider } from '../../../support/contracts.ts'
import { eventually } from '../../../support/eventually.ts'
import { type S3Server, startS3Server } from '../../../support/s3-server.ts'
import {
  type EvidenceAnswer,
  ISSUER_KEY,
  type Neighbourhood,
  problem,
  settleEvidence,
  sha256,
} from '../evidence-fixture.ts'
import { askToVerify, fileOf, flipBit, s3Environment, tamperRow, verify } from './verifying.ts'

const post = (body: unknown = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

for (const kind of ['disk', 'S3'] as const)
  describe(`verdicts on evidence: ${kind}`, () => {
    let home: Neighbourhood
    let s3: S3Server | undefined
    const server = () => home.server
    let documents = 0
    /** A document of its own, on chain. */
    const take = (options: Parameters<Neighbourhood['server']['take']>[1] = {}): Promise<EvidenceAnswer> =>
      server().take(`document ${documents++} ${'of some length '.repeat(9)}`, {
        query: '?wait=recorded',
        ...options,
      })
    const hashOf = ({ credential }: EvidenceAnswer) => credential.credentialSubject.contentHash
    const stored = (answer: EvidenceAnswer): string => fileOf(server(), hashOf(answer), s3)

    before(async () => {
      s3 = kind === 'S3' ? await startS3Server() : undefined
      home = await settleEvidence(s3 && s3Environment(s3))
      await server().start()
    })
    after(async () => {
      await home.end()
      await s3?.drop()
    })

    it('says intact of what is as it was, and signs it with both hashes', async () => {
      const answer = await take()
      const { verdict, rule, findings, evidence } = await verify(server(), answer)
      expect({ verdict, rule, findings }).to.deep.equal({
        verdict: 'intact',
        rule: 'kept-signed-and-chain-agree',
        findings: [],
      })
      const { contentHash, digest, metadataHash } = answer.credential.credentialSubject
      expect(evidence).to.deep.include({
        kept: {
          state: 'kept',
          contentHashNow: contentHash,
          metadataHashNow: metadataHash,
          digestNow: digest,
        },
        signedDigest: digest,
        revocation: null,
        expiresAt: null,
      })
      expect(evidence.recorded).to.deep.include({ digest, tier: 'recorded' })
      expect(evidence.searchedTo.blockNumber).to.be.at.least(evidence.recorded!.blockNumber)
    })

    it('takes the pending form of a credential, and one with spaces in its JSON', async () => {
      const answer = await take({ query: '' })
      expect(answer.state).to.equal('pending')
      await eventually('on chain', async () => (await verify(server(), answer)).verdict === 'intact')
      const response = await server().request(`/v1/evidence/${answer.credentialId}/verify`, {
        ...post(),
        body: JSON.stringify({ credential: answer.credential }, null, 2),
      })
      expect(response.status).to.equal(200)
    })

    it('says tampered for one bit that was flipped, wherever it is, and intact once it is flipped back', async () => {
      const answer = await take()
      const bits = 8 * readFileSync(stored(answer)).length
      for (const bit of [0, Math.floor(bits / 2), bits - 1]) {
        flipBit(stored(answer), bit)
        const { verdict, rule, evidence } = await verify(server(), answer)
        expect({ verdict, rule }).to.deep.equal({ verdict: 'tampered', rule: 'content-or-metadata-differs' })
        expect(evidence.kept).to.deep.include({
          state: 'kept',
          contentHashNow: sha256(readFileSync(stored(answer))),
        })
        flipBit(stored(answer), bit)
      }
      expect((await verify(server(), answer)).verdict).to.equal('intact')
    })

    it('says tampered for content that was cut off or added', async () => {
      const answer = await take()
      const bytes = readFileSync(stored(answer))
      for (const altered of [bytes.subarray(1), Buffer.concat([bytes, Buffer.from('\n')]), Buffer.alloc(0)]) {
        writeFileSync(stored(answer), altered)
        expect((await verify(server(), answer)).verdict).to.equal('tampered')
      }
    })

    it('says tampered for metadata, share or content hash altered in the database', async () => {
      const [other, ...answers] = [await take(), await take(), await take(), await take()]
      tamperRow(
        server(),
        `metadata = replace(metadata, 'document.pdf', 'Document.pdf')`,
        answers[0]!.credentialId,
      )
      tamperRow(server(), `share = zeroblob(32)`, answers[1]!.credentialId)
      tamperRow(server(), `content_hash = x'${hashOf(other!).slice(2)}'`, answers[2]!.credentialId)
      for (const answer of answers)
        expect((await verify(server(), answer)).rule).to.equal('content-or-metadata-differs')
    })

    it('has a verdict also where the database has no hash and no share any more', async () => {
      const [named, shared] = [await take(), await take()]
      tamperRow(server(), `content_hash = x'00'`, named.credentialId)
      tamperRow(server(), `share = x'00'`, shared.credentialId)
      expect((await verify(server(), named)).verdict).to.equal('missing')
      expect((await verify(server(), shared)).verdict).to.equal('tampered')
    })

    it('says missing of what is not where it was kept', async () => {
      const answer = await take()
      rmSync(stored(answer))
      const { verdict, rule, evidence } = await verify(server(), answer)
      expect({ verdict, rule }).to.deep.equal({ verdict: 'missing', rule: 'content-not-found' })
      expect(evidence.kept).to.deep.equal({ state: 'missing' })
    })

    it('says revoked with the reason, also when it was revoked past the server', async () => {
      const [byServer, byIssuer] = [await take(), await take()]
      await server().request(
        `/v1/evidence/${byServer.credentialId}/revocation`,
        post({ reason: 'scan unreadable' }),
      )
      await eventually('revoked', async () => (await verify(server(), byServer)).verdict === 'revoked')
      const { rule, evidence } = await verify(server(), byServer)
      expect(rule).to.equal('revoked-on-chain')
      expect(evidence.revocation!.reason).to.equal('scan unreadable')

      await asIssuer(home, (registry) =>
        registry.getFunction('revoke')(credentialKey(byIssuer.credentialId), 'by hand'),
      )
      const direct = await verify(server(), byIssuer)
      expect(direct.verdict).to.equal('revoked')
      expect(direct.evidence.revocation).to.deep.include({ reason: 'by hand' })
      flipBit(stored(byIssuer))
      const both = await verify(server(), byIssuer)
      expect(both.verdict).to.equal('tampered')
      expect(both.findings).to.deep.equal(['content-or-metadata-differs', 'revoked-on-chain'])
    })

    it('says unconfirmed of what is not on chain yet, and tampered all the same', async () => {
      await home.chain.request('evm_setAutomine', [false])
      try {
        const answer = await take({ query: '' })
        const { verdict, rule, evidence } = await verify(server(), answer)
        expect({ verdict, rule }).to.deep.equal({ verdict: 'unconfirmed', rule: 'not-on-chain' })
        expect(evidence.recorded).to.equal(null)
        flipBit(stored(answer))
        expect((await verify(server(), answer)).verdict).to.equal('tampered')
        flipBit(stored(answer))
        await eventually('intact', async () => {
          await home.chain.request('evm_mine')
          return (await verify(server(), answer)).verdict === 'intact'
        })
      } finally {
        await home.chain.request('evm_setAutomine', [true])
      }
    })

    it('says erased of what was erased', async () => {
      const answer = await take()
      const erasure = await server().request(`/v1/evidence/${answer.credentialId}/erasure`, post())
      expect(erasure.status).to.equal(200)
      const { verdict, rule, evidence } = await verify(server(), answer)
      expect({ verdict, rule }).to.deep.equal({ verdict: 'erased', rule: 'erased-by-issuer' })
      expect(evidence.recorded!.digest).to.equal(answer.credential.credentialSubject.digest)
    })

    it('says nothing of what is being erased, and may be there still', async () => {
      const answer = await take()
      tamperRow(server(), "state = 'erasing'", answer.credentialId)
      const { status, code } = await problem(await askToVerify(server(), answer))
      expect({ status, code }).to.deep.equal({ status: 410, code: 'EVIDENCE_ERASED' })
      tamperRow(server(), "state = 'kept'", answer.credentialId)
    })

    it('takes no page of a gateway for altered content', async () => {
      const answer = await take()
      const identity = s3 === undefined ? `${server().storeFolder}/store-id` : s3.fileOf('evidence/store-id')
      const files = [stored(answer), identity]
      const before = files.map((file) => readFileSync(file))
      for (const file of files) writeFileSync(file, '<html>under maintenance</html>')
      try {
        expect(await problem(await askToVerify(server(), answer))).to.include({
          status: 503,
          code: 'EVIDENCE_STORE_UNAVAILABLE',
        })
      } finally {
        for (const [i, file] of files.entries()) writeFileSync(file, before[i]!)
      }
      expect((await verify(server(), answer)).verdict).to.equal('intact')
    })

    it('gives no verdict while the store is away', async () => {
      const answer = await take()
      const identity = s3 === undefined ? `${server().storeFolder}/store-id` : s3.fileOf('evidence/store-id')
      renameSync(stored(answer), `${stored(answer)}.away`)
      renameSync(identity, `${identity}.away`)
      try {
        const { status, code } = await problem(await askToVerify(server(), answer))
        expect({ status, code }).to.deep.equal({ status: 503, code: 'EVIDENCE_STORE_UNAVAILABLE' })
      } finally {
        renameSync(`${identity}.away`, identity)
        renameSync(`${stored(answer)}.away`, stored(answer))
      }
      expect((await verify(server(), answer)).verdict).to.equal('intact')
    })

    it('gives no verdict while the chain is away', async () => {
      const answer = await take()
      process.kill(home.chain.pid, 'SIGSTOP')
      try {
        const { status, code } = await problem(await askToVerify(server(), answer))
        expect({ status, code }).to.deep.equal({ status: 503, code: 'CHAIN_UNREACHABLE' })
      } finally {
        process.kill(home.chain.pid, 'SIGCONT')
      }
      expect((await verify(server(), answer)).verdict).to.equal('intact')
    })

    it('notes when it was read and what came of it', async () => {
      const answer = await take()
      truncateSync(stored(answer), 3)
      await verify(server(), answer)
      const description = await (await server().request(`/v1/evidence/${answer.credentialId}`)).json()
      expect(description).to.deep.include({ lastVerdict: 'tampered' })
    })

    // Last: the clock does not go back.
    it('says expired once the chain is past the time, by the clock of the chain', async () => {
      const inAnHour = Math.floor(Date.now() / 1000) + 3_600
      const answer = await take({ metadata: { validUntil: utcTime(inAnHour) } })
      const before = await verify(server(), answer)
      expect(before.verdict).to.equal('intact')
      expect(before.evidence.expiresAt).to.equal(inAnHour)
      await home.chain.request('evm_setNextBlockTimestamp', [inAnHour - 1])
      await home.chain.request('evm_mine')
      expect((await verify(server(), answer)).verdict).to.equal('intact')
      await home.chain.request('evm_setNextBlockTimestamp', [inAnHour])
      await home.chain.request('evm_mine')
      const { verdict, rule, evidence } = await verify(server(), answer)
      expect({ verdict, rule }).to.deep.equal({ verdict: 'expired', rule: 'past-its-expiry' })
      expect(evidence.now).to.equal(inAnHour)
    })
  })

describe('verdicts on evidence by tier', () => {
  for (const tier of ['record', 'publish', 'anchor'])
    it(`reads what ${tier} put on chain, and counts it once it is final`, async () => {
      const home = await settleEvidence({ EVIDENCE_TIER: tier, EVIDENCE_FLUSH_MS: '300' }, 3)
      try {
        await home.server.start()
        const validUntil = utcTime(Math.floor(Date.now() / 1000) + 3_600)
        const metadata = { validUntil }
        const answers = await Promise.all(['a', 'b', 'c'].map((text) => home.server.take(text, { metadata })))
        const expected = { record: 'recorded', publish: 'published', anchor: 'anchored' }[tier]
        await eventually(
          'in a block',
          // Not all need be in the same one.
          async () => {
            const found = await Promise.all(answers.map((answer) => verify(home.server, answer)))
            return found.every(({ rule }) => rule === 'not-final')
          },
        )
        expect((await verify(home.server, answers[1]!)).evidence.recorded!.tier).to.equal(expected)
        await home.chain.request('anvil_mine', ['0x3'])
        for (const answer of answers) expect((await verify(home.server, answer)).verdict).to.equal('intact')
        flipBit(fileOf(home.server, sha256('a')))
        expect((await verify(home.server, answers[0]!)).verdict).to.equal('tampered')
        await home.server.request(
          `/v1/evidence/${answers[1]!.credentialId}/revocation`,
          post({ reason: 'x' }),
        )
        await eventually(
          'revoked',
          async () => (await verify(home.server, answers[1]!)).verdict === 'revoked',
        )
        await home.chain.request('evm_increaseTime', [7_200])
        await home.chain.request('evm_mine')
        expect((await verify(home.server, answers[2]!)).verdict).to.equal('expired')
      } finally {
        await home.end()
      }
    })

  it('says tampered where the chain has another digest under the id', async () => {
    const home = await settleEvidence({ EVIDENCE_FLUSH_MS: '3600000' })
    try {
      await home.server.start()
      const answer = await home.server.take('pending for an hour')
      expect((await verify(home.server, answer)).verdict).to.equal('unconfirmed')
      const other = sha256('another digest')
      await asIssuer(home, (registry) =>
        registry.getFunction('record')(credentialKey(answer.credentialId), other),
      )
      const { verdict, findings, evidence } = await verify(home.server, answer)
      expect(verdict).to.equal('tampered')
      expect(findings).to.include('chain-has-another-digest')
      expect(evidence.recorded!.digest).to.equal(other)
    } finally {
      await home.end()
    }
  })
})

async function asIssuer(
  { chain, contracts }: Neighbourhood,
  call: (registry: Contract) => Promise<{ wait(): Promise<unknown> }>,
): Promise<void> {
  const provider = localProvider(chain.url)
  try {
    const signer = new NonceManager(new Wallet(ISSUER_KEY, provider))
    const sent = await call(new Contract(contracts.CredentialRegistry, [...CREDENTIAL_REGISTRY_ABI], signer))
    await sent.wait()
  } finally {
    provider.destroy()
  }
}
