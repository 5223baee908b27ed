import { expect } from 'chai'
import { ContractFactory, type JsonRpcSigner } from 'ethers'
import { artifacts, network } from 'hardhat'
import { canonicalJson } from '../../protocol/canonical-json.ts'
import { type Address, type Bytes32, toAddress, ZERO_ADDRESS, ZERO_BYTES32 } from '../../protocol/hex.ts'
import type { RawBlock, RawObject } from '../../protocol/raw-rpc.ts'
import { digestSlot, foldRecord, headSlot } from '../../protocol/record-book.ts'
import { buildStorageProof, type StorageProof, verifyStorageProof } from '../../protocol/storage-proof.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { localProvider } from '../support/contracts.ts'
import { readExchanges } from '../support/data-suites.ts'
import { refusal } from '../support/expect-error.ts'
import { type MixedBlock, mineMixedBlock } from '../support/mixed-block.ts'
import { singleByteChanges } from '../support/proof-mutations.ts'
import { sharedData } from '../support/shared-data.ts'

type Request = AnvilChain['request']

const slotNumber = (slot: number): Bytes32 => `0x${slot.toString(16).padStart(64, '0')}`

/** Asks a node for the proof of a slot after its latest block. */
async function proofFrom(request: Request, address: string, slot: Bytes32): Promise<StorageProof> {
  const block = await request<RawBlock>('eth_getBlockByNumber', ['latest', false])
  const proof = await request<RawObject>('eth_getProof', [address, [slot], block.number])
  return buildStorageProof({ block, proof, slot })
}

describe('storage proof', () => {
  let anvil: AnvilChain
  let mined: MixedBlock

  before(async () => {
    anvil = await startAnvil({ automine: false })
    mined = await mineMixedBlock(anvil.request, { withBlob: false })
  })
  after(() => anvil?.stop())

  it('of published accounts and slots is verified', async function () {
    const suite = sharedData(this, 'suite-eth-jsonrpc')
    const block = readExchanges(suite, 'eth_getBlockByNumber').find(({ file }) =>
      file.includes('latest'),
    )!.result
    const exchanges = readExchanges(suite, 'eth_getProof').filter(({ result }) => result)
    expect(exchanges).to.have.length(3)
    for (const { file, request, result } of exchanges) {
      const slots = request.params[1] as string[]
      if (slots.length === 0) {
        // The account's own proof is right, what is missing is the slot's.
        const error = await refusal(() => buildStorageProof({ block, proof: result, slot: slotNumber(0) }))
        expect(error.message, file).to.include(`no proof of slot ${slotNumber(0)}`)
        continue
      }
      const proof = await buildStorageProof({ block, proof: result, slot: slotNumber(Number(slots[0])) })
      const proven = await verifyStorageProof(proof)
      expect(BigInt(proven.value), file).to.equal(BigInt(result.storageProof[0].value))
      expect(proven.blockHash).to.equal(block.hash)
    }
  })

  it('of a slot written on anvil is verified', async () => {
    for (const slot of [1, 2, 3, 4]) {
      const proof = await proofFrom(anvil.request, mined.writer, slotNumber(slot))
      expect(await verifyStorageProof(JSON.parse(canonicalJson(proof)))).to.deep.equal({
        address: toAddress(mined.writer),
        slot: slotNumber(slot),
        value: slotNumber(100 + slot),
        blockNumber: Number(mined.block.number),
        blockHash: mined.block.hash,
        timestamp: Number(mined.block.timestamp),
      })
    }
  })

  it("of a slot written on Hardhat's network is verified", async () => {
    const connection = await network.create('lenders')
    try {
      const request = <T>(method: string, params: readonly unknown[] = []) =>
        connection.provider.request({ method, params: [...params] }) as Promise<T>
      await request('evm_setAutomine', [false])
      const { writer } = await mineMixedBlock(request, { withBlob: false })
      const { value } = await verifyStorageProof(await proofFrom(request, writer, slotNumber(2)))
      expect(value).to.equal(slotNumber(102))
    } finally {
      await connection.close()
    }
  })

  it('of a slot never written proves zero', async () => {
    // Slot 5 was written by a transaction that reverted; the third contract has no storage at all.
    for (const address of [mined.writer, mined.threeLogWriter]) {
      const { value } = await verifyStorageProof(await proofFrom(anvil.request, address, slotNumber(5)))
      expect(value).to.equal(ZERO_BYTES32)
    }
    const proof = await proofFrom(anvil.request, await emptyContract(anvil.request), slotNumber(5))
    expect(proof.storageProof).to.deep.equal([])
    expect((await verifyStorageProof(proof)).value).to.equal(ZERO_BYTES32)
  })

  it("shows a record book's digest and head", async () => {
    const { book, author, provider } = await deployBook(anvil)
    const [key, digest] = [slotNumber(77), slotNumber(88)]
    const recording = await book.getFunction('record').send(key, digest)
    await anvil.request('evm_mine')
    await recording.wait()
    provider.destroy()
    const address = (await book.getAddress()) as Address
    const valueAt = async (slot: Bytes32) =>
      (await verifyStorageProof(await proofFrom(anvil.request, address, slot))).value
    expect(await valueAt(digestSlot(author, key, 2))).to.equal(digest)
    expect(await valueAt(digestSlot(author, digest, 2))).to.equal(ZERO_BYTES32)
    expect(await valueAt(headSlot(author, 3))).to.equal(foldRecord(ZERO_BYTES32, key, digest))
  })

  describe('buildStorageProof', () => {
    const answers = async (slot = slotNumber(1)) => {
      const block = await anvil.request<RawBlock>('eth_getBlockByNumber', ['0x2', false])
      const proof = await anvil.request<RawObject>('eth_getProof', [mined.writer, [slot], '0x2'])
      return { block, proof, slot }
    }

    it('leaves out nodes that prove nothing', async () => {
      const { block, proof, slot } = await answers()
      const accountProof = [...(proof.accountProof as string[]), '0x80']
      const built = await buildStorageProof({ block, slot, proof: { ...proof, accountProof } })
      expect(built).to.deep.equal(await buildStorageProof({ block, proof, slot }))
    })

    for (const [what, change, reason] of [
      ['a proof without its last account node', { accountProof: ['0x80'] }, 'is missing'],
      ['a proof of another slot', { storageProof: [{ key: '0x2', proof: [] }] }, 'no proof of slot'],
      ['a proof without slots', { storageProof: undefined }, 'storageProof is not an array'],
      ['an address that is none', { address: '0x01' }, 'address: expected 20 bytes'],
      ['a node that is not hexadecimal', { accountProof: ['none'] }, 'not 0x-prefixed'],
      ['the proof of another account', { address: `0x${'11'.repeat(20)}` }, 'account proof'],
    ] as const) {
      it(`refuses ${what}`, async () => {
        const { block, proof, slot } = await answers()
        const error = await refusal(() => buildStorageProof({ block, slot, proof: { ...proof, ...change } }))
        expect(error.code).to.equal('PROOF_UNBUILDABLE')
        expect(error.message).to.include(reason)
      })
    }

    it('refuses an address without an account', async () => {
      const error = await refusal(() => proofFrom(anvil.request, `0x${'12'.repeat(20)}`, slotNumber(1)))
      expect(error.message).to.include('there is no account at the address')
    })

    it('refuses a proof of another block', async () => {
      const { proof, slot } = await answers()
      const block = await anvil.request<RawBlock>('eth_getBlockByNumber', ['0x1', false])
      expect((await refusal(() => buildStorageProof({ block, proof, slot }))).message).to.include(
        'is missing',
      )
    })
  })

  describe('verifyStorageProof', () => {
    const reasonFor = async (change: Record<string, unknown>) => {
      const proof = await proofFrom(anvil.request, mined.writer, slotNumber(1))
      const error = await refusal(() => verifyStorageProof({ ...proof, ...change } as StorageProof))
      expect(error.code).to.equal('PROOF_INVALID')
      return error.message
    }

    it('refuses another value, slot, address or block', async () => {
      expect(await reasonFor({ value: slotNumber(102) })).to.include(`holds ${slotNumber(101)}`)
      expect(await reasonFor({ value: ZERO_BYTES32 })).to.include(`holds ${slotNumber(101)}`)
      expect(await reasonFor({ slot: slotNumber(9) })).to.include('storage proof')
      expect(await reasonFor({ address: ZERO_ADDRESS })).to.include('account proof')
      expect(await reasonFor({ blockNumber: 1 })).to.include('the header is of block')
      expect(await reasonFor({ blockHash: ZERO_BYTES32 })).to.include('not to the block hash')
    })

    it('refuses any other spelling of what it says', async () => {
      const writer = toAddress(mined.writer)
      expect(await reasonFor({ address: writer.toLowerCase() })).to.include('checksummed')
      expect(await reasonFor({ address: '0x' })).to.include('not an address')
      expect(await reasonFor({ slot: '0x01' })).to.include('expected 32 bytes')
      expect(await reasonFor({ kind: 'event' })).to.include('kind')
      expect(await reasonFor({ note: 1 })).to.include('unknown member')
    })

    it('refuses every change of a single byte', async function () {
      this.timeout(60_000)
      const text = canonicalJson(await proofFrom(anvil.request, mined.writer, slotNumber(1)))
      let refused = 0
      for (const { at, changed } of singleByteChanges(text)) {
        const error = await refusal(() => verifyStorageProof(changed as StorageProof))
        expect(error.code, `byte ${at}`).to.equal('PROOF_INVALID')
        refused++
      }
      expect(refused).to.be.above(text.length)
    })
  })
})

/** A contract whose code is one STOP. */
async function emptyContract(request: Request): Promise<Address> {
  const [from] = await request<Address[]>('eth_accounts')
  const hash = await request<Bytes32>('eth_sendTransaction', [{ from, data: '0x60015ff3' }])
  await request('evm_mine')
  return (await request<{ contractAddress: Address }>('eth_getTransactionReceipt', [hash])).contractAddress
}

async function deployBook(anvil: AnvilChain) {
  const { abi, bytecode } = await artifacts.readArtifact('QueryResultRegistry')
  const provider = localProvider(anvil.url)
  const signer: JsonRpcSigner = await provider.getSigner(2)
  const book = await new ContractFactory([...abi], bytecode, signer).deploy(ZERO_ADDRESS)
  await anvil.request('evm_mine')
  await book.waitForDeployment()
  return { book, author: toAddress(signer.address), provider }
}
