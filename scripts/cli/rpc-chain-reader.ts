import { Contract, FetchRequest, JsonRpcProvider } from 'ethers'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import type { ChainReader } from '../../protocol/chain-confirmation.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { toQuantity } from '../../protocol/quantity.ts'

const TIMEOUT_MS = 10_000

/** Reads a chain through the JSON-RPC endpoint of whoever verifies. Close it when done. @throws CHAIN_UNREACHABLE */
export function createRpcChainReader(url: string): ChainReader & { close(): void } {
  const request = new FetchRequest(url)
  request.timeout = TIMEOUT_MS
  const provider = new JsonRpcProvider(request, undefined, { staticNetwork: false, batchMaxCount: 1 })
  const send = async <T>(method: string, params: unknown[]): Promise<T> => {
    try {
      return await provider
        ._send({ id: 1, jsonrpc: '2.0', method, params })
        .then(([answer]) => unwrap<T>(answer))
    } catch (cause) {
      throw new CountersignError('CHAIN_UNREACHABLE', `${method}: ${(cause as Error).message}`, { cause })
    }
  }
  const call = async (to: string, name: string, values: unknown[], atBlock?: number): Promise<Bytes32> => {
    const { interface: abi } = new Contract(to, QUERY_RESULT_REGISTRY_ABI)
    const data = abi.encodeFunctionData(name, values)
    const answer = await send<string>('eth_call', [
      { to, data },
      atBlock === undefined ? 'latest' : toQuantity(atBlock),
    ])
    if (answer === '0x')
      throw new CountersignError('CHAIN_CONTRADICTS', `there is no registry at ${to} on this chain`)
    return abi.decodeFunctionResult(name, answer)[0] as Bytes32
  }
  return {
    chainId: async () => Number(await send<string>('eth_chainId', [])),
    headBlock: async () => {
      const block = await send<{ number: string; timestamp: string }>('eth_getBlockByNumber', [
        'latest',
        false,
      ])
      return { number: Number(block.number), timestamp: Number(block.timestamp) }
    },
    block: async (blockNumber) => {
      const block = await send<{ hash: Bytes32; timestamp: string } | null>('eth_getBlockByNumber', [
        toQuantity(blockNumber),
        false,
      ])
      return block === null ? null : { hash: block.hash, timestamp: Number(block.timestamp) }
    },
    transactionLocation: async (hash) => {
      const found = await send<{ blockHash: Bytes32 | null; transactionIndex: string } | null>(
        'eth_getTransactionByHash',
        [hash],
      )
      return found?.blockHash ? { blockHash: found.blockHash, index: Number(found.transactionIndex) } : null
    },
    digestOf: (registry, author, key, atBlock) => call(registry, 'digestOf', [author, key], atBlock),
    headOf: (registry, author, atBlock) => call(registry, 'headOf', [author], atBlock),
    close: () => provider.destroy(),
  }
}

function unwrap<T>(answer: unknown): T {
  const { error, result } = answer as { error?: { message: string }; result?: T }
  if (error !== undefined) throw new Error(error.message)
  return result as T
}
