import type { NetworkHooks } from 'hardhat/types/hooks'
import type { EthereumProvider, FailedJsonRpcResponse, JsonRpcResponse } from 'hardhat/types/providers'

/**
 * Teaches a simulated network `eth_getBlockReceipts`, which Hardhat 3.9 lacks and every production node has: the
 * receipts of a block's transactions, in order; null for a block it does not know.
 */
export const blockReceipts: Partial<NetworkHooks> = {
  async onRequest(context, connection, request, next): Promise<JsonRpcResponse> {
    if (request.method !== 'eth_getBlockReceipts') return next(context, connection, request)
    const [block] = (request.params ?? []) as [unknown]
    const answer = { jsonrpc: '2.0', id: request.id } as const
    try {
      return { ...answer, result: await receiptsOf(connection.provider, block) }
    } catch (error) {
      return { ...answer, error: toRpcError(error) }
    }
  },
}

async function receiptsOf(provider: EthereumProvider, block: unknown): Promise<unknown[] | null> {
  const isHash = typeof block === 'string' && block.length === 66
  const found = (await provider.request({
    method: isHash ? 'eth_getBlockByHash' : 'eth_getBlockByNumber',
    params: [block, false],
  })) as { transactions: string[] } | null
  if (found === null) return null
  return Promise.all(
    found.transactions.map((hash) =>
      provider.request({ method: 'eth_getTransactionReceipt', params: [hash] }),
    ),
  )
}

function toRpcError(error: unknown): FailedJsonRpcResponse['error'] {
  const { code, message } = error as { code?: unknown; message: string }
  return { code: typeof code === 'number' ? code : -32603, message }
}
