import { expect } from 'chai'
import fc from 'fast-check'
import { bytesToHex, type Hex, hexToBytes } from '../../protocol/hex.ts'
import { bloomBits, bloomHas, bloomHasBits } from '../../protocol/log-bloom.ts'
import { readExchanges } from '../support/data-suites.ts'
import { sharedData } from '../support/shared-data.ts'

/** The bloom of some values, written the other way round: bits set in bytes. */
function bloomOf(values: Uint8Array[]): Hex {
  const bytes = new Uint8Array(256)
  for (const bit of values.flatMap(bloomBits)) bytes[255 - (bit >> 3)]! |= 1 << (bit & 7)
  return bytesToHex(bytes)
}

describe('log bloom', () => {
  it('of every published receipt has exactly the bits of its logs', function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const receipts = [
      ...readExchanges(suite, 'eth_getTransactionReceipt').map(({ result }) => result),
      ...readExchanges(suite, 'eth_getBlockReceipts').flatMap(({ result }) => result ?? []),
    ].filter(Boolean)
    expect(receipts.flatMap(({ logs }) => logs)).to.not.be.empty
    for (const { logs, logsBloom } of receipts) {
      const values = logs
        .flatMap((log: { address: string; topics: string[] }) => [log.address, ...log.topics])
        .map((value: string) => hexToBytes(value))
      expect(bloomOf(values)).to.equal(logsBloom)
      for (const value of values) expect(bloomHas(logsBloom, value)).to.equal(true)
    }
  })

  it('of a published block has the addresses and topics of its logs', function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const [latest] = readExchanges(suite, 'eth_getBlockByNumber').filter(({ file }) =>
      file.includes('latest'),
    )
    const receipts = readExchanges(suite, 'eth_getBlockReceipts').find(({ file }) => file.includes('latest'))!
    for (const { logs } of receipts.result)
      for (const log of logs)
        for (const value of [log.address, ...log.topics])
          expect(bloomHas(latest!.result.logsBloom, hexToBytes(value))).to.equal(true)
  })

  it('has every value put into it and no value if it is empty', () => {
    const value = fc.oneof(
      fc.uint8Array({ minLength: 20, maxLength: 20 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
    )
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), (values) => {
        const bloom = bloomOf(values)
        for (const each of values) {
          expect(bloomHas(bloom, each)).to.equal(true)
          expect(bloomHasBits(bloom.toUpperCase().replace('X', 'x') as Hex, bloomBits(each))).to.equal(true)
          expect(bloomHas(bloomOf([]), each)).to.equal(false)
        }
      }),
    )
  })
})
