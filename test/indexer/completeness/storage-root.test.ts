import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { computeStorageRoot } from '../../../indexer/chain/storage-root.ts'
import type { IndexerConfig } from '../../../indexer/config.ts'
import { bytesToHex } from '../../../protocol/hex.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import { accountStorageRoot } from '../../../protocol/storage-proof.ts'
import { eventually } from '../../support/eventually.ts'
import { seededRandom } from '../../support/fault-random.ts'
import { describeFollowing } from '../../support/following.ts'
import { databasePath } from '../../support/indexer.ts'
import { fillMixed } from '../../support/mixed-chain.ts'

const SIGNAL = new AbortController().signal

describeFollowing('storage root of a book', { finalityDepth: 5 }, (bed) => {
  const start = (overrides?: Partial<IndexerConfig>) => bed.start([bed.chainOf(bed.relay.url)], overrides)
  const book = () => [...(bed.view.books?.values() ?? [])][0]
  const isWholeAtHead = async () =>
    book()?.storageRoot === 'whole' && book()!.wholeAt!.block === (await bed.headNumber())
  const status = async () => (await (await fetch(`${bed.indexer.url}/v1/status`)).json()).chains[0]

  it('is the one on chain, computed in this thread, in another, at once and in passes', async () => {
    await fillMixed(bed.chain, bed.contracts, seededRandom('storage root'), 40)
    await start({ storageRootMaxRecords: 0 })
    await bed.caughtUp()
    const contract = bed.view.contracts.find(({ projection }) => projection.headOwner === 'author')!
    const { contractId } = contract.stored
    const tag = toQuantity(bed.view.checkpoint!.number)
    const proof = await bed.chain.request<never>('eth_getProof', [bed.contracts.QueryResultRegistry, [], tag])
    const block = await bed.chain.request<never>('eth_getBlockByNumber', [tag, false])
    const { storageRoot } = accountStorageRoot({ block, proof })
    expect(storageRoot).to.equal((proof as { storageHash: string }).storageHash)

    const heads = [...bed.view.heads.ofContract(contractId)].filter(({ entryCount }) => entryCount > 0)
    const contents = { contractId, toBlock: bed.view.checkpoint!.number, heads }
    for (const limits of [{}, { entriesWithoutThread: 0 }, { entriesWithoutThread: 0, entriesAPass: 40 }])
      expect(
        bytesToHex((await computeStorageRoot(bed.indexer.store, contents, SIGNAL, limits))!),
        JSON.stringify(limits),
      ).to.equal(storageRoot)
    const [first, ...others] = heads
    const without = { ...contents, heads: others }
    expect(bytesToHex((await computeStorageRoot(bed.indexer.store, without, SIGNAL))!)).to.not.equal(
      storageRoot,
    )
    expect(first!.entryCount).to.be.above(0)
    expect(book()?.storageRoot).to.equal('off')
  })

  it('shows a book that is whole, proven up to the hash of its block', async () => {
    await bed.writer.recordBatch(4)
    await start()
    await eventually('the book is whole', isWholeAtHead)
    const { contracts: shown } = await status()
    const registry = shown.find(({ kind }: { kind: string }) => kind === 'QueryResultRegistry')
    expect(registry.wholeness).to.deep.equal({
      storageRoot: 'whole',
      wholeAt: { ...book()!.wholeAt, isProven: true },
    })
    await bed.writer.recordBatch(2)
    await eventually('it is whole again', isWholeAtHead)
  })

  it('notices an author nobody knows of, every log of whom was left out of a backfill', async () => {
    await bed.writer.recordBatch(4)
    await bed.writer.anchor(`0x${'0a'.repeat(32)}`, 3n)
    await bed.chain.request('anvil_mine', ['0x80'])
    bed.relay.faults.dropLog = bed.isOfRegistry
    await start()
    await eventually('the book is known to lack something', () => book()?.storageRoot === 'different')
    expect(bed.view.completeness).to.equal('incomplete')
    expect(
      [...bed.view.heads.ofContract(1), ...bed.view.heads.ofContract(2)].every((h) => h.entryCount === 0),
    ).to.equal(true)
    const absent = await (
      await fetch(`${bed.indexer.url}/v1/authors/${bed.writer.author}/completeness`)
    ).json()
    expect(absent.books[0].completeness).to.equal('incomplete')
    bed.relay.faults.dropLog = undefined
    await eventually('the book is whole', isWholeAtHead)
    await bed.caughtUp()
    await bed.expectReplayEqual()
  })

  it('tells logs of an unknown author left out at the head from what a bloom announces by chance', async () => {
    await start({ completenessCheckMs: 60_000 })
    await bed.caughtUp()
    bed.relay.faults.dropLog = bed.isOfRegistry
    await bed.writer.record()
    // No full check is due for a minute: what the bloom announces is looked into at once.
    await eventually('the book is known to lack something', () => book()?.storageRoot === 'different')
    bed.relay.faults.dropLog = undefined
    await eventually('the book is whole', isWholeAtHead)
    await bed.caughtUp()
    await bed.expectReplayEqual()
    const gaps = /countersign_indexer_gaps_total\{[^}]*\} (\d+)/
    const before = gaps.exec(await (await fetch(`${bed.indexer.url}/metrics`)).text())![1]
    // A header whose bloom has every bit announces everything, and the storage stays what it was.
    bed.relay.faults.alter = ({ method }, result) =>
      method.startsWith('eth_getBlockBy') && result !== null
        ? { ...(result as object), logsBloom: `0x${'ff'.repeat(256)}` }
        : result
    await bed.chain.request('anvil_mine', ['0x1'])
    await bed.caughtUp()
    bed.relay.faults.alter = undefined
    expect(gaps.exec(await (await fetch(`${bed.indexer.url}/metrics`)).text())![1]).to.equal(before)
    expect(book()!.storageRoot).to.equal('whole')
  })

  it('finds an author in short ranges whom an endpoint leaves out of long ones', async () => {
    await bed.writer.recordBatch(4)
    await bed.chain.request('anvil_mine', ['0x80'])
    bed.relay.faults.alter = ({ method, params }, result) => {
      const { fromBlock, toBlock, topics } = (params[0] ?? {}) as Record<string, string>
      const isLong =
        method === 'eth_getLogs' && fromBlock !== undefined && Number(toBlock) > Number(fromBlock)
      return isLong && topics!.length === 1
        ? (result as Record<string, string>[]).filter((log) => !bed.isOfRegistry(log))
        : result
    }
    // The backfill begins with a range of one block: so long that this is in none.
    bed.relay.faults.dropLog = bed.isOfRegistry
    await start()
    await eventually('the book is known to lack something', () => book()?.storageRoot === 'different')
    bed.relay.faults.dropLog = undefined
    await eventually('the book is whole', isWholeAtHead, 20_000)
    await bed.expectReplayEqual()
  })

  it('notices rows that were altered in the database, and makes them anew', async () => {
    const results = await bed.writer.recordBatch(6)
    await bed.writer.publish(await bed.writer.recordBatch(2))
    await bed.chain.request('anvil_mine', ['0x40'])
    await bed.writer.recordBatch(3)
    const database = databasePath()
    await start({ database })
    await eventually('the book is whole', isWholeAtHead)
    await bed.indexer.stop()
    const db = new DatabaseSync(database)
    const keyOf = (i: number) => Buffer.from(results[i]!.key.slice(2), 'hex')
    expect(db.prepare('DELETE FROM records WHERE key = ?').run(keyOf(1)).changes).to.equal(1)
    db.prepare('UPDATE records SET digest = ? WHERE key = ?').run(Buffer.alloc(32, 0x66), keyOf(4))
    db.close()
    await start({ database })
    await eventually('it is noticed', () => bed.view.completeness === 'incomplete')
    await eventually('the book is whole', isWholeAtHead)
    await bed.caughtUp()
    await bed.expectReplayEqual()
  })

  for (const [what, code, message] of [
    ['does not know eth_getProof', -32601, 'the method eth_getProof does not exist/is not available'],
    ['serves no proofs', -32000, 'proofs are disabled'],
  ] as const)
    it(`changes nothing where a node ${what}`, async () => {
      bed.relay.faults.refuse = ({ method }) => (method === 'eth_getProof' ? { code, message } : undefined)
      await bed.writer.recordBatch(4)
      await start()
      await bed.caughtUp()
      await eventually('it is said', () => book()?.storageRoot === 'unsupported')
      await bed.writer.recordBatch(2)
      await bed.caughtUp()
      expect((await status()).endpoints[0]).to.include({ healthy: true, failures: 0 })
      await bed.expectReplayEqual()
    })

  it('is not computed for a book larger than the settings allow', async () => {
    await bed.writer.recordBatch(4)
    await start({ storageRootMaxRecords: 3 })
    await bed.caughtUp()
    await eventually('it is said', () => book()?.storageRoot === 'too-many-records')
  })

  it('believes no root that the block does not prove', async () => {
    await bed.writer.recordBatch(4)
    const lie = `0x${'77'.repeat(32)}`
    bed.relay.faults.alter = ({ method }, result) =>
      method === 'eth_getProof' ? { ...(result as object), storageHash: lie } : result
    await start()
    await eventually('the book is whole', isWholeAtHead)
    expect(book()!.wholeAt!.storageRoot).to.not.equal(lie)
  })
})
