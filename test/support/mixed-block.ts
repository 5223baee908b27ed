import { type Blob, Transaction, type TransactionLike, Wallet } from 'ethers'
import type { Address, Bytes32 } from '../../protocol/hex.ts'
import type { RawBlock, RawReceipt } from '../../protocol/raw-rpc.ts'
import { logWriterCode, storeWord } from './log-writer.ts'

type Request = <T = unknown>(method: string, params?: readonly unknown[]) => Promise<T>

const POINT_AT_INFINITY = `0xc0${'00'.repeat(47)}`
/** The commitment to a blob of zeros, and its proof, are the point at infinity: no trusted setup is needed to make it. */
const EMPTY_BLOB: Blob = {
  data: `0x${'00'.repeat(131_072)}`,
  commitment: POINT_AT_INFINITY,
  proof: POINT_AT_INFINITY,
}

export interface MixedBlock {
  block: RawBlock
  receipts: RawReceipt[]
  /** Of one transaction of each kind. `reverted` lacks gas, all others succeed; `blob` is there if it was asked for. */
  hashes: Record<'legacy' | 'accessList' | 'dynamicFee' | 'setCode' | 'reverted' | 'manyLogs', Bytes32> & {
    blob?: Bytes32
  }
  /** Writes one log a call. */
  writer: Address
  /** Writes three logs a call. */
  threeLogWriter: Address
}

/** First two accounts of the test mnemonic that development chains start with. Worthless by design. */
const SENDER_KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const AUTHORITY_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'

/** Mines one block of transactions of every type, with logs, on a development chain whose blocks come on demand. */
export async function mineMixedBlock(request: Request, options: { withBlob: boolean }): Promise<MixedBlock> {
  const wallet = new Wallet(SENDER_KEY)
  const chainId = BigInt(await request<string>('eth_chainId'))
  let nonce = Number(await request<string>('eth_getTransactionCount', [wallet.address, 'latest']))
  const send = async (fields: TransactionLike): Promise<Bytes32> => {
    const fees =
      fields.type === 0 || fields.type === 1
        ? { gasPrice: 10n ** 11n }
        : { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 11n }
    const transaction = Transaction.from({
      type: 2,
      chainId,
      nonce: nonce++,
      gasLimit: 500_000n,
      ...fees,
      ...fields,
    })
    transaction.signature = wallet.signingKey.sign(transaction.unsignedHash)
    return request<Bytes32>('eth_sendRawTransaction', [transaction.serialized])
  }
  const mine = () => request('evm_mine')

  const creations = [await send({ data: logWriterCode(1) }), await send({ data: logWriterCode(3) })]
  await mine()
  const [writer, threeLogWriter] = await Promise.all(
    creations.map(
      async (hash) =>
        (await request<{ contractAddress: Address }>('eth_getTransactionReceipt', [hash])).contractAddress,
    ),
  )
  const to = writer!
  const authority = new Wallet(AUTHORITY_KEY)
  const authorityNonce = Number(
    await request<string>('eth_getTransactionCount', [authority.address, 'latest']),
  )
  const authorization = await authority.authorize({ address: to, nonce: authorityNonce, chainId })
  const toWriter = (slot: number) => ({ to, data: storeWord(slot, 100 + slot) })
  const hashes = {
    legacy: await send({ type: 0, ...toWriter(1) }),
    accessList: await send({
      type: 1,
      ...toWriter(2),
      accessList: [{ address: to, storageKeys: [] }],
    }),
    dynamicFee: await send({ type: 2, ...toWriter(3) }),
    ...(options.withBlob && {
      blob: await send({ ...toWriter(7), type: 3, maxFeePerBlobGas: 10n ** 10n, blobs: [EMPTY_BLOB] }),
    }),
    setCode: await send({ ...toWriter(4), type: 4, authorizationList: [authorization] }),
    reverted: await send({ ...toWriter(5), gasLimit: 23_500n }),
    manyLogs: await send({ to: threeLogWriter!, data: storeWord(6, 106) }),
  }
  await mine()
  const block = await request<RawBlock>('eth_getBlockByNumber', ['latest', false])
  // Hardhat's network does not know eth_getBlockReceipts.
  const receipts = await Promise.all(
    (block.transactions as Bytes32[]).map((hash) => request<RawReceipt>('eth_getTransactionReceipt', [hash])),
  )
  return { block, receipts, hashes, writer: to, threeLogWriter: threeLogWriter! }
}
