import { readFileSync } from 'node:fs'
import { Contract, ContractFactory, NonceManager, Wallet } from 'ethers'
import { signAnswerStatement } from '../../protocol/answer-statement.ts'
import { type AuditFindings, assembleAuditReport } from '../../protocol/audit-report.ts'
import { signAuditStatement } from '../../protocol/audit-statement.ts'
import type { Json } from '../../protocol/canonical-json.ts'
import { contentHashOf } from '../../protocol/content-hash.ts'
import { buildEventProof } from '../../protocol/event-proof.ts'
import { type Address, type Bytes32, type Hex, randomBytes32 } from '../../protocol/hex.ts'
import { withIntegrity } from '../../protocol/proof-file.ts'
import { queryResultDigest } from '../../protocol/query-result.ts'
import { assembleReceipt, parseReceipt, type Receipt, serializeReceipt } from '../../protocol/receipt.ts'
import { newSerial, serialToKey } from '../../protocol/serial.ts'
import { addressOf } from '../../protocol/signature.ts'
import type { AnvilChain } from './anvil.ts'
import { localProvider } from './contracts.ts'

const ARTIFACT = new URL(
  '../../artifacts/contracts/audit/QueryResultRegistry.sol/QueryResultRegistry.json',
  import.meta.url,
)
/** The first development account of a local chain. */
export const PROVIDER_KEY: Bytes32 = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
export const AUDITOR_KEY: Bytes32 = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'

export interface AnswerOptions {
  /** What goes on chain instead of the digest that was given. */
  recordedDigest?: Bytes32
  /** Seconds after which the promise ends; default 60. */
  promisedWithinS?: number
  disclosure?: 'result' | 'digest'
}

/** As a forger would: the change, and an integrity hash that fits it. */
export function forgeReceipt(receipt: Receipt, change: Partial<Receipt>): Receipt {
  const { integrity: _integrity, ...content } = { ...receipt, ...change }
  return parseReceipt(serializeReceipt(withIntegrity(content)))
}

/** A provider of one registry on a real chain, without its server: it answers, signs and records. */
export async function deployProvider(chain: AnvilChain) {
  const rpc = localProvider(chain.url)
  const wallet = new NonceManager(new Wallet(PROVIDER_KEY, rpc))
  const { abi, bytecode } = JSON.parse(readFileSync(ARTIFACT, 'utf8'))
  const contract = await new ContractFactory(abi, bytecode, wallet).deploy(`0x${'00'.repeat(20)}`)
  await contract.waitForDeployment()
  const registry = (await contract.getAddress()) as Address
  const provider = addressOf(PROVIDER_KEY)
  const book = new Contract(registry, abi, wallet)
  const location = { chainId: chain.chainId, registry }

  async function record(key: Bytes32, digest: Bytes32) {
    const receipt = await (await book.record!(key, digest)).wait()
    const block = await chain.request<never>('eth_getBlockByHash', [receipt.blockHash, false])
    const receipts = await chain.request<never>('eth_getBlockReceipts', [receipt.blockHash])
    return buildEventProof({ block, receipts, transactionHash: receipt.hash, logPosition: 0 })
  }

  /** An answer, given and recorded. */
  async function answer(options: AnswerOptions = {}): Promise<Receipt> {
    const serial = newSerial()
    const result: Json = { serial, type: 'loan', found: true, amount: '1200.50' }
    const contentHash = contentHashOf(result)
    const salt = randomBytes32()
    const digest = queryResultDigest({ ...location, serial, provider, contentHash, salt })
    const answeredAt = Math.floor(Date.now() / 1000)
    const recordBy = answeredAt + (options.promisedWithinS ?? 60)
    const signature = signAnswerStatement(
      { ...location, serial, provider, digest, answeredAt, recordBy },
      PROVIDER_KEY,
    )
    const proof = await record(serialToKey(serial), options.recordedDigest ?? digest)
    const head = { value: (await book.headOf!(provider)) as Bytes32, blockNumber: proof.blockNumber }
    const disclosure = options.disclosure ?? 'result'
    const content = disclosure === 'result' ? { result, contentHash, salt } : {}
    return assembleReceipt({
      ...location,
      author: provider,
      serial,
      disclosure,
      ...content,
      digest,
      answeredAt,
      recordBy,
      signature,
      proof,
      head,
    })
  }

  /** The report of an audit of `receipt` in which the provider now says `now` (by default what it said then). */
  async function audit(
    receipt: Receipt,
    now: { stored?: Bytes32; derived?: Bytes32 } = {},
    change: Partial<AuditFindings> = {},
  ) {
    const latest = await chain.request<{ number: Hex; hash: Bytes32; timestamp: Hex }>(
      'eth_getBlockByNumber',
      ['latest', false],
    )
    const { serial, digest, answeredAt, recordBy, signature } = receipt
    const statement = {
      storedDigest: now.stored ?? digest,
      derivedDigest: now.derived ?? digest,
      nonce: randomBytes32(),
      answeredAt: answeredAt + 100,
    }
    const recordedDigest = (await book.digestOf!(provider, serialToKey(serial))) as Bytes32
    return assembleAuditReport(
      {
        ...location,
        serial,
        provider,
        auditor: addressOf(AUDITOR_KEY),
        given: { digest, answeredAt, recordBy, signature },
        recorded: receipt.proof && { digest: recordedDigest, proof: receipt.proof },
        searchedTo: {
          blockNumber: Number(latest.number),
          blockHash: latest.hash,
          timestamp: Number(latest.timestamp),
        },
        finalityDepth: 0,
        now: {
          outcome: 'answered',
          ...statement,
          signature: signAuditStatement({ ...location, serial, provider, ...statement }, PROVIDER_KEY),
        },
        authorStatus: 'active',
        auditedAt: answeredAt + 101,
        ...change,
      },
      AUDITOR_KEY,
    )
  }
  return { ...location, provider, answer, audit, close: () => rpc.destroy() }
}
