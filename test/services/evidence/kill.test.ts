import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Contract, JsonRpcProvider } from 'ethers'
import { CREDENTIAL_REGISTRY_ABI } from '../../../protocol/abi/credential-registry.ts'
import { readCredential } from '../../../protocol/credentials/evidence-credential.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import { keyToSerial } from '../../../protocol/serial.ts'
import { until } from '../party/book-writer/written-book.ts'
import {
  type EvidenceAnswer,
  ISSUER,
  type Neighbourhood,
  settleEvidence,
  sha256,
} from './evidence-fixture.ts'

const KILL_AT = path.join(import.meta.dirname, 'kill-at.ts')
const LIVES = 6

describe('an evidence server that is killed', () => {
  let home: Neighbourhood
  const server = () => home.server

  beforeEach(async () => {
    home = await settleEvidence()
  })
  afterEach(() => home.end())

  /** Digests on chain by credential id, in the order of the chain. */
  async function recorded(): Promise<Map<string, Bytes32[]>> {
    const provider = new JsonRpcProvider(home.chain.url, home.chain.chainId, { cacheTimeout: -1 })
    try {
      const registry = new Contract(home.contracts.CredentialRegistry, [...CREDENTIAL_REGISTRY_ABI], provider)
      const found = new Map<string, Bytes32[]>()
      for (const { topics, data } of await registry.queryFilter(
        registry.filters.CredentialIssued!(null, ISSUER),
        0,
      )) {
        const id = keyToSerial(topics[1] as Bytes32)
        found.set(id, [...(found.get(id) ?? []), data as Bytes32])
      }
      return found
    } finally {
      provider.destroy()
    }
  }

  /** What has to hold when all is settled, whatever happened before. */
  async function expectWhole(acknowledged: readonly EvidenceAnswer[]): Promise<void> {
    await until(() => server().count("outbox_entries WHERE state <> 'final'") === 0, 20_000)
    const rows = server().query<{ id: string; digest: Uint8Array; hash: Uint8Array }>(
      'SELECT credential_id AS id, digest, content_hash AS hash FROM evidence',
    )
    const hexOf = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`
    const kept = new Map(rows.map(({ id, digest }) => [id, hexOf(digest)]))
    for (const { credentialId, credential } of acknowledged)
      expect(kept.get(credentialId), credentialId).to.equal(readCredential(credential).digest)
    const onChain = await recorded()
    expect([...onChain.keys()].sort()).to.deep.equal([...kept.keys()].sort())
    for (const [id, digests] of onChain) expect(digests).to.deep.equal([kept.get(id)])
    expect(server().storedHashes()).to.deep.equal([...new Set(rows.map(({ hash }) => hexOf(hash)))].sort())
    expect(server().stagedFiles()).to.deep.equal([])
    expect(server().count('content_intents')).to.equal(0)
  }

  for (const [point, when, isKept] of [
    ['received', 'when all bytes are received', false],
    ['staged', 'when they are staged and synced', false],
    ['stored', 'when the content is in the store', false],
    ['committed', 'when the evidence is committed', true],
    ['answered', 'when it has answered', true],
  ] as const)
    it(`${when} loses nothing that it acknowledged, and leaves nothing else`, async () => {
      await server().start({ KILL_AT: point, NODE_OPTIONS: `--import=${KILL_AT}` })
      const content = `killed ${point}`
      const headers = { 'idempotency-key': 'the same after it' }
      const answer = await server()
        .take(content, { headers })
        .catch(() => undefined)
      expect(answer !== undefined).to.equal(point === 'answered')
      expect(await server().ended()).to.equal('SIGKILL')
      if (point === 'staged') expect(server().stagedFiles()).to.have.length(1)
      if (point === 'stored') expect(server().storedHashes()).to.deep.equal([sha256(content)])
      await server().start()
      await expectWhole(answer === undefined ? [] : [answer])
      expect(server().count('evidence')).to.equal(isKept ? 1 : 0)
      const again = await server().take(content, { headers })
      if (answer !== undefined) expect(again.credentialId).to.equal(answer.credentialId)
      await expectWhole([again])
      expect(server().count('evidence')).to.equal(1)
    }).timeout(60_000)

  it(`at any moment, ${LIVES} times, loses nothing and records nothing twice`, async () => {
    const acknowledged: EvidenceAnswer[] = []
    for (let life = 0; life < LIVES; life++) {
      await server().start()
      let isAlive = true
      const uploaders = Array.from({ length: 6 }, async (_, uploader) => {
        for (let i = 0; isAlive; i++) {
          const answer = await server()
            .take(
              Buffer.alloc(1 + ((uploader * 7919 + i * 104_729) % 200_000), `${life}.${uploader}.${i % 3}.`),
            )
            .catch(() => undefined)
          if (answer !== undefined) acknowledged.push(answer)
        }
      })
      // A process that has begun to answer, however slow the machine is.
      const before = acknowledged.length
      await until(() => acknowledged.length >= before + 4)
      await sleep(Math.random() * 500)
      await server().end('SIGKILL')
      isAlive = false
      await Promise.all(uploaders)
    }
    await server().start()
    expect(acknowledged.length).to.be.above(20)
    await expectWhole(acknowledged)
  }).timeout(120_000)
})
