import { RLP } from '@ethereumjs/rlp'
import { expect } from 'chai'
import fc from 'fast-check'
import { bytesToHex, hexToBytes } from '../../protocol/hex.ts'
import {
  decodeRlp,
  encodeRlp,
  quantityBytes,
  type RlpItem,
  rlpNumber,
  rlpQuantity,
} from '../../protocol/rlp.ts'
import { readSuiteJson } from '../support/data-suites.ts'
import { refusal } from '../support/expect-error.ts'
import { sharedData } from '../support/shared-data.ts'

type HexItem = string | HexItem[]
const toBytes = (item: HexItem): RlpItem => (Array.isArray(item) ? item.map(toBytes) : hexToBytes(item))
const toHex = (item: RlpItem): HexItem => (Array.isArray(item) ? item.map(toHex) : bytesToHex(item))
const depthOf = (item: HexItem): number => (Array.isArray(item) ? 1 + Math.max(0, ...item.map(depthOf)) : 0)

const { item: anyItem } = fc.letrec<{ item: RlpItem }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.uint8Array({ maxLength: 80 }),
    fc.array(tie('item'), { maxLength: 6 }),
  ) as fc.Arbitrary<RlpItem>,
}))

describe('rlp', () => {
  it('encodes and decodes the published cases', function () {
    const path = sharedData(this, 'suite-eth-encoding', 'rlp.json')
    for (const { name, decoded, encoded } of readSuiteJson(path)) {
      expect(bytesToHex(encodeRlp(toBytes(decoded))), name).to.equal(encoded)
      if (depthOf(decoded) <= 8)
        expect(toHex(decodeRlp(hexToBytes(encoded), name)), name).to.deep.equal(decoded)
    }
  })

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        expect(toHex(decodeRlp(encodeRlp(item), 'item'))).to.deep.equal(toHex(item))
      }),
    )
  })

  it('accepts the one canonical encoding of an item only', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 12 }), anyItem.map(encodeRlp).chain(withOneByteChanged))
    fc.assert(
      fc.property(bytes, (input) => {
        let item: RlpItem
        try {
          item = decodeRlp(input, 'item')
        } catch {
          return
        }
        expect(bytesToHex(encodeRlp(item))).to.equal(bytesToHex(input))
        expect(toHex(RLP.decode(input) as RlpItem)).to.deep.equal(toHex(item))
      }),
      { numRuns: 2_000 },
    )
  })

  for (const [what, encoded, reason] of [
    ['nothing', '0x', 'ends too early'],
    ['a string cut short', '0x83aabb', 'ends too early'],
    ['a list cut short', '0xc3aa', 'ends too early'],
    ['a string that outlasts its list', '0xc183aabbcc', 'ends too early'],
    ['a length cut short', '0xb9', 'ends too early'],
    ['a length of more than four bytes', '0xbf00000000000000ff', 'ends too early'],
    ['bytes after the item', '0x8000', '1 bytes after the RLP item'],
    ['a prefix before a single byte', '0x8101', 'prefix before a single byte'],
    ['a long form for 55 bytes or less', `0xb837${'aa'.repeat(55)}`, 'not in its shortest form'],
    ['a length with a leading zero', `0xb90038${'aa'.repeat(56)}`, 'not in its shortest form'],
    ['lists nested deeper than any receipt', '0xc9c8c7c6c5c4c3c2c1c0', 'nested more than 8 deep'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const error = await refusal(() => decodeRlp(hexToBytes(encoded), 'item'))
      expect(error.code).to.equal('PROOF_INVALID')
      expect(error.message).to.include(`item: `).and.include(reason)
    })
  }

  it('stays within the stack on a forged input of nested lists', async () => {
    const prefixes = [[0xc0]]
    let length = 1
    while (length < 300_000) {
      const size = [...quantityBytes(length)]
      prefixes.push(length <= 55 ? [0xc0 + length] : [0xf7 + size.length, ...size])
      length += prefixes.at(-1)!.length
    }
    const forged = Uint8Array.from(prefixes.reverse().flat())
    expect((await refusal(() => decodeRlp(forged, 'item'))).message).to.include('nested more than 8 deep')
  })

  describe('quantities', () => {
    it('are big endian without leading zeros', () => {
      fc.assert(
        fc.property(fc.maxSafeNat(), (value) => {
          expect(rlpNumber(quantityBytes(value), 'value')).to.equal(value)
          expect(bytesToHex(encodeRlp(quantityBytes(value)))).to.equal(bytesToHex(RLP.encode(value)))
        }),
      )
    })

    it('are refused with a leading zero, past 32 bytes, and past 2^53 - 1 as a number', async () => {
      expect((await refusal(() => rlpQuantity(hexToBytes('0x0001'), 'value'))).message).to.include(
        'leading zero',
      )
      expect((await refusal(() => rlpQuantity(new Uint8Array(33).fill(1), 'value'))).message).to.include(
        '33 bytes',
      )
      expect((await refusal(() => rlpNumber(hexToBytes('0x20000000000000'), 'value'))).message).to.include(
        '2^53',
      )
    })
  })
})

function withOneByteChanged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
    const copy = bytes.slice()
    copy[at] = byte
    return copy
  })
}
