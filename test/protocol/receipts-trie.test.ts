import { expect } from 'chai'
import { decodeBlockHeader } from '../../protocol/block-header.ts'
import { bytesToHex, hexToBytes, keccak256, toAddress } from '../../protocol/hex.ts'
import type { RawReceipt } from '../../protocol/raw-rpc.ts'
import {
  buildReceiptsTrie,
  decodeReceipt,
  encodeReceipt,
  verifyReceiptProof,
} from '../../protocol/receipts-trie.ts'
import { decodeRlp, encodeRlp } from '../../protocol/rlp.ts'
import { EMPTY_TRIE_ROOT } from '../../protocol/trie-proof.ts'
import { readChainHeaders, readExchanges } from '../support/data-suites.ts'
import { refusal } from '../support/expect-error.ts'
import { sharedData } from '../support/shared-data.ts'

const address = `0x${'ab'.repeat(20)}`
const topic = `0x${'cd'.repeat(32)}`
const bloom = `0x${'00'.repeat(256)}`

/** A receipt of a successful transaction with one log. */
const rawReceipt = (changes: Record<string, unknown> = {}): RawReceipt => ({
  transactionIndex: '0x0',
  type: '0x2',
  status: '0x1',
  cumulativeGasUsed: '0x5208',
  logsBloom: bloom,
  logs: [{ address, topics: [topic], data: '0x1234' }],
  ...changes,
})

const rawReceipts = (count: number): RawReceipt[] =>
  Array.from({ length: count }, (_, i) =>
    rawReceipt({
      transactionIndex: `0x${i.toString(16)}`,
      cumulativeGasUsed: `0x${(21_000 * (i + 1)).toString(16)}`,
    }),
  )

describe('receipts trie', () => {
  it("of every published block's receipts has the root that the block's header names", async function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const rootOf = new Map(
      readChainHeaders(suite)
        .map(decodeBlockHeader)
        .map((h) => [h.hash, h.receiptsRoot]),
    )
    let compared = 0
    for (const { file, result } of readExchanges(suite, 'eth_getBlockReceipts')) {
      if (result === null) continue
      const trie = await buildReceiptsTrie(result)
      // The genesis block, which the chain's export leaves out, has no receipts.
      const expected = result.length === 0 ? bytesToHex(EMPTY_TRIE_ROOT) : rootOf.get(result[0].blockHash)
      expect(trie.root, file).to.equal(expected)
      compared++
    }
    expect(compared).to.equal(4)
  })

  it('of published raw receipts has the root in the header', async function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const raw = readExchanges(suite, 'debug_getRawReceipts').find(({ result }) => result)!
    const header = decodeBlockHeader(readChainHeaders(suite)[Number(raw.request.params[0]) - 1]!)
    const receipts = raw.result.map((value: string, transactionIndex: number) =>
      toRaw(hexToBytes(value), transactionIndex),
    )
    expect((await buildReceiptsTrie(receipts)).root).to.equal(header.receiptsRoot)
  })

  it('values of published receipts say what the receipts say', function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const types = new Set<number>()
    for (const { file, result } of readExchanges(suite, 'eth_getTransactionReceipt')) {
      if (result === null) continue
      const decoded = decodeReceipt(encodeReceipt(result))
      expect(decoded.type, file).to.equal(Number(result.type))
      expect(decoded.status, file).to.equal(result.status === undefined ? null : Number(result.status))
      expect(decoded.cumulativeGasUsed, file).to.equal(Number(result.cumulativeGasUsed))
      expect(decoded.logs, file).to.deep.equal(
        result.logs.map((log: { address: string; topics: string[]; data: string }) => ({
          address: toAddress(log.address),
          topics: log.topics,
          data: log.data,
        })),
      )
      types.add(decoded.type)
    }
    expect([...types].sort()).to.deep.equal([0, 1, 2, 4])
  })

  it('proves each of the receipts of a large block', async () => {
    const receipts = rawReceipts(300)
    const trie = await buildReceiptsTrie([...receipts].reverse())
    for (const index of [0, 1, 127, 128, 255, 256, 299]) {
      const nodes = (await trie.prove(index)).map((node) => hexToBytes(node))
      expect(verifyReceiptProof(hexToBytes(trie.root), index, nodes).cumulativeGasUsed).to.equal(
        21_000 * (index + 1),
      )
      const other = index === 0 ? 1 : index - 1
      expect((await refusal(() => verifyReceiptProof(hexToBytes(trie.root), other, nodes))).code).to.equal(
        'PROOF_INVALID',
      )
    }
  })

  it('proves that there is no receipt past the last, and refuses that as proof of one', async () => {
    const trie = await buildReceiptsTrie(rawReceipts(1))
    const nodes = (await trie.prove(0)).map((node) => hexToBytes(node))
    const error = await refusal(() => verifyReceiptProof(hexToBytes(trie.root), 1, nodes))
    expect(error.message).to.include('the block has no receipt 1')
    expect((await refusal(() => trie.prove(1))).message).to.include('no receipt 1, only 1')
  })

  for (const [what, receipts, reason] of [
    ['a receipt missing', rawReceipts(3).slice(1), 'missing or double'],
    ['a receipt twice', [rawReceipt(), rawReceipt()], 'missing or double'],
    ['no index', [rawReceipt({ transactionIndex: undefined })], 'transactionIndex is not a quantity'],
    ['a transaction type not known', [rawReceipt({ type: '0x7e' })], 'transaction type 126 is not known'],
    ['neither status nor state root', [rawReceipt({ status: null })], 'root is missing'],
    ['a short bloom', [rawReceipt({ logsBloom: '0x00' })], 'logsBloom: expected 256 bytes'],
    ['no logs', [rawReceipt({ logs: undefined })], 'logs is not an array'],
    ['a log that is none', [rawReceipt({ logs: [null] })], 'log 0: not an object'],
    [
      'a short topic',
      [rawReceipt({ logs: [{ address, topics: ['0x01'], data: '0x' }] })],
      'topic: expected 32',
    ],
    ['a short address', [rawReceipt({ logs: [{ address: '0x01', topics: [], data: '0x' }] })], 'expected 20'],
  ] as const) {
    it(`is not built from ${what}`, async () => {
      const error = await refusal(() => buildReceiptsTrie(receipts))
      expect(error.code).to.equal('PROOF_UNBUILDABLE')
      expect(error.message).to.include(reason)
    })
  }

  describe('decodeReceipt', () => {
    const status = Uint8Array.of(1)
    const gas = Uint8Array.of(1)
    const noLogs = new Uint8Array(256)
    for (const [what, value, reason] of [
      ['nothing', new Uint8Array(), 'type 0 is not known'],
      ['an unknown type', Uint8Array.of(0x05, 0xc0), 'type 5 is not known'],
      ['three items', encodeRlp([status, gas, noLogs]), 'expected 4 items, got 3'],
      ['a status other than 0 and 1', encodeRlp([Uint8Array.of(2), gas, noLogs, []]), 'status 2'],
      ['a short bloom', encodeRlp([status, gas, new Uint8Array(255), []]), 'bloom: expected 256 bytes'],
      ['logs that are no list', encodeRlp([status, gas, noLogs, new Uint8Array()]), 'logs: expected a list'],
      ['a log of two items', encodeRlp([status, gas, noLogs, [[status, []]]]), 'log 0: expected 3 items'],
    ] as const) {
      it(`refuses ${what}`, async () => {
        const error = await refusal(() => decodeReceipt(value))
        expect(error.code).to.equal('PROOF_INVALID')
        expect(error.message).to.include(reason)
      })
    }

    it('reads a state root in place of a status as no status', () => {
      expect(decodeReceipt(encodeRlp([keccak256(status), gas, noLogs, []])).status).to.equal(null)
    })
  })
})

/** Writes a legacy receipt as a node would answer it. */
function toRaw(value: Uint8Array, transactionIndex: number): RawReceipt {
  const { type, logs } = decodeReceipt(value)
  expect(type).to.equal(0)
  const [root, gas, logsBloom] = decodeRlp(value, 'receipt') as Uint8Array[]
  return {
    transactionIndex: `0x${transactionIndex.toString(16)}`,
    root: bytesToHex(root!),
    cumulativeGasUsed: bytesToHex(gas!),
    logsBloom: bytesToHex(logsBloom!),
    logs,
  }
}
