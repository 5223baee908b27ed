import { expect } from 'chai'
import { AbiCoder } from 'ethers'
import {
  ANCHORED_TOPIC,
  CREDENTIAL_ISSUED_TOPIC,
  CREDENTIAL_REVOKED_TOPIC,
  type CredentialTier,
  PUBLISHED_TOPIC,
} from '../../../protocol/credentials/credential-event.ts'
import { credentialKey } from '../../../protocol/credentials/credential-key.ts'
import { verifyCredentialRecorded } from '../../../protocol/credentials/credential-record.ts'
import type { RecordReceipt } from '../../../protocol/credentials/evidence-credential.ts'
import type { EventProof } from '../../../protocol/event-proof.ts'
import { type Bytes32, type Hex, toAddress } from '../../../protocol/hex.ts'
import { type Entry, merkleProofOf, merkleRootOf } from '../../../protocol/record-book.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { expectRejection } from '../../support/expect-error.ts'
import { deployLogEmitter } from '../../support/log-emitter.ts'
import { someContent } from './some-credential.ts'

const { credentialId } = someContent()
const issuer = toAddress(`0x${'ab'.repeat(20)}`)
const topicOf = (address: string) => `0x${'0'.repeat(24)}${address.slice(2).toLowerCase()}` as Bytes32
const word = (digit: string) => `0x${digit.repeat(64)}` as Bytes32
const mine: Entry = { key: credentialKey(credentialId), digest: word('d') }
const other: Entry = { key: word('1'), digest: word('2') }
const published = (...entries: Entry[]) =>
  AbiCoder.defaultAbiCoder().encode(
    ['tuple(bytes32,bytes32)[]'],
    [entries.map(({ key, digest }) => [key, digest])],
  ) as Hex

/** Of a contract under no rules, in the place of a registry: what is read is held against the form that a registry writes. */
describe('record of a credential', () => {
  let anvil: AnvilChain
  let emitter: Awaited<ReturnType<typeof deployLogEmitter>>

  before(async () => {
    anvil = await startAnvil()
    emitter = await deployLogEmitter(anvil)
  })
  after(() => anvil?.stop())

  function verify(
    tier: CredentialTier,
    { transactionHash: _hash, ...event }: EventProof,
    leafProof?: Bytes32[],
  ) {
    const receipt: RecordReceipt = { type: 'RecordReceipt', tier, event, ...(leafProof && { leafProof }) }
    return verifyCredentialRecorded(receipt, {
      registry: emitter.address,
      issuer,
      credentialId,
      digest: mine.digest,
    })
  }
  const emit = (topic: Bytes32, subject: Bytes32, data: Hex, author = topicOf(issuer)) =>
    emitter.emit([topic, subject, author], data)

  it('is read in the form that a registry writes', async () => {
    const recorded = await emit(CREDENTIAL_ISSUED_TOPIC, mine.key, mine.digest)
    expect((await verify('recorded', recorded)).digest).to.equal(mine.digest)
    const list = await emit(PUBLISHED_TOPIC, word('0'), published(other, mine, other))
    expect((await verify('published', list)).digest).to.equal(mine.digest)
    const entries = [other, mine, { ...other, key: word('3') }]
    const root = await emit(ANCHORED_TOPIC, merkleRootOf(entries), '0x')
    expect((await verify('anchored', root, merkleProofOf(entries, 1))).digest).to.equal(mine.digest)
  })

  it('of another digest says which', async () => {
    const recorded = await emit(CREDENTIAL_ISSUED_TOPIC, mine.key, word('e'))
    expect((await verify('recorded', recorded)).digest).to.equal(word('e'))
    const twice = published({ ...mine, digest: word('e') }, mine)
    expect((await verify('published', await emit(PUBLISHED_TOPIC, word('0'), twice))).digest).to.equal(
      word('e'),
    )
  })

  const list = published(other, mine)
  const at = (text: Hex, index: number, value: string): Hex =>
    `0x${text.slice(2, 2 + 64 * index)}${value}${text.slice(2 + 64 * (index + 1))}`
  const refused: [string, CredentialTier, Bytes32, Bytes32, Hex, string][] = [
    ['another event', 'recorded', CREDENTIAL_REVOKED_TOPIC, mine.key, mine.digest, 'not of the event'],
    ['another key', 'recorded', CREDENTIAL_ISSUED_TOPIC, other.key, mine.digest, 'another credential'],
    ['no digest', 'recorded', CREDENTIAL_ISSUED_TOPIC, mine.key, '0x', 'no digest'],
    ['half a digest', 'recorded', CREDENTIAL_ISSUED_TOPIC, mine.key, '0xdd', 'no digest'],
    ['two digests', 'recorded', CREDENTIAL_ISSUED_TOPIC, mine.key, `0x${'d'.repeat(128)}`, 'no digest'],
    ['a list without it', 'published', PUBLISHED_TOPIC, word('0'), published(other), 'does not have'],
    ['an empty list', 'published', PUBLISHED_TOPIC, word('0'), published(), 'form'],
    ['no list', 'published', PUBLISHED_TOPIC, word('0'), '0x', 'form'],
    ['a list cut off', 'published', PUBLISHED_TOPIC, word('0'), list.slice(0, -2) as Hex, 'form'],
    ['a list with more after it', 'published', PUBLISHED_TOPIC, word('0'), `${list}00`, 'form'],
    [
      'a list of another length',
      'published',
      PUBLISHED_TOPIC,
      word('0'),
      at(list, 1, word('0').slice(2)),
      'form',
    ],
    [
      'a list that begins elsewhere',
      'published',
      PUBLISHED_TOPIC,
      word('0'),
      at(list, 0, word('0').slice(2)),
      'form',
    ],
    ['another root', 'anchored', ANCHORED_TOPIC, word('5'), '0x', 'not under the anchored root'],
  ]
  for (const [what, tier, topic, subject, data, reason] of refused)
    it(`is refused for ${what}`, async () => {
      const error = await expectRejection(verify(tier, await emit(topic, subject, data)), 'PROOF_INVALID')
      expect(error.message).to.include(reason)
    })

  it('is refused for an issuer with more than its address in the topic', async () => {
    const author = `0x01${topicOf(issuer).slice(4)}` as Bytes32
    const proof = await emit(CREDENTIAL_ISSUED_TOPIC, mine.key, mine.digest, author)
    await expectRejection(verify('recorded', proof), 'PROOF_INVALID')
  })

  it('is refused with a transaction hash, which nothing would prove', async () => {
    const event = await emit(CREDENTIAL_ISSUED_TOPIC, mine.key, mine.digest)
    const expected = { registry: emitter.address, issuer, credentialId, digest: mine.digest }
    const receipt: RecordReceipt = { type: 'RecordReceipt', tier: 'recorded', event }
    const error = await expectRejection(verifyCredentialRecorded(receipt, expected), 'PROOF_INVALID')
    expect(error.message).to.include('transaction hash')
  })

  it('is refused with the proof of another leaf, or a part of it', async () => {
    const entries = Array.from({ length: 4 }, (_, i) => ({ key: word(String(i)), digest: word('2') }))
    const proof = merkleProofOf(entries, 0)
    const root = await emit(ANCHORED_TOPIC, merkleRootOf(entries), '0x')
    for (const leafProof of [proof, proof.slice(1), []])
      await expectRejection(verify('anchored', root, leafProof), 'PROOF_INVALID')
  })
})
