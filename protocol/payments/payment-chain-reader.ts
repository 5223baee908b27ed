import type { ChainReader } from '../chain-confirmation.ts'
import { CountersignError, isCountersignError } from '../errors.ts'
import {
  type Address,
  type Bytes32,
  bytesToHex,
  concatBytes,
  hexToBytes,
  keccak256,
  utf8ToBytes,
  ZERO_BYTES32,
} from '../hex.ts'
import { toQuantity } from '../quantity.ts'
import {
  type RawObject,
  type RawReceipt,
  rawArray,
  rawData,
  rawNumber,
  rawObject,
  toData,
} from '../raw-rpc.ts'

/** What checking a voucher reads of its chain. */
export interface PaymentChainReader
  extends Pick<ChainReader, 'chainId' | 'headBlock' | 'block' | 'digestOf'> {
  /** The answer of `eth_getTransactionReceipt`; null when the transaction is in no block, or the node keeps no receipt of it. */
  receipt(transactionHash: string): Promise<RawReceipt | null>
  /** The hashes of a block's transactions; null when the node does not have the block. */
  transactionsOf(blockNumber: number): Promise<readonly Bytes32[] | null>
  /** The logs of a contract in a block, as `eth_getLogs` gives them; none also from a node that does not keep them. */
  logsOf(registry: Address, blockNumber: number): Promise<readonly RawObject[]>
  /** Whether the registry holds anything under the key at the newest block; of several nodes, whether any of them says so. */
  isRecorded(registry: Address, author: Address, key: Bytes32): Promise<boolean>
}

/** Sends one JSON-RPC request to a node of the chain and gives the `result`. @throws CHAIN_UNREACHABLE, whatever hinders it */
export type RpcRequest = (method: string, params: readonly unknown[]) => Promise<unknown>

const DIGEST_OF = keccak256(utf8ToBytes('digestOf(address,bytes32)')).subarray(0, 4)

/** Reads a chain through whatever sends requests: `fetch` in a browser. Answers are checked for their form. @throws PROOF_UNBUILDABLE */
export function createPaymentChainReader(request: RpcRequest): PaymentChainReader {
  const blockOf = async (tag: string) => {
    const answer = await request('eth_getBlockByNumber', [tag, false])
    if (answer === null || answer === undefined) return null
    const block = rawObject(answer, 'block')
    return {
      number: rawNumber(block, 'number', 'block'),
      hash: bytesToHex(rawData(block, 'hash', 'block', 32)),
      timestamp: rawNumber(block, 'timestamp', 'block'),
    }
  }
  const digestOf = async (registry: Address, author: Address, key: Bytes32, atBlock?: number) => {
    const data = bytesToHex(
      concatBytes(DIGEST_OF, new Uint8Array(12), hexToBytes(author, 20), hexToBytes(key, 32)),
    )
    const block = atBlock === undefined ? 'latest' : toQuantity(atBlock)
    const answer = toData(await request('eth_call', [{ to: registry, data }, block]), 'digestOf')
    if (answer.length !== 32)
      throw new CountersignError('CHAIN_CONTRADICTS', `there is no registry at ${registry} on this chain`)
    return bytesToHex(answer)
  }
  return {
    chainId: async () => rawNumber({ chainId: await request('eth_chainId', []) }, 'chainId', 'node'),
    headBlock: async () => {
      const head = await blockOf('latest')
      if (head === null) throw new CountersignError('CHAIN_UNREACHABLE', 'the node has no block')
      return head
    },
    block: async (blockNumber) => blockOf(toQuantity(blockNumber)),
    receipt: async (transactionHash) => {
      const answer = await request('eth_getTransactionReceipt', [transactionHash])
      return answer === null || answer === undefined ? null : rawObject(answer, 'receipt')
    },
    async transactionsOf(blockNumber) {
      const answer = await request('eth_getBlockByNumber', [toQuantity(blockNumber), false])
      if (answer === null || answer === undefined) return null
      return rawArray(rawObject(answer, 'block'), 'transactions', 'block').map((hash) =>
        bytesToHex(toData(hash, 'block: transaction', 32)),
      )
    },
    async logsOf(registry, blockNumber) {
      const block = toQuantity(blockNumber)
      const logs = await request('eth_getLogs', [{ address: registry, fromBlock: block, toBlock: block }])
      return rawArray({ logs }, 'logs', 'node').map((log) => rawObject(log, 'log'))
    },
    digestOf,
    isRecorded: async (registry, author, key) => {
      try {
        return (await digestOf(registry, author, key)) !== ZERO_BYTES32
      } catch (error) {
        if (isCountersignError(error, 'CHAIN_CONTRADICTS')) return false
        throw error
      }
    },
  }
}
