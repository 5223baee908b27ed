import { expect } from 'chai'
import { network } from 'hardhat'
import { canonicalJson } from '../../protocol/canonical-json.ts'
import {
  buildEventProof,
  createEventProver,
  type EventProof,
  verifyEventProof,
} from '../../protocol/event-proof.ts'
import { type Bytes32, toAddress, ZERO_BYTES32 } from '../../protocol/hex.ts'
import type { RawReceipt } from '../../protocol/raw-rpc.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { readExchanges } from '../support/data-suites.ts'
import { refusal } from '../support/expect-error.ts'
import { type MixedBlock, mineMixedBlock } from '../support/mixed-block.ts'
import { singleByteChanges } from '../support/proof-mutations.ts'
import { sharedData } from '../support/shared-data.ts'

describe('event proof', () => {
  let anvil: AnvilChain
  let mined: MixedBlock

  before(async () => {
    anvil = await startAnvil({ automine: false })
    mined = await mineMixedBlock(anvil.request, { withBlob: true })
  })
  after(() => anvil?.stop())

  const proofOf = (transactionHash: Bytes32, logPosition = 0) =>
    buildEventProof({ ...mined, transactionHash, logPosition })

  it('of every log of an anvil block, of each transaction type, is verified', async () => {
    expect(await provenTypes(mined)).to.deep.equal([0, 1, 2, 3, 4, 2])
  })

  it("of every log of a block of Hardhat's network is verified", async () => {
    const connection = await network.create('lenders')
    try {
      const request = <T>(method: string, params: readonly unknown[] = []) =>
        connection.provider.request({ method, params: [...params] }) as Promise<T>
      await request('evm_setAutomine', [false])
      expect(await provenTypes(await mineMixedBlock(request, { withBlob: false }))).to.deep.equal([
        0, 1, 2, 4, 2,
      ])
    } finally {
      await connection.close()
    }
  })

  it('of logs in a published block is verified, if the block is of Byzantium or later', async function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const latest = (method: string) =>
      readExchanges(suite, method).find(({ file }) => file.includes('latest'))!.result
    const block = latest('eth_getBlockByNumber')
    const receipts = latest('eth_getBlockReceipts')
    const prover = await createEventProver({ block, receipts })
    for (const { transactionHash, logs } of receipts)
      for (const [logPosition, log] of logs.entries()) {
        const proven = await verifyEventProof(await prover.prove(transactionHash, logPosition))
        expect(proven.log).to.deep.equal({
          address: toAddress(log.address),
          topics: log.topics,
          data: log.data,
        })
      }
  })

  it('is made of single receipts in any order as well as of eth_getBlockReceipts', async () => {
    const whole = await anvil.request<RawReceipt[]>('eth_getBlockReceipts', [mined.block.hash])
    const source = { block: mined.block, transactionHash: mined.hashes.setCode, logPosition: 0 }
    const proof = await buildEventProof({ ...source, receipts: whole })
    expect(await buildEventProof({ ...source, receipts: [...mined.receipts].reverse() })).to.deep.equal(proof)
  })

  it('has the shape that receipt files carry', async () => {
    const proof = await proofOf(mined.hashes.dynamicFee)
    expect({ ...proof, header: 'rlp', receiptProof: 'nodes' }).to.deep.equal({
      kind: 'event',
      blockNumber: Number(mined.block.number),
      blockHash: mined.block.hash,
      header: 'rlp',
      transactionHash: mined.hashes.dynamicFee,
      transactionIndex: 2,
      logPosition: 0,
      receiptProof: 'nodes',
    })
    const { timestamp, blockHash, blockNumber } = await verifyEventProof(proof)
    expect({ timestamp, blockHash, blockNumber }).to.deep.equal({
      timestamp: Number(mined.block.timestamp),
      blockHash: mined.block.hash,
      blockNumber: proof.blockNumber,
    })
  })

  describe('building', () => {
    /** Builds from the block's receipts with one of them changed. */
    const buildWith = (at: number, change: Partial<RawReceipt>) =>
      refusal(() =>
        buildEventProof({
          block: mined.block,
          receipts: mined.receipts.map((receipt, i) => (i === at ? { ...receipt, ...change } : receipt)),
          transactionHash: mined.hashes.legacy,
          logPosition: 0,
        }),
      )

    it('notices a node that leaves a log out, changes one, or adds one', async () => {
      const [log] = mined.receipts[1]!.logs as { data: string }[]
      for (const logs of [[], [{ ...log, data: '0x' }], [log, log]]) {
        const error = await buildWith(1, { logs })
        expect(error.code).to.equal('PROOF_UNBUILDABLE')
        expect(error.message).to.include(`the header says ${mined.block.receiptsRoot}`)
        expect(error.retryable).to.equal(true)
      }
    })

    it('notices a node that leaves a receipt out', async () => {
      const source = { ...mined, receipts: mined.receipts.slice(0, -1), logPosition: 0 }
      const error = await refusal(() => buildEventProof({ ...source, transactionHash: mined.hashes.legacy }))
      expect(error.message).to.include('receipts hash to')
    })

    it('notices a node that changes the header', async () => {
      const block = { ...mined.block, receiptsRoot: ZERO_BYTES32 }
      const error = await refusal(() => createEventProver({ block, receipts: mined.receipts }))
      expect(error.message).to.include(`the node says the block is ${mined.block.hash}`)
    })

    it('notices a receipt that claims the hash of another transaction', async () => {
      const error = await buildWith(2, { transactionHash: mined.hashes.legacy })
      expect(error.message).to.match(/transaction 2 is 0x.*, its receipt says 0x/)
    })

    it('refuses a transaction that is not in the block, and one that reverted', async () => {
      expect((await refusal(() => proofOf(ZERO_BYTES32))).message).to.include('is not in block 2')
      expect((await refusal(() => proofOf(mined.hashes.reverted))).message).to.include('did not succeed')
    })

    it('refuses a log position that the transaction does not have', async () => {
      for (const position of [3, -1, 0.5, Number.NaN])
        expect((await refusal(() => proofOf(mined.hashes.manyLogs, position))).message).to.include('only 3')
    })
  })

  describe('verifyEventProof', () => {
    const reasonFor = async (change: Record<string, unknown>, hash = mined.hashes.manyLogs) => {
      const error = await refusal(async () =>
        verifyEventProof({ ...(await proofOf(hash)), ...change } as unknown as EventProof),
      )
      expect(error.code).to.equal('PROOF_INVALID')
      return error.message
    }

    it('proves the log at the position asked for', async () => {
      for (const logPosition of [0, 1, 2]) {
        const { log } = await verifyEventProof(await proofOf(mined.hashes.manyLogs, logPosition))
        expect(log.address).to.equal(toAddress(mined.threeLogWriter))
        expect(log.topics.map(Number)).to.deep.equal([logPosition])
      }
    })

    it('refuses a position without a log and an index without a receipt', async () => {
      expect(await reasonFor({ logPosition: 3 })).to.include('the receipt has no log 3, only 3')
      expect(await reasonFor({ transactionIndex: 200 })).to.include('receipt proof')
    })

    it('refuses a transaction that reverted', async () => {
      const { receipts, block } = mined
      const index = receipts.findIndex(({ transactionHash }) => transactionHash === mined.hashes.reverted)
      const { buildReceiptsTrie } = await import('../../protocol/receipts-trie.ts')
      const receiptProof = await (await buildReceiptsTrie(receipts)).prove(index)
      expect(block.transactions).to.have.length(receipts.length)
      expect(await reasonFor({ receiptProof, transactionIndex: index })).to.include('did not succeed')
    })

    it('refuses a block hash or number that is not the header’s', async () => {
      expect(await reasonFor({ blockHash: ZERO_BYTES32 })).to.include('not to the block hash')
      expect(await reasonFor({ blockNumber: 3 })).to.include('the header is of block 2, not 3')
    })

    it('refuses the header of another block', async () => {
      const { encodeBlockHeader, blockHeaderHash } = await import('../../protocol/block-header.ts')
      const { bytesToHex } = await import('../../protocol/hex.ts')
      const rlp = encodeBlockHeader(await anvil.request('eth_getBlockByNumber', ['0x1', false]))
      const change = { header: bytesToHex(rlp), blockHash: blockHeaderHash(rlp), blockNumber: 1 }
      expect(await reasonFor(change)).to.include('node 0 does not hash')
    })

    it('refuses nodes missing, too many, or not needed', async () => {
      const { receiptProof } = await proofOf(mined.hashes.manyLogs)
      expect(await reasonFor({ receiptProof: receiptProof.slice(1) })).to.include('node 0 does not hash')
      expect(await reasonFor({ receiptProof: [...receiptProof, receiptProof[0]] })).to.include('too many')
      expect(await reasonFor({ receiptProof: Array(9).fill('0x') })).to.include('9 nodes are too many')
      expect(await reasonFor({ receiptProof: 'none' })).to.include('not an array')
    })

    it('refuses any other spelling of what it says', async () => {
      const proof = await proofOf(mined.hashes.manyLogs)
      for (const name of ['blockHash', 'header', 'transactionHash'] as const)
        expect(await reasonFor({ [name]: `0x${proof[name].slice(2).toUpperCase()}` })).to.include(
          'lower-case',
        )
      const upper = proof.receiptProof.map((node) => `0x${node.slice(2).toUpperCase()}`)
      expect(await reasonFor({ receiptProof: upper })).to.include('lower-case')
      for (const number of [-0, 0.5, -1, 2 ** 53, '0', null, Number.NaN])
        expect(await reasonFor({ logPosition: number })).to.include('non-negative integer')
      expect(await reasonFor({ kind: 'log' })).to.include('kind')
      expect(await reasonFor({ note: 'extra' })).to.include('unknown member "note"')
      for (const none of [null, [], 'proof', undefined])
        expect((await refusal(() => verifyEventProof(none as never))).message).to.include('not an object')
      const { header: _, ...incomplete } = proof
      expect((await refusal(() => verifyEventProof(incomplete as never))).message).to.include(
        'header is missing',
      )
    })

    it('refuses every change of a single byte save in the transaction hash', async function () {
      this.timeout(60_000)
      const proof = await proofOf(mined.hashes.dynamicFee)
      const text = canonicalJson(proof)
      const hashAt = text.indexOf(proof.transactionHash) + 2
      const isInHash = (at: number) => at >= hashAt && at < hashAt + 64
      let refused = 0
      for (const { at, changed } of singleByteChanges(text)) {
        // Another hash in the right form is a pointer to elsewhere: nothing in the block can refuse it.
        if (isInHash(at) && /^0x[0-9a-f]{64}$/.test((changed as EventProof).transactionHash)) continue
        const error = await refusal(() => verifyEventProof(changed as EventProof))
        expect(error.code, `byte ${at}`).to.equal('PROOF_INVALID')
        refused++
      }
      expect(refused).to.be.above(text.length)
    })
  })
})

/** Proves and verifies every log of a block; returns the types of the transactions that have logs, in order. */
async function provenTypes({ block, receipts }: MixedBlock): Promise<number[]> {
  const prover = await createEventProver({ block, receipts })
  const types: number[] = []
  for (const receipt of receipts) {
    const logs = receipt.logs as { address: string; topics: Bytes32[]; data: string }[]
    if (logs.length > 0) types.push(Number(receipt.type))
    for (const [logPosition, log] of logs.entries()) {
      const proof = await prover.prove(receipt.transactionHash as Bytes32, logPosition)
      const proven = await verifyEventProof(JSON.parse(canonicalJson(proof)))
      expect(proven.log).to.deep.equal({
        address: toAddress(log.address),
        topics: log.topics,
        data: log.data,
      })
      expect(proven.blockHash).to.equal(block.hash)
    }
  }
  return types
}
