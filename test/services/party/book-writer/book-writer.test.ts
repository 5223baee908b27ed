import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { JsonRpcProvider, Wallet } from 'ethers'
import {
  type Bytes32,
  keccak256Hex,
  randomBytes32,
  utf8ToBytes,
  ZERO_BYTES32,
} from '../../../../protocol/hex.ts'
import type { Entry } from '../../../../protocol/record-book.ts'
import { DIGEST_CALLS } from '../../../../services/party/book-writer/registry-calls.ts'
import { Submissions } from '../../../../services/party/book-writer/submissions.ts'
import { type ChainRpc, connectChain } from '../../../../services/party/rpc.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { registryAs } from '../../../support/contracts.ts'
import { expectRejection } from '../../../support/expect-error.ts'
import { type RpcRelay, startRpcRelay } from '../../../support/rpc-relay.ts'
import {
  AUTHOR,
  AUTHOR_KEY,
  byKey,
  newEntries,
  newEntry,
  until,
  type WrittenBook,
  writeBook,
} from './written-book.ts'

describe('book writer', () => {
  let chain: AnvilChain
  let book: WrittenBook
  const open = async (options: Parameters<typeof writeBook>[1] = {}): Promise<WrittenBook> => {
    book = await writeBook(chain, options)
    return book
  }
  const settled = () => until(() => book.writer.status().pending + book.writer.status().submitted === 0)
  const stateOf = (key: Bytes32) =>
    book.db.prepare('SELECT state FROM outbox_entries WHERE entry_key = ?').get(key)?.state

  const transactionCount = () =>
    Number(book.db.prepare('SELECT count(*) AS transactions FROM outbox_transactions').get()?.transactions)
  const poolHolds = (count: number) =>
    until(async () => Number((await chain.request<{ pending: string }>('txpool_status')).pending) === count)

  beforeEach(async () => {
    chain = await startAnvil()
  })
  afterEach(async () => {
    await book.close()
    await chain.kill()
  })

  /** A transaction of the author's that the writer knows nothing of. */
  async function sendElsewhere(fields: Parameters<Wallet['sendTransaction']>[0]): Promise<string> {
    const provider = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true })
    try {
      const { hash } = await new Wallet(AUTHOR_KEY, provider).sendTransaction({
        to: AUTHOR,
        gasLimit: 21_000,
        maxFeePerGas: 10n ** 11n,
        maxPriorityFeePerGas: 10n ** 11n,
        ...fields,
      })
      return hash
    } finally {
      provider.destroy()
    }
  }

  async function recordElsewhere(key: Bytes32, digest: Bytes32): Promise<string> {
    const { registry, provider } = registryAs(chain.url, book.registryAddress, AUTHOR_KEY)
    try {
      const { hash } = await (await registry.getFunction('record')(key, digest)).wait()
      return hash
    } finally {
      provider.destroy()
    }
  }

  describe('recording', () => {
    it('puts entries on chain in the order in which they were added', async () => {
      await open({ maxBatch: 7 })
      const entries = newEntries(20)
      await book.add(entries)
      await settled()
      expect(await book.recorded()).to.deep.equal(entries)
      expect(book.writer.status()).to.include({ pending: 0, submitted: 0, conflict: 0, overdue: 0 })
    })

    it('says where an entry is', async () => {
      await open()
      const { key, digest } = newEntry()
      const location = await book.writer.recordNow(key, digest)
      const receipt = await chain.request<{ blockNumber: string }>('eth_getTransactionReceipt', [
        location.transactionHash,
      ])
      expect(Number(receipt.blockNumber)).to.equal(location.blockNumber)
      expect(book.writer.locationOf(key)).to.deep.equal(location)
    })

    it('shares a transaction among those who wait at the same time', async () => {
      await open()
      const locations = await Promise.all(
        newEntries(50).map(({ key, digest }) => book.writer.recordNow(key, digest)),
      )
      const transactions = new Set(locations.map(({ transactionHash }) => transactionHash))
      expect(transactions.size).to.be.at.most(4)
    })

    it('sends for the sake of those who wait no more often than is allowed', async () => {
      const storedAt: number[] = []
      await open({
        ...{ flushIntervalMs: 60_000, urgentEveryMs: 1_000 },
        onStage: (stage) => void (stage === 'stored' && storedAt.push(Date.now())),
      })
      const waitOften = async () => {
        while (storedAt.length < 4) await book.writer.recordNow(newEntry().key, randomBytes32())
      }
      await Promise.all([waitOften(), waitOften()])
      // From the end of one sending to the next.
      for (const [i, at] of storedAt.slice(1).entries()) expect(at - storedAt[i]!).to.be.at.least(1_000)
      // Each waiter's first wait, and then all that came in the same second, in one.
      expect(storedAt.length).to.be.within(4, 5)
    })

    it('lets go of one who does not wait any longer', async () => {
      await open({ flushIntervalMs: 60_000, urgentEveryMs: 60_000 })
      await book.writer.recordNow(newEntry().key, randomBytes32())
      const entry = newEntry()
      await book.add([entry])
      const gone = new AbortController()
      const waiting = book.writer.whenRecorded(entry.key, 60_000, gone.signal).catch((error) => error)
      gone.abort(new Error('gone'))
      expect(await waiting).to.have.property('message', 'gone')
      const late = await book.writer.whenRecorded(entry.key, 60_000, gone.signal).catch((error) => error)
      expect(late).to.have.property('message', 'gone')
    })

    it('rests while a batch of entries is set aside', async () => {
      await open({ flushIntervalMs: 60_000, maxBatch: 2 })
      for (const entry of newEntries(2)) {
        await book.add([entry])
        book.db.exec(`UPDATE outbox_entries SET not_before_ms = ${Date.now() + 60_000}`)
      }
      let looks = 0
      const { prototype } = Submissions
      const { open: read } = prototype
      prototype.open = function () {
        looks++
        return read.call(this)
      }
      try {
        await book.add([newEntry()])
        book.writer.notify(2)
        await sleep(500)
        expect(looks).to.be.within(1, 3)
        expect(book.writer.status().pending).to.equal(3)
      } finally {
        prototype.open = read
      }
    })

    it('keeps a batch within the gas of a transaction', async () => {
      await open({ maxBatch: 5_000 })
      const entries = newEntries(1_300)
      await book.add(entries)
      await settled()
      expect(await book.recorded()).to.have.length(1_300)
      expect(
        book.db.prepare('SELECT max(gas_limit) AS gas FROM outbox_submissions').get()?.gas,
      ).to.be.at.most(2 ** 24)
    })

    it('takes the same entry twice as once, and refuses another digest under its key', async () => {
      await open()
      const entry = newEntry()
      await book.add([entry, entry])
      await expectRejection(book.add([{ ...entry, digest: randomBytes32() }]), 'ENTRY_CONFLICT')
      await settled()
      expect(await book.recorded()).to.deep.equal([entry])
    })

    it('tells one who waited too long, and records all the same', async () => {
      await open()
      await chain.request('evm_setAutomine', [false])
      const entry = newEntry()
      await expectRejection(book.writer.recordNow(entry.key, entry.digest, 200), 'RECORDING_TIMED_OUT')
      await chain.request('evm_setAutomine', [true])
      await chain.request('evm_mine')
      await settled()
      expect(await book.recorded()).to.deep.equal([entry])
    })

    it('counts what is late', async () => {
      await open()
      await chain.request('evm_setAutomine', [false])
      await book.add(newEntries(3), Math.floor(Date.now() / 1000) - 1)
      expect(book.writer.status().overdue).to.equal(3)
      await chain.request('evm_setAutomine', [true])
    })
  })

  describe('a revert', () => {
    it('marks an entry in conflict when the chain has another digest, and records the rest', async () => {
      await open()
      const [clashing, ...others] = newEntries(10)
      await recordElsewhere(clashing!.key, randomBytes32())
      const waiting = expectRejection(
        book.add([clashing!]).then(() => book.writer.whenRecorded(clashing!.key)),
        'ENTRY_CONFLICT',
      )
      await book.add(others)
      await waiting
      await settled()
      expect(book.writer.status().conflict).to.equal(1)
      expect(byKey((await book.recorded()).slice(1))).to.deep.equal(byKey(others))
      await expectRejection(book.writer.whenRecorded(clashing!.key), 'ENTRY_CONFLICT')
    })

    it('takes an entry that is on chain already for recorded, and finds its transaction', async () => {
      await open()
      const entries = newEntries(5)
      const transactionHash = await recordElsewhere(entries[2]!.key, entries[2]!.digest)
      await book.add(entries)
      const location = await book.writer.whenRecorded(entries[2]!.key)
      expect(location.transactionHash).to.equal(transactionHash)
      await settled()
      await until(() => stateOf(entries[2]!.key) === 'final')
      expect(await book.recorded()).to.have.length(5)
    })

    it('calls what another transaction recorded final once the final block has it, and brings it back before', async () => {
      await open({ finalityDepth: 3 })
      const [kept, lost] = newEntries(2)
      const recordedByAnother = async ({ key, digest }: Entry) => {
        await recordElsewhere(key, digest)
        await book.add([{ key, digest }])
        await until(() => stateOf(key) === 'recorded')
        // As when its event is out of reach: then its block is not known, nor that it is newer than the final one.
        book.db.exec(`UPDATE outbox_entries SET block_number = 0 WHERE entry_key = '${key}'`)
      }
      await recordedByAnother(kept!)
      await sleep(400)
      expect(stateOf(kept!.key)).to.equal('recorded')
      await chain.request('anvil_mine', ['0x3'])
      await until(() => stateOf(kept!.key) === 'final')
      await recordedByAnother(lost!)
      await chain.request('anvil_reorg', [2, []])
      await chain.request('anvil_dropAllTransactions')
      await until(async () => (await book.recorded()).length === 2)
      await chain.request('anvil_mine', ['0x4'])
      await until(() => stateOf(lost!.key) === 'final')
      expect(await book.recorded()).to.deep.equal([kept, lost])
    })

    describe('to an entry that another transaction recorded, at a node without the state of final blocks', () => {
      let relay: RpcRelay
      let rpc: ChainRpc
      afterEach(async () => {
        rpc.destroy()
        await relay.stop()
      })
      const openWithoutState = async (options: Parameters<typeof writeBook>[1] = {}): Promise<void> => {
        relay = await startRpcRelay(chain.url, {
          refuse: ({ method, params }) =>
            method === 'eth_call' && params[1] !== 'latest'
              ? { code: -32_000, message: 'missing trie node' }
              : undefined,
        })
        rpc = connectChain({ chainId: chain.chainId, rpcUrls: [relay.url] })
        await open({ rpc, ...options })
      }
      const recordedByAnother = async (): Promise<{ entry: Entry; transactionHash: string }> => {
        const entry = newEntry()
        const transactionHash = await recordElsewhere(entry.key, entry.digest)
        await book.add([entry])
        await until(() => stateOf(entry.key) === 'recorded')
        return { entry, transactionHash }
      }

      it('calls it final once its event is in such a block', async () => {
        await openWithoutState({ finalityDepth: 3 })
        const { entry, transactionHash } = await recordedByAnother()
        book.db.exec('UPDATE outbox_entries SET block_number = 0')
        await sleep(400)
        expect(stateOf(entry.key)).to.equal('recorded')
        await chain.request('anvil_mine', ['0x3'])
        await until(() => stateOf(entry.key) === 'final')
        expect(book.writer.locationOf(entry.key)?.transactionHash).to.equal(transactionHash)
      })

      it('calls it final no sooner than a node says so, and goes on meanwhile', async () => {
        await openWithoutState()
        relay.faults.alter = ({ method }, result) => (method === 'eth_getLogs' ? [] : result)
        const { entry } = await recordedByAnother()
        const later = newEntry()
        await book.writer.recordNow(later.key, later.digest)
        expect(stateOf(entry.key)).to.equal('recorded')
        expect(book.writer.status().isChainUsable).to.equal(true)
        relay.faults.refuse = undefined
        await until(() => stateOf(entry.key) === 'final')
      })

      it('brings it back when a reorganisation took it out, without its old place', async () => {
        await openWithoutState({ finalityDepth: 3 })
        const { entry } = await recordedByAnother()
        await chain.request('evm_setAutomine', [false])
        await chain.request('anvil_reorg', [2, []])
        await chain.request('anvil_dropAllTransactions')
        await chain.request('anvil_mine', ['0x5'])
        await until(() => stateOf(entry.key) !== 'recorded')
        expect(book.writer.locationOf(entry.key)).to.equal(undefined)
        const waiting = book.writer.whenRecorded(entry.key)
        await poolHolds(1)
        await chain.request('evm_mine')
        const { transactionHash } = await waiting
        const receipt = await chain.request<object | null>('eth_getTransactionReceipt', [transactionHash])
        expect(receipt).to.not.equal(null)
        expect(await book.recorded()).to.deep.equal([entry])
      })
    })

    it('leaves none without its transaction for good: it is looked for again', async () => {
      await open()
      const { key, digest } = newEntry()
      const location = await book.writer.recordNow(key, digest)
      await settled()
      book.db.exec('UPDATE outbox_entries SET transaction_hash = NULL')
      expect(book.writer.locationOf(key)).to.equal(undefined)
      expect(await book.writer.locate(newEntry().key)).to.equal(undefined)
      expect(await book.writer.locate(key)).to.deep.equal(location)
      expect(book.writer.locationOf(key)).to.deep.equal(location)
    })

    it('that uses any gas up is tried ever more rarely', async () => {
      await open()
      const digestsOf = keccak256Hex(utf8ToBytes('digestsOf(address,bytes32[])')).slice(2, 10)
      // An empty digest for one key; for all other calls the invalid instruction.
      const code = `0x63${digestsOf}5f3560e01c14600f57fe5b60205f526001602052${'60605ff3'}`
      await chain.request('anvil_setCode', [book.registryAddress, code])
      await book.add([newEntry()])
      const refusals = () => Number(book.db.prepare('SELECT refusals FROM outbox_entries').get()?.refusals)
      await until(() => refusals() >= 1)
      // From the first estimate to the highest.
      expect(transactionCount()).to.be.within(8, 12)
    })

    it('finds the one entry that a registry refuses for another reason by halving', async () => {
      await open()
      const entries = newEntries(9)
      await book.add([...entries.slice(0, 4), { ...newEntry(), digest: ZERO_BYTES32 }, ...entries.slice(4)])
      await until(async () => (await book.recorded()).length === 9)
      expect(byKey(await book.recorded())).to.deep.equal(byKey(entries))
      await until(() => book.writer.status().pending === 1)
      const later = newEntry()
      await book.add([later])
      await book.writer.whenRecorded(later.key)
    })
  })

  describe('nonces and fees', () => {
    it('takes a new nonce when another process used its own', async () => {
      await open()
      await chain.request('evm_setAutomine', [false])
      const entries = newEntries(3)
      await book.add(entries)
      await poolHolds(1)
      await chain.request('anvil_dropAllTransactions')
      await sendElsewhere({ nonce: 0 })
      await chain.request('evm_setAutomine', [true])
      await chain.request('evm_mine')
      await settled()
      expect(await book.recorded()).to.deep.equal(entries)
    })

    it('takes one only when the old is used for good, of a registry that would take entries twice', async () => {
      await open({ calls: { ...DIGEST_CALLS, keepsSlots: false }, finalityDepth: 4 })
      await chain.request('evm_setAutomine', [false])
      const entries = newEntries(3)
      await book.add(entries)
      await poolHolds(1)
      await chain.request('anvil_dropAllTransactions')
      await sendElsewhere({ nonce: 0 })
      await chain.request('evm_setAutomine', [true])
      await chain.request('evm_mine')
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      expect(book.writer.status()).to.include({ submitted: 3, pending: 0 })
      expect(transactionCount()).to.equal(1)
      await chain.request('anvil_mine', ['0x5'])
      await settled()
      expect(await book.recorded()).to.deep.equal(entries)
    })

    it('takes a new nonce however soon it sends again', async () => {
      await open({ resubmitAfterMs: 100 })
      await chain.request('evm_setAutomine', [false])
      const entry = newEntry()
      await book.add([entry])
      await poolHolds(1)
      await sendElsewhere({ nonce: 0 })
      await chain.request('evm_setAutomine', [true])
      await chain.request('evm_mine')
      await settled()
      expect(await book.recorded()).to.deep.equal([entry])
    })

    it('outbids its own transaction when the base fee has risen above it', async () => {
      await open({ resubmitAfterMs: 300 })
      await chain.request('evm_setAutomine', [false])
      const entry = newEntry()
      await book.add([entry])
      await poolHolds(1)
      await chain.request('anvil_setNextBlockBaseFeePerGas', ['0x6fc23ac00'])
      await chain.request('evm_mine')
      expect(await book.recorded()).to.deep.equal([])
      await until(() => transactionCount() > 1)
      await until(async () => {
        await chain.request('evm_mine')
        return (await book.recorded()).length === 1
      })
      await settled()
      expect(await book.recorded()).to.deep.equal([entry])
    })

    it('sends a transaction again that its node has lost', async () => {
      await open({ resubmitAfterMs: 300 })
      await chain.request('evm_setAutomine', [false])
      const entry = newEntry()
      await book.add([entry])
      await poolHolds(1)
      await chain.request('anvil_dropAllTransactions')
      await poolHolds(1)
      await chain.request('evm_mine')
      await settled()
      expect(await book.recorded()).to.deep.equal([entry])
      expect(transactionCount()).to.equal(1)
    })

    it('signs no nonce again that it has used, however far behind its node is', async () => {
      const relay = await startRpcRelay(chain.url)
      const rpc = connectChain({ chainId: chain.chainId, rpcUrls: [relay.url] })
      await open({ rpc, calls: { ...DIGEST_CALLS, keepsSlots: false } })
      const entries = newEntries(3)
      for (const entry of entries.slice(0, 2)) {
        await book.add([entry])
        await settled()
      }
      relay.faults.alter = ({ method, params }, result) =>
        method === 'eth_getTransactionCount' && params[1] === 'pending' ? '0x0' : result
      await book.add(entries.slice(2))
      await settled()
      expect(await book.recorded()).to.deep.equal(entries)
      const nonces = book.db.prepare('SELECT nonce FROM outbox_submissions ORDER BY id').all()
      expect(nonces.map(({ nonce }) => Number(nonce))).to.deep.equal([0, 1, 2])
      rpc.destroy()
      await relay.stop()
    })

    it('fills a nonce that another process took and gave up', async () => {
      await open({ resubmitAfterMs: 300 })
      await chain.request('evm_setAutomine', [false])
      const abandoned = await sendElsewhere({ nonce: 0 })
      const entry = newEntry()
      await book.add([entry])
      await poolHolds(2)
      await chain.request('anvil_dropTransaction', [abandoned])
      await until(async () => {
        await chain.request('evm_mine')
        return (await book.recorded()).length === 1
      })
      await settled()
    })
  })

  describe('the chain', () => {
    it('may hang for a while', async () => {
      await open()
      process.kill(chain.pid, 'SIGSTOP')
      const entries = newEntries(10)
      for (const entry of entries) {
        await book.add([entry])
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
      await until(() => !book.writer.status().isChainUsable)
      process.kill(chain.pid, 'SIGCONT')
      await settled()
      expect(byKey(await book.recorded())).to.deep.equal(byKey(entries))
      expect(book.writer.status().isChainUsable).to.equal(true)
    })

    it('may be down for a while', async () => {
      const stateFile = `/tmp/book-writer-${process.pid}-${Date.now()}.json`
      await chain.kill()
      chain = await startAnvil({ stateFile })
      await open()
      const before = newEntries(3)
      await book.add(before)
      await settled()
      const { port } = chain
      await chain.stop()
      const during = newEntries(3)
      await book.add(during)
      await until(() => !book.writer.status().isChainUsable)
      chain = await startAnvil({ stateFile, port })
      await settled()
      expect(await book.recorded()).to.deep.equal([...before, ...during])
    })

    it('may be reorganised: a record that it loses is brought back before it counts as final', async () => {
      await open({ finalityDepth: 3 })
      const entry = newEntry()
      await book.add([entry])
      await book.writer.whenRecorded(entry.key)
      expect(stateOf(entry.key)).to.equal('recorded')
      await chain.request('anvil_reorg', [1, []])
      await chain.request('anvil_dropAllTransactions')
      expect(await book.recorded()).to.deep.equal([])
      await chain.request('anvil_mine', ['0x3'])
      await until(async () => (await book.recorded()).length === 1)
      await chain.request('anvil_mine', ['0x4'])
      await until(() => stateOf(entry.key) === 'final')
      expect(await book.recorded()).to.deep.equal([entry])
    })
  })
})
