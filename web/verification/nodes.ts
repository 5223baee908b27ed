import { CountersignError } from '../../protocol/errors.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import { agreeingNodes } from './agreeing-nodes.ts'
import { type ChainNode, createChainNode } from './chain-node.ts'
import { jsonRpcOver } from './json-rpc.ts'

export interface ConnectedNodes {
  /** Undefined when none is named. @throws CHAIN_UNREACHABLE when none of those named answers */
  nodeOf(chainId: number): ChainNode | undefined
  /** Those that are asked of a chain. */
  urlsOf(chainId: number): string[]
}

/** Asked of one chain; more say no more. */
const NODES_AT_MOST = 2

/**
 * The nodes that a verification asks: of each chain two at most, which have to agree. One that gives no answer is left out.
 * @param own endpoints that somebody named: all of them have to answer, and their chains are asked nobody else
 * @throws CHAIN_UNREACHABLE, CHAIN_MISMATCH for those
 */
export async function connectNodes(
  { chains }: PaymentNetwork,
  own: readonly string[] = [],
): Promise<ConnectedNodes> {
  const named = await Promise.all(
    [...new Set(own)].map(async (url) => ({ url, chainId: await chainIdOf(url) })),
  )
  for (const { chainId } of named)
    if (!chains.some((chain) => chain.chainId === chainId))
      throw new CountersignError('CHAIN_MISMATCH', `chain ${chainId} is none that is asked about`)
  const urls = new Map<number, string[]>()
  const nodes = new Map<number, ChainNode>()
  for (const { chainId, rpcUrls } of chains) {
    const ownUrls = named.filter((node) => node.chainId === chainId).map(({ url }) => url)
    const asked = ownUrls.length > 0 ? ownUrls : await answering([...new Set(rpcUrls)], chainId)
    urls.set(chainId, asked)
    if (asked.length > 0)
      nodes.set(chainId, agreeingNodes(asked.map((url) => createChainNode(jsonRpcOver(url)))))
  }
  return {
    urlsOf: (chainId) => urls.get(chainId) ?? [],
    nodeOf(chainId) {
      const isNamed = chains.some((chain) => chain.chainId === chainId && chain.rpcUrls.length > 0)
      if (isNamed && !nodes.has(chainId))
        throw new CountersignError('CHAIN_UNREACHABLE', `no node of chain ${chainId} gives an answer`)
      return nodes.get(chainId)
    },
  }
}

/** @throws CHAIN_UNKNOWN when no node of the chain is named, CHAIN_UNREACHABLE when none of those named answers */
export function requireNode(chainId: number, nodeOf: ConnectedNodes['nodeOf']): ChainNode {
  const node = nodeOf(chainId)
  if (node === undefined)
    throw new CountersignError('CHAIN_UNKNOWN', `there is no node of chain ${chainId} to ask`)
  return node
}

const chainIdOf = (url: string): Promise<number> => createChainNode(jsonRpcOver(url)).chainId()

async function answering(urls: readonly string[], chainId: number): Promise<string[]> {
  const asked = await Promise.all(
    urls.map((url) =>
      chainIdOf(url).then(
        (answer) => (answer === chainId ? [url] : []),
        () => [],
      ),
    ),
  )
  return asked.flat().slice(0, NODES_AT_MOST)
}
