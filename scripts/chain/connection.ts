import { FetchRequest, type JsonRpcPayload, type JsonRpcResult } from 'ethers'
import { CountersignError } from '../../protocol/errors.ts'
import { ReceiptPollingProvider } from './receipt-polling-provider.ts'

const REQUEST_TIMEOUT_MS = 30_000
const POLL_MS = 250

/**
 * What a script writes to a chain through. Every request is bounded to half a minute, and fails with CHAIN_UNREACHABLE when no
 * node answers it. Destroy it when done.
 */
export function connectToChain(
  rpcUrl: string,
  chainId: number,
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
): ReceiptPollingProvider {
  const request = new FetchRequest(rpcUrl)
  request.timeout = requestTimeoutMs
  return new ChainConnection(request, chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
    batchMaxCount: 1,
    pollingInterval: POLL_MS,
  })
}

class ChainConnection extends ReceiptPollingProvider {
  override async _send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<JsonRpcResult[]> {
    try {
      return await super._send(payload)
    } catch (cause) {
      throw new CountersignError('CHAIN_UNREACHABLE', `no node of chain ${this._network.chainId} answers`, {
        cause,
      })
    }
  }
}
