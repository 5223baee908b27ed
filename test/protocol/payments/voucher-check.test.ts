import { expect } from 'chai'
import { CountersignError, type ErrorCode } from '../../../protocol/errors.ts'
import { bytesToHex, randomBytes32, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import {
  createPaymentChainReader,
  type PaymentChainReader,
} from '../../../protocol/payments/payment-chain-reader.ts'
import { PAYMENT_RECORDED_TOPIC } from '../../../protocol/payments/payment-event.ts'
import {
  decodeVoucher,
  encodeVoucher,
  type PaymentVoucher,
} from '../../../protocol/payments/payment-voucher.ts'
import { checkVoucher } from '../../../protocol/payments/voucher-check.ts'
import type { RawObject } from '../../../protocol/raw-rpc.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { expectRejection } from '../../support/expect-error.ts'
import { deployOffice } from './payment-office.ts'

describe('voucher held against its chain', () => {
  let chain: AnvilChain
  let office: Awaited<ReturnType<typeof deployOffice>>
  /** Superseded by the second. */
  let first: PaymentVoucher
  let second: PaymentVoucher
  let shown: PaymentVoucher
  let published: PaymentVoucher
  before(async () => {
    chain = await startAnvil()
    office = await deployOffice(chain)
    const { voucher, digest } = await office.write()
    first = voucher
    const correction = { version: 2, kind: 'correction' as const, amountMinor: 5 }
    second = (await office.write(correction, { previousDigest: digest })).voucher
    shown = (await office.write({ orderId: 'public' }, { isPublic: true })).voucher
    published = (await office.write({ orderId: 'published' }, { tier: 'published' })).voucher
  })
  after(async () => {
    office?.close()
    await chain?.stop()
  })

  const check = (voucher: PaymentVoucher, change: Partial<PaymentChainReader> = {}, options = {}) =>
    checkVoucher(decodeVoucher(encodeVoucher(voucher)), { ...office.node, ...change }, options)
  const expectRefusal = async (checked: Promise<unknown>, code: ErrorCode, reason: string) =>
    expect((await expectRejection(checked, code)).message).to.include(reason)
  const verdictOf = async (...args: Parameters<typeof check>) => {
    const { verdict, checks, recordedAt } = await check(...args)
    const failed = checks.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)
    expect(failed.length > 0).to.equal(recordedAt === null)
    return [verdict, ...failed]
  }

  it('is consistent, sealed, public or published, with the time of its block', async () => {
    for (const voucher of [first, second, shown, published]) {
      const result = await check(voucher)
      expect(result.verdict).to.equal('consistent')
      const block = await chain.request<RawObject>('eth_getBlockByNumber', [
        `0x${voucher.blockNumber.toString(16)}`,
        false,
      ])
      expect(result.recordedAt).to.equal(Number(block.timestamp))
      expect(result.checks.map(({ outcome }) => outcome)).to.deep.equal([
        'passed',
        'passed',
        'passed',
        'passed',
      ])
    }
  })

  it('knows of a later version', async () => {
    expect((await check(first)).isSuperseded).to.equal(true)
    expect((await check(second)).isSuperseded).to.equal(false)
    expect((await check(published)).isSuperseded).to.equal(false)
  })

  it('is unconfirmed until its block is final', async () => {
    const { blockNumber } = (await check(published)).askedAt
    const depth = blockNumber - published.blockNumber
    expect(await verdictOf(published, {}, { finalityDepth: depth })).to.deep.equal(['consistent'])
    expect(await verdictOf(published, {}, { finalityDepth: depth + 1 })).to.deep.equal(['unconfirmed'])
  })

  it('is unconfirmed past the newest block that the chain calls final, however deep it is', async () => {
    const { blockNumber } = published
    for (const [finalizedNumber, verdict] of [
      [blockNumber - 1, 'unconfirmed'],
      [blockNumber, 'consistent'],
    ] as const)
      expect(await verdictOf(published, {}, { finalizedNumber })).to.deep.equal([verdict])
  })

  it('asks for a later version at the newest block, not at that of the answer', async () => {
    const { timestamp } = (await office.node.block(first.blockNumber))!
    const headBlock = async () => ({ number: first.blockNumber, timestamp })
    expect((await check(first, { headBlock })).isSuperseded).to.equal(true)
  })

  const contentChanges: [string, (voucher: PaymentVoucher) => PaymentVoucher][] = [
    ['amount', (v) => ({ ...v, record: { ...v.record, amountMinor: v.record.amountMinor + 1 } })],
    ['currency', (v) => ({ ...v, record: { ...v.record, currency: 'EUR' } })],
    ['period', (v) => ({ ...v, record: { ...v.record, period: '2016-06' } })],
    ['date', (v) => ({ ...v, record: { ...v.record, paidAt: '2015-06-05' } })],
    ['authority', (v) => ({ ...v, record: { ...v.record, authority: 'SOMEBODY ELSE' } })],
    ['payer tag', (v) => ({ ...v, record: { ...v.record, payerTag: 'SOMEBODY' } })],
    ['salt', (v) => ({ ...v, seal: { ...v.seal!, salt: randomBytes32() } })],
    ['payload', (v) => ({ ...v, seal: { ...v.seal!, payloadHash: randomBytes32() } })],
    ['visibility', (v) => ({ ...v, seal: null })],
  ]
  for (const [what, change] of contentChanges)
    it(`is changed with another ${what}, and a fitting checksum`, async () => {
      expect(await verdictOf(change(first))).to.deep.equal(['changed', 'registry'])
      expect(await verdictOf(change(published))).to.deep.equal(['changed', 'event'])
    })

  it('is changed with another digest of the version before', async () => {
    expect(await verdictOf({ ...second, previousDigest: randomBytes32() })).to.deep.equal([
      'changed',
      'registry',
    ])
  })

  it('is unrecorded under another order, version, office or registry', async () => {
    const elsewhere: PaymentVoucher[] = [
      { ...first, record: { ...first.record, orderId: 'BR-2015-0002' } },
      { ...second, record: { ...second.record, version: 3 } },
      { ...first, place: { ...first.place, office: first.place.registry } },
      { ...first, place: { ...first.place, registry: first.place.office } },
    ]
    for (const voucher of elsewhere)
      expect(await verdictOf(voucher)).to.deep.equal(['unrecorded', 'registry'])
    expect(
      await verdictOf({ ...published, record: { ...published.record, orderId: 'other' } }),
    ).to.deep.equal(['unrecorded', 'event'])
    expect(await verdictOf({ ...published, transactionHash: randomBytes32() })).to.deep.equal([
      'unrecorded',
      'event',
    ])
  })

  it('is changed when it names another place on the chain', async () => {
    expect(await verdictOf({ ...first, transactionHash: randomBytes32() })).to.deep.equal([
      'changed',
      'event',
    ])
    expect(await verdictOf({ ...first, transactionHash: second.transactionHash })).to.deep.equal([
      'changed',
      'event',
    ])
    expect(await verdictOf({ ...first, logIndex: first.logIndex + 1 })).to.deep.equal(['changed', 'event'])
    expect(await verdictOf({ ...first, tier: 'published' })).to.deep.equal(['unrecorded', 'event'])
    expect(await verdictOf({ ...published, tier: 'recorded' })).to.deep.equal(['unrecorded', 'registry'])
    for (const blockNumber of [first.blockNumber + 1, 1_000_000])
      expect(await verdictOf({ ...first, blockNumber })).to.deep.equal(['changed', 'block'])
  })

  describe('by a node that keeps no receipts', () => {
    const pruned: Partial<PaymentChainReader> = { receipt: async () => null }
    const withoutLogs = { ...pruned, logsOf: async () => [] }

    it('is found by its log in its block', async () => {
      for (const voucher of [first, second, shown, published])
        expect(await verdictOf(voucher, pruned)).to.deep.equal(['consistent'])
    })

    it('is not judged without log or block', async () => {
      for (const voucher of [first, published]) {
        await expectRefusal(check(voucher, withoutLogs), 'PROOF_UNBUILDABLE', 'keeps no receipt')
        const withoutBlock = { ...pruned, transactionsOf: async () => null }
        await expectRefusal(check(voucher, withoutBlock), 'PROOF_UNBUILDABLE', 'does not keep block')
      }
    })

    it('is refused when altered as by any other', async () => {
      const transactionHash = randomBytes32()
      for (const change of [pruned, withoutLogs]) {
        expect(await verdictOf({ ...first, transactionHash }, change)).to.deep.equal(['changed', 'event'])
        expect(await verdictOf({ ...published, transactionHash }, change)).to.deep.equal([
          'unrecorded',
          'event',
        ])
        expect(await verdictOf({ ...first, blockNumber: first.blockNumber + 1 }, change)).to.deep.equal([
          'changed',
          'event',
        ])
        const record = { ...first.record, orderId: 'BR-2015-0002' }
        expect(await verdictOf({ ...first, record }, change)).to.deep.equal(['unrecorded', 'registry'])
      }
      expect(await verdictOf({ ...first, logIndex: first.logIndex + 1 }, pruned)).to.deep.equal([
        'changed',
        'event',
      ])
      const record = { ...published.record, amountMinor: published.record.amountMinor + 1 }
      expect(await verdictOf({ ...published, record }, pruned)).to.deep.equal(['changed', 'event'])
    })
  })

  it('is not judged by a node that is behind its block', async () => {
    for (const voucher of [first, published]) {
      const number = voucher.blockNumber - 1
      const { timestamp } = (await office.node.block(number))!
      const behind: Partial<PaymentChainReader> = {
        headBlock: async () => ({ number, timestamp }),
        receipt: async () => null,
        block: async (asked) => (asked > number ? null : office.node.block(asked)),
        transactionsOf: async () => null,
        logsOf: async () => [],
      }
      await expectRefusal(check(voucher, behind), 'CHAIN_UNREACHABLE', `is at block ${number}`)
      // Of several nodes that answer at one address, another gives the receipt.
      const { receipt } = office.node
      await expectRefusal(check(voucher, { ...behind, receipt }), 'CHAIN_UNREACHABLE', 'is at block')
    }
  })

  it('is not judged by answers of two branches', async () => {
    const block = async () => ({ hash: randomBytes32(), timestamp: 1 })
    await expectRefusal(check(first, { block }), 'CHAIN_UNREACHABLE', 'two blocks')
    await expectRefusal(check(first, { block: async () => null }), 'PROOF_UNBUILDABLE', 'does not keep')
  })

  it('is unrecorded once its block was replaced by one without it', async () => {
    const snapshot = await chain.request<string>('evm_snapshot')
    const { voucher } = await office.write({ orderId: 'replaced' })
    expect(await verdictOf(voucher)).to.deep.equal(['consistent'])
    await chain.request('evm_revert', [snapshot])
    await chain.request('evm_mine')
    expect(await verdictOf(voucher)).to.deep.equal(['unrecorded', 'registry'])
  })

  it('is unrecorded in a contract that nobody knows, however well it fits', async () => {
    const stranger = await deployOffice(chain)
    const { voucher } = await stranger.write()
    stranger.close()
    expect(await verdictOf(voucher)).to.deep.equal(['consistent'])
    const knownPlaces = [office.place]
    expect(await verdictOf(voucher, {}, { knownPlaces })).to.deep.equal(['unrecorded', 'place'])
    expect(await verdictOf(first, {}, { knownPlaces })).to.deep.equal(['consistent'])
  })

  it('is not judged by a chain that lacks a registry that is known', async () => {
    const elsewhere = await startAnvil()
    try {
      const empty = createPaymentChainReader((method, params) => elsewhere.request(method, [...params]))
      const knownPlaces = [office.place]
      for (const voucher of [first, published])
        await expectRejection(checkVoucher(voucher, empty, { knownPlaces }), 'CHAIN_UNREACHABLE')
      await elsewhere.request('anvil_mine', ['0x40'])
      for (const voucher of [first, published]) {
        await expectRejection(checkVoucher(voucher, empty, { knownPlaces }), 'CHAIN_MISMATCH')
        // Nobody vouches for that place.
        expect((await checkVoucher(voucher, empty)).verdict).to.equal('unrecorded')
        expect((await checkVoucher(voucher, empty, { knownPlaces: [] })).verdict).to.equal('unrecorded')
      }
    } finally {
      await elsewhere.stop()
    }
  })

  it('is not judged by a node of another chain, a node that cannot be asked, or one that answers nonsense', async () => {
    await expectRejection(check(first, { chainId: async () => 1 }), 'CHAIN_MISMATCH')
    const dead = createPaymentChainReader(async () => {
      throw new CountersignError('CHAIN_UNREACHABLE', 'nobody there')
    })
    await expectRejection(checkVoucher(first, dead), 'CHAIN_UNREACHABLE')
    for (const answer of [undefined, null, 7, 'x', {}, '0x']) {
      const mad = createPaymentChainReader(async (method) => (method === 'eth_chainId' ? '0x7a69' : answer))
      await expectRejection(
        checkVoucher(first, mad),
        answer === undefined || answer === null ? 'CHAIN_UNREACHABLE' : 'PROOF_UNBUILDABLE',
      )
    }
    for (const receipt of [{}, { logs: 7 }, { logs: [null] }, { logs: [{ logIndex: 'x' }] }])
      await expectRejection(check(first, { receipt: async () => receipt }), 'PROOF_UNBUILDABLE')
  })

  it('does not take an event that only resembles one for its own', async () => {
    const receipt = (await office.node.receipt(first.transactionHash))!
    const [log] = receipt.logs as RawObject[]
    const withLog = (change: RawObject) => ({
      receipt: async () => ({ ...receipt, logs: [{ ...log, ...change }] }),
    })
    const topics = log!.topics as string[]
    for (const change of [
      { address: office.place.office },
      { topics: [PAYMENT_RECORDED_TOPIC] },
      { topics: [randomBytes32(), topics[1], topics[2]] },
      { topics: [topics[0], randomBytes32(), topics[2]] },
      { topics: [topics[0], topics[1], ZERO_BYTES32] },
      { data: '0x' },
      { data: (log!.data as string).slice(0, -64) },
      { data: `${log!.data}${'00'.repeat(32)}` },
      { data: `0x${'ff'.repeat(((log!.data as string).length - 2) / 2)}` },
      { data: bytesToHex(new Uint8Array(96)) },
    ])
      expect(await verdictOf(first, withLog(change)), JSON.stringify(change)).to.deep.equal([
        'changed',
        'event',
      ])
  })
})
