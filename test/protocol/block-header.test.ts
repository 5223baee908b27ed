import { expect } from 'chai'
import {
  blockHeaderHash,
  decodeBlockHeader,
  encodeBlockHeader,
  headerOf,
} from '../../protocol/block-header.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import type { RawBlock } from '../../protocol/raw-rpc.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '../../protocol/rlp.ts'
import { readChainHeaders, readExchanges } from '../support/data-suites.ts'
import { refusal } from '../support/expect-error.ts'
import { sharedData } from '../support/shared-data.ts'

const word = (byte: string) => `0x${byte.repeat(32)}`

/** A header as of Osaka; a test takes members away for older forks. */
const osakaBlock = (changes: Record<string, unknown> = {}): RawBlock => ({
  parentHash: word('01'),
  sha3Uncles: word('02'),
  miner: `0x${'03'.repeat(20)}`,
  stateRoot: word('04'),
  transactionsRoot: word('05'),
  receiptsRoot: word('06'),
  logsBloom: `0x${'07'.repeat(256)}`,
  difficulty: '0x0',
  number: '0x10',
  gasLimit: '0x1c9c380',
  gasUsed: '0x5208',
  timestamp: '0x6b01550e',
  extraData: '0x',
  mixHash: word('08'),
  nonce: '0x0000000000000000',
  baseFeePerGas: '0x7',
  withdrawalsRoot: word('09'),
  blobGasUsed: '0x0',
  excessBlobGas: '0x0',
  parentBeaconBlockRoot: word('0a'),
  requestsHash: word('0b'),
  ...changes,
})

const without = (...names: string[]): RawBlock =>
  osakaBlock(Object.fromEntries(names.map((name) => [name, undefined])))
const prague = ['requestsHash']
const cancun = [...prague, 'parentBeaconBlockRoot', 'excessBlobGas', 'blobGasUsed']
const shanghai = [...cancun, 'withdrawalsRoot']

/** The header's RLP with one of its items replaced. */
function withItem(position: number, item: RlpItem): Uint8Array {
  const items = decodeRlp(encodeBlockHeader(osakaBlock()), 'header') as RlpItem[]
  items[position] = item
  return encodeRlp(items)
}

describe('block header', () => {
  it('of every published block hashes to the block hash', function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const exchanges = [
      ...readExchanges(suite, 'eth_getBlockByNumber'),
      ...readExchanges(suite, 'eth_getBlockByHash'),
    ].filter(({ result }) => result)
    expect(exchanges).to.have.length(6)
    for (const { file, result } of exchanges) {
      const { rlp, header } = headerOf(result)
      expect(blockHeaderHash(rlp), file).to.equal(result.hash)
      const { hash, parentHash, receiptsRoot, stateRoot, logsBloom } = result
      const [number, timestamp] = [Number(result.number), Number(result.timestamp)]
      expect(header, file).to.deep.equal({
        hash,
        parentHash,
        stateRoot,
        receiptsRoot,
        logsBloom,
        number,
        timestamp,
      })
    }
  })

  it('of a published raw header is decoded, and all headers of the chain behind it link up', function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const [raw] = readExchanges(suite, 'debug_getRawHeader')
    const headers = readChainHeaders(suite)
    expect(headers).to.have.length(54)
    expect(bytesToHex(headers[2]!)).to.equal(raw!.result)
    const memberCounts = new Set<number>()
    for (const [i, rlp] of headers.entries()) {
      const header = decodeBlockHeader(rlp)
      expect(header.number).to.equal(i + 1)
      if (i > 0) expect(header.parentHash).to.equal(decodeBlockHeader(headers[i - 1]!).hash)
      memberCounts.add((decodeRlp(rlp, 'header') as RlpItem[]).length)
    }
    expect([...memberCounts]).to.deep.equal([15, 16, 17, 20, 21])
  })

  describe('encodeBlockHeader', () => {
    for (const [fork, missing, count] of [
      ['Prague and Osaka', [], 21],
      ['Cancun', prague, 20],
      ['Shanghai', cancun, 17],
      ['London', shanghai, 16],
      ['Frontier to Berlin', [...shanghai, 'baseFeePerGas'], 15],
    ] as const) {
      it(`writes the ${count} members of ${fork}`, () => {
        const items = decodeRlp(encodeBlockHeader(without(...missing)), 'header')
        expect(items).to.have.length(count)
      })
    }

    it('takes null for a member that the fork lacks', () => {
      expect(encodeBlockHeader(osakaBlock({ requestsHash: null }))).to.deep.equal(
        encodeBlockHeader(without('requestsHash')),
      )
    })

    it('takes quantities with leading zeros, as some nodes write them', () => {
      expect(encodeBlockHeader(osakaBlock({ gasUsed: '0x00005208' }))).to.deep.equal(
        encodeBlockHeader(osakaBlock()),
      )
    })

    for (const [what, block, reason] of [
      ['a member missing in the middle', without('stateRoot'), 'stateRoot is missing'],
      ['a set of members that no fork has', without(...prague, 'parentBeaconBlockRoot'), '19 members'],
      ['a hash of the wrong length', osakaBlock({ stateRoot: '0x01' }), 'stateRoot: expected 32 bytes'],
      ['a quantity that is none', osakaBlock({ gasUsed: 21_000 }), 'gasUsed is not a quantity'],
      ['data that is not hexadecimal', osakaBlock({ extraData: 'none' }), 'extraData: not 0x-prefixed'],
    ] as const) {
      it(`refuses ${what}`, async () => {
        const error = await refusal(() => encodeBlockHeader(block))
        expect(error.code).to.equal('PROOF_UNBUILDABLE')
        expect(error.message).to.include(reason)
      })
    }
  })

  describe('headerOf', () => {
    it('refuses a block whose header hashes to something else', async () => {
      const hash = blockHeaderHash(encodeBlockHeader(osakaBlock()))
      expect(headerOf(osakaBlock({ hash })).header.hash).to.equal(hash)
      const error = await refusal(() => headerOf(osakaBlock({ hash, timestamp: '0x6b01550f' })))
      expect(error.code).to.equal('PROOF_UNBUILDABLE')
      expect(error.message).to.include(`the node says the block is ${hash}`)
    })
  })

  describe('decodeBlockHeader', () => {
    for (const [what, header, reason] of [
      ['a byte string', encodeRlp(new Uint8Array(32)), 'expected an RLP list'],
      ['a number of members that no fork has', encodeRlp([new Uint8Array(32)]), '1 members'],
      ['a hash of the wrong length', withItem(5, new Uint8Array(31)), 'receiptsRoot: expected 32 bytes'],
      ['a list in place of a hash', withItem(5, []), 'receiptsRoot: expected a byte string'],
      [
        'a quantity with a leading zero',
        withItem(9, new Uint8Array(2)),
        'gasLimit: a quantity with a leading zero',
      ],
      [
        'a quantity of more than 32 bytes',
        withItem(7, new Uint8Array(33).fill(1)),
        'difficulty: a quantity of 33',
      ],
      ['a number past 2^53 - 1', withItem(8, new Uint8Array(7).fill(255)), 'number: a quantity past 2^53'],
      ['an oversized header', withItem(12, new Uint8Array(9_000)), 'more than 8192'],
      ['bytes after it', Uint8Array.from([...withItem(12, new Uint8Array()), 0]), '1 bytes after'],
    ] as const) {
      it(`refuses ${what}`, async () => {
        const error = await refusal(() => decodeBlockHeader(header))
        expect(error.code).to.equal('PROOF_INVALID')
        expect(error.message).to.include(reason)
      })
    }
  })
})
