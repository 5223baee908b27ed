import { expect } from 'chai'
import { credentialKey } from '../../protocol/credentials/credential-key.ts'
import {
  type EvidenceCredential,
  parseCredential,
  readCredential,
  serializeCredential,
  withRecordReceipt,
} from '../../protocol/credentials/evidence-credential.ts'
import { type Bytes32, toAddress, utf8ToBytes } from '../../protocol/hex.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import { withIntegrity } from '../../protocol/proof-file.ts'
import { ROLES, roleMask } from '../../protocol/roles.ts'
import { utcTime } from '../../protocol/utc-time.ts'
import { agreeingNodes } from '../../web/verification/agreeing-nodes.ts'
import { createChainNode } from '../../web/verification/chain-node.ts'
import { jsonRpcOver } from '../../web/verification/json-rpc.ts'
import { connectNodes } from '../../web/verification/nodes.ts'
import { type EvidenceParts, verifyEvidence } from '../../web/verification/verify-evidence.ts'
import { CONTENT, someCredential } from '../protocol/credentials/some-credential.ts'
import { expectRejection } from '../support/expect-error.ts'
import { ISSUER, ISSUER_NAME, type IssuerChain, startIssuerChain } from './issuer-chain.ts'

const OTHER_CONTENT: Bytes32 = `0x${'11'.repeat(32)}`

describe('verification of evidence', () => {
  let chain: IssuerChain
  let network: PaymentNetwork
  let recorded: EvidenceCredential
  before(async () => {
    chain = await startIssuerChain()
    network = chain.network
    recorded = await chain.issue()
  })
  after(() => chain?.stop())

  const hashOf = (credential: EvidenceCredential) => readCredential(credential).contentHash
  const verify = async (
    credential: EvidenceCredential,
    parts: Partial<EvidenceParts> & { network?: PaymentNetwork } = {},
  ) => {
    const trusted = parts.network ?? network
    const { nodeOf } = await connectNodes(trusted)
    return verifyEvidence(credential, {
      network: trusted,
      nodeOf,
      contentHash: hashOf(credential),
      ...parts,
    })
  }
  const change = (changed: Partial<PaymentNetwork['chains'][0]>): PaymentNetwork => ({
    ...network,
    chains: network.chains.map((known) => ({ ...known, ...changed })),
  })
  const found = async (...args: Parameters<typeof verify>) => {
    const { verdict, rule, checks } = await verify(...args)
    const failed = checks.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)
    return [verdict, rule, failed.join()]
  }
  const AGREED = ['intact', 'kept-signed-and-chain-agree', '']
  const node = () => createChainNode(jsonRpcOver(chain.anvil.url))
  const nodeThat = (lie: (method: string, params: readonly unknown[]) => unknown) =>
    createChainNode(
      async (method, params) => (await lie(method, params)) ?? chain.anvil.request(method, [...params]),
    )

  for (const tier of ['recorded', 'published', 'anchored'] as const)
    it(`finds a ${tier} credential and its file intact`, async () => {
      const [, credential] = await chain.recorded(tier, [chain.pending(), chain.pending(), chain.pending()])
      const result = await verify(parseCredential(serializeCredential(credential!)))
      expect([result.verdict, result.issuerName]).to.deep.equal(['intact', ISSUER_NAME])
      expect(result.checks.map(({ name, outcome }) => `${name} ${outcome}`)).to.deep.equal(
        [
          'document',
          'digest',
          'signature',
          'record',
          'content',
          'issuer',
          'known-registry',
          'registry',
          'block',
          'finality',
          'issuer-status',
          'revocation',
          'expiry',
        ].map((name) => `${name} passed`),
      )
    })

  it('tells each step as it is known', async () => {
    const told: string[] = []
    const { checks } = await verify(recorded, { onCheck: ({ name }) => told.push(name) })
    expect(told).to.deep.equal(checks.map(({ name }) => name))
  })

  it('finds another file tampered, whatever becomes of the rest', async () => {
    const rule = 'content-or-metadata-differs'
    const other = { contentHash: OTHER_CONTENT }
    expect(await found(recorded, other)).to.deep.equal(['tampered', rule, 'content'])
    const revoked = await chain.issue()
    await chain.revoke(revoked, 'a mistake')
    expect(await found(revoked, other)).to.deep.equal(['tampered', rule, 'content,revocation'])
    const stranger = someCredential({ registry: chain.registry })
    expect(await found(stranger, other)).to.deep.equal(['tampered', rule, 'content,issuer'])
  })

  it('says nothing of a file that was not given', async () => {
    const result = await verify(recorded, { contentHash: undefined })
    expect([result.verdict, result.rule]).to.deep.equal([null, 'content-not-checked'])
    expect(result.checks.find(({ name }) => name === 'content')?.outcome).to.equal('not-checked')
  })

  it('finds a credential revoked, with its reason', async () => {
    const credential = await chain.issue()
    await chain.revoke(credential, 'issued for the wrong client')
    const { verdict, rule, standing } = await verify(credential)
    expect([verdict, rule, standing?.revocation]).to.deep.equal([
      'revoked',
      'revoked-on-chain',
      { reason: 'issued for the wrong client' },
    ])
    expect((await verify(credential, { contentHash: undefined })).verdict).to.equal('revoked')
  })

  it('finds an anchored credential revoked, and one that nobody else could revoke', async () => {
    const [anchored] = await chain.recorded('anchored', [chain.pending(), chain.pending()])
    await chain.revoke(anchored!, 'superseded')
    expect(await found(anchored!)).to.deep.equal(['revoked', 'revoked-on-chain', 'revocation'])
    expect(await found(recorded)).to.deep.equal(AGREED)
  })

  it('believes no reason that the registry does not have the hash of, and does without one', async () => {
    const credential = await chain.issue()
    await chain.revoke(credential, 'the true reason')
    const reasonsWith = async (answer: (logs: object[]) => unknown) => {
      const lying = nodeThat(async (method, params) =>
        method === 'eth_getLogs'
          ? answer(await chain.anvil.request<object[]>(method, [...params]))
          : undefined,
      )
      return (await verify(credential, { nodeOf: () => lying })).standing!.revocation
    }
    const data = (text: string) =>
      `0x${'20'.padStart(64, '0')}${text.length.toString(16).padStart(64, '0')}${Buffer.from(text.padEnd(32, '\0')).toString('hex')}`
    const lie = (log: object) => ({ ...log, data: data('another reason') })
    expect(await reasonsWith((logs) => logs.map(lie))).to.deep.equal({ reason: null })
    expect(await reasonsWith((logs) => [...logs.map(lie), ...logs])).to.deep.equal({
      reason: 'the true reason',
    })
    for (const nothing of [[], [null], [{}], 'x', [{ address: chain.registry, data: '0x' }]])
      expect(await reasonsWith(() => nothing)).to.deep.equal({ reason: null })
    const silent = createChainNode(async (method, params) => {
      if (method === 'eth_getLogs') return (await jsonRpcOver('http://127.0.0.1:1')(method, params)) as never
      return chain.anvil.request(method, [...params])
    })
    const { standing } = await verify(credential, { nodeOf: () => silent })
    expect(standing?.revocation).to.deep.equal({ reason: null })
  })

  it('finds a credential expired by its own word, and by the chain’s', async () => {
    const metadata = { mediaType: 'text/plain', size: CONTENT.length }
    const past = await chain.issue({
      validFrom: '2019-01-01T00:00:00Z',
      metadata: { ...metadata, validUntil: '2020-01-01T00:00:00Z' },
    })
    expect(await found(past)).to.deep.equal(['expired', 'past-its-expiry', 'expiry'])

    const head = await node().headBlock()
    const expiresAt = head.timestamp + 1_000
    const credential = chain.pending({ metadata: { ...metadata, validUntil: utcTime(expiresAt + 5_000) } })
    const { credentialId, digest } = readCredential(credential)
    await chain.send('issue', credentialKey(credentialId), digest, expiresAt)
    const before = await verify(credential)
    expect([before.verdict, before.standing?.expiresAt]).to.deep.equal(['intact', expiresAt])
    const later = nodeThat(async (method, params) => {
      if (method !== 'eth_getBlockByNumber') return undefined
      const block = await chain.anvil.request<object>(method, [...params])
      return { ...block, timestamp: `0x${expiresAt.toString(16)}` }
    })
    expect(await found(credential, { nodeOf: () => later })).to.deep.equal([
      'expired',
      'past-its-expiry',
      'expiry',
    ])
  })

  it('asks of a pending credential whether it is recorded by now', async () => {
    const pending = chain.pending()
    const waiting = await verify(pending)
    expect([waiting.verdict, waiting.rule, waiting.recorded]).to.deep.equal([
      'unconfirmed',
      'not-on-chain',
      null,
    ])
    await chain.recorded('recorded', [pending])
    expect(await found(pending)).to.deep.equal(AGREED)
    const deep = change({ finalityDepth: 3 })
    expect(await found(pending, { network: deep })).to.deep.equal(['unconfirmed', 'not-final', 'finality'])
    await chain.anvil.request('anvil_mine', ['0x3'])
    expect(await found(pending, { network: deep })).to.deep.equal(AGREED)
  })

  it('is unconfirmed until its block is final, by depth and by the chain’s own word', async () => {
    const credential = await chain.issue()
    const NOT_FINAL = ['unconfirmed', 'not-final', 'finality']
    expect(await found(credential, { network: change({ finalityDepth: 2 }) })).to.deep.equal(NOT_FINAL)
    const { blockNumber } = readCredential(credential).receipt!.event
    const tagged = (number: number) =>
      nodeThat((method, [tag]) =>
        method === 'eth_getBlockByNumber' && tag === 'finalized'
          ? { number: `0x${number.toString(16)}` }
          : undefined,
      )
    const trusted = change({ finalizedTag: true })
    const by = (number: number) => found(credential, { network: trusted, nodeOf: () => tagged(number) })
    expect(await by(blockNumber - 1)).to.deep.equal(NOT_FINAL)
    expect(await by(blockNumber)).to.deep.equal(AGREED)
  })

  it('takes nothing that was signed by somebody else, or altered', async () => {
    const { integrity: _, ...content } = recorded
    const edited = withIntegrity({
      ...content,
      credentialSubject: { ...content.credentialSubject, contentHash: OTHER_CONTENT },
    })
    const result = await verify(edited, { contentHash: OTHER_CONTENT })
    expect([result.verdict, result.rule, result.standing]).to.deep.equal([null, 'credential-invalid', null])
    expect(result.checks.at(-1)?.outcome).to.equal('not-checked')
  })

  it('takes nothing of an issuer that the directory does not have, or has in another role', async () => {
    const stranger = someCredential({ registry: chain.registry })
    expect(await found(stranger)).to.deep.equal([null, 'unknown-issuer', 'issuer'])
    const { issuer } = readCredential(stranger)
    await chain.administer('register', issuer, roleMask(['provider']), 'a bank', '', '')
    expect(await found(stranger)).to.deep.equal([null, 'unknown-issuer', 'issuer'])
  })

  it('takes a registry that it knows, or that the directory names as the issuer’s', async () => {
    const unknown = change({ registry: toAddress(`0x${'77'.repeat(20)}`) })
    const RULE = [null, 'unknown-registry', 'known-registry']
    expect(await found(recorded, { network: unknown })).to.deep.equal(RULE)
    const name = (chainId: number) =>
      chain.administer('setBook', ISSUER, ROLES.credentialIssuer, chainId, chain.registry)
    await name(1)
    expect(await found(recorded, { network: unknown })).to.deep.equal(RULE)
    await name(31337)
    expect(await found(recorded, { network: unknown })).to.deep.equal(AGREED)
  })

  it('sees that the chain has another digest, or another block', async () => {
    const credential = chain.pending()
    const { credentialId } = readCredential(credential)
    await chain.send('record', credentialKey(credentialId), OTHER_CONTENT)
    expect(await found(credential)).to.deep.equal(['tampered', 'chain-has-another-digest', 'registry'])

    // As if the chain had taken the block back.
    const { blockNumber } = readCredential(recorded).receipt!.event
    const taken = nodeThat(async (method, params) => {
      if (method !== 'eth_getBlockByNumber' || Number(params[0]) !== blockNumber) return undefined
      const block = await chain.anvil.request<object>(method, [...params])
      return { ...block, hash: OTHER_CONTENT }
    })
    expect(await found(recorded, { nodeOf: () => taken })).to.deep.equal([
      'unconfirmed',
      'receipt-not-on-chain',
      'block',
    ])
  })

  it('does not take the receipt of another credential', async () => {
    const { receipt } = readCredential(recorded)
    const forged = withRecordReceipt(chain.pending(), receipt!)
    expect(await found(forged)).to.deep.equal([null, 'credential-invalid', 'record'])
  })

  it('gives no verdict where nodes disagree, whichever of them lies, and about whatever', async () => {
    const flip = (value: unknown): unknown =>
      JSON.parse(
        JSON.stringify(value).replace(/[0-9a-f](?=[0-9a-f]{3}"[},]?|"$)/g, (digit) =>
          digit === '0' ? '1' : '0',
        ),
      )
    for (const lied of ['eth_call', 'eth_getBlockByNumber']) {
      const liar = nodeThat(async (method, params) =>
        method === lied && params[0] !== 'latest'
          ? flip(await chain.anvil.request(method, [...params]))
          : undefined,
      )
      for (const nodes of [
        [node(), liar],
        [liar, node()],
      ]) {
        const disagreed = verify(recorded, { nodeOf: () => agreeingNodes(nodes) }).then(
          ({ verdict }) => String(verdict),
          (error: Error) => error.message,
        )
        expect(await disagreed, lied).to.match(/^the nodes disagree/)
      }
    }
  })

  it('believes the one of two nodes that knows of a revocation', async () => {
    const credential = await chain.issue()
    const { number } = await node().headBlock()
    await chain.revoke(credential, 'late')
    const at = `0x${number.toString(16)}`
    const behind = nodeThat((method, params) =>
      params.includes('latest')
        ? chain.anvil.request(
            method,
            params.map((param) => (param === 'latest' ? at : param)),
          )
        : undefined,
    )
    expect((await verify(credential, { nodeOf: () => behind })).verdict).to.equal('intact')
    for (const nodes of [
      [node(), behind],
      [behind, node()],
    ])
      expect((await verify(credential, { nodeOf: () => agreeingNodes(nodes) })).verdict).to.equal('revoked')
  })

  it('calls nothing intact by nodes that stand still, and believes a revocation or another file all the same', async () => {
    const standing = (seconds: number) =>
      nodeThat(async (method, params) => {
        if (method !== 'eth_getBlockByNumber' || params[0] !== 'latest') return undefined
        const block = await chain.anvil.request<object>(method, [...params])
        return { ...block, timestamp: `0x${(Math.floor(Date.now() / 1000) - seconds).toString(16)}` }
      })
    const still = () => standing(601)
    expect(await found(recorded, { nodeOf: () => standing(500) })).to.deep.equal(AGREED)
    const old = await verify(recorded, { nodeOf: still })
    expect([old.verdict, old.rule]).to.deep.equal(['unconfirmed', 'head-too-old'])
    expect(old.checks.at(-1)).to.include({ name: 'head-age', outcome: 'not-checked' })
    const both = await verify(recorded, { nodeOf: () => agreeingNodes([still(), still()]) })
    expect(both.rule).to.equal('head-too-old')
    // Where blocks come with transactions only.
    expect(await found(recorded, { nodeOf: still, network: change({ maxHeadAge: 3_600 }) })).to.deep.equal(
      AGREED,
    )
    const revoked = await chain.issue()
    await chain.revoke(revoked, 'before it stood still')
    expect((await verify(revoked, { nodeOf: still })).verdict).to.equal('revoked')
    expect((await verify(recorded, { nodeOf: still, contentHash: OTHER_CONTENT })).verdict).to.equal(
      'tampered',
    )
    expect((await verify(recorded, { nodeOf: still, contentHash: undefined })).rule).to.equal(
      'content-not-checked',
    )
  })

  it('flags what an issuer recorded while it was not active', async () => {
    const [SUSPENDED, ACTIVE] = [2, 1]
    await chain.administer('setStatus', ISSUER, SUSPENDED)
    await chain.anvil.request('evm_increaseTime', [5])
    const late = await chain.issue()
    await chain.anvil.request('evm_increaseTime', [5])
    await chain.administer('setStatus', ISSUER, ACTIVE)
    expect(await found(late)).to.deep.equal([null, 'issuer-not-active', 'issuer-status'])
    expect(await found(recorded)).to.deep.equal(AGREED)
  })

  it('gives no verdict without a node of the chain', async () => {
    await expectRejection(verify(recorded, { network: change({ rpcUrls: [] }) }), 'CHAIN_UNKNOWN')
    const nobody = change({ rpcUrls: ['http://127.0.0.1:1'] })
    await expectRejection(verify(recorded, { network: nobody }), 'CHAIN_UNREACHABLE')
  })

  it('asks nothing that tells the file', async () => {
    const said = readCredential(recorded)
    const asked: string[] = []
    const { fetch } = globalThis
    globalThis.fetch = (url, init) => {
      asked.push(`${url} ${init?.body}`)
      return fetch(url, init)
    }
    try {
      await verify(recorded)
    } finally {
      globalThis.fetch = fetch
    }
    expect(asked.length).to.be.greaterThan(5)
    const everything = asked.join('\n')
    expect(everything).to.include(credentialKey(said.credentialId).slice(2))
    for (const hidden of [said.contentHash, said.metadataHash, said.salt, said.digest])
      expect(everything).not.to.include(hidden.slice(2))
    for (const hidden of [said.metadata.name!, 'A-17', Buffer.from(utf8ToBytes('A-17')).toString('hex')])
      expect(everything).not.to.include(hidden)
  })
})
