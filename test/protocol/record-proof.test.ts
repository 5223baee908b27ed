import { expect } from 'chai'
import { eventTopic } from '../../protocol/event-topic.ts'
import { type Address, type Bytes32, type Hex, randomBytes32 } from '../../protocol/hex.ts'
import { RESULT_RECORDED_TOPIC, verifyResultRecorded } from '../../protocol/record-proof.ts'
import { newSerial, serialToKey } from '../../protocol/serial.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { expectRejection } from '../support/expect-error.ts'
import { deployLogEmitter } from '../support/log-emitter.ts'

const PROVIDER: Address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const STRANGER: Address = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC'
const topicOf = (address: Address): Bytes32 => `0x${address.slice(2).toLowerCase().padStart(64, '0')}`

describe('the proof of a record', () => {
  const serial = newSerial()
  const digest = randomBytes32()
  let chain: AnvilChain
  let registry: Awaited<ReturnType<typeof deployLogEmitter>>
  before(async () => {
    chain = await startAnvil()
    registry = await deployLogEmitter(chain)
  })
  after(() => chain?.stop())

  const emit = (change: { topic?: Bytes32; key?: Bytes32; author?: Address; data?: Hex } = {}) =>
    registry.emit(
      [
        change.topic ?? RESULT_RECORDED_TOPIC,
        change.key ?? serialToKey(serial),
        topicOf(change.author ?? PROVIDER),
      ],
      change.data ?? digest,
    )
  const expected = () => ({ registry: registry.address, provider: PROVIDER, serial })

  it('says which digest was recorded, and when', async () => {
    const proof = await emit()
    const block = await chain.request<{ timestamp: Hex }>('eth_getBlockByHash', [proof.blockHash, false])
    expect(await verifyResultRecorded(proof, expected())).to.deep.equal({
      digest,
      blockNumber: proof.blockNumber,
      blockHash: proof.blockHash,
      timestamp: Number(block.timestamp),
    })
  })

  it('is refused for a log of another contract', async () => {
    const verification = verifyResultRecorded(await emit(), { ...expected(), registry: STRANGER })
    const { message } = await expectRejection(verification, 'PROOF_INVALID')
    expect(message).to.include(`of contract ${registry.address}, not of ${STRANGER}`)
  })

  for (const [what, change, reason] of [
    [
      'of another kind',
      { topic: eventTopic('Anchored(bytes32,address,uint64,string)') },
      'not a ResultRecorded',
    ],
    ['of another serial', { key: serialToKey(newSerial()) }, 'another serial'],
    ['of another provider', { author: STRANGER }, 'another provider'],
    ['without a digest', { data: '0x' as Hex }, 'no digest'],
    ['with more than a digest', { data: `${digest}00` as Hex }, 'no digest'],
  ] as const)
    it(`is refused for an event ${what}`, async () => {
      const verification = verifyResultRecorded(await emit(change), expected())
      expect((await expectRejection(verification, 'PROOF_INVALID')).message).to.include(reason)
    })
})
