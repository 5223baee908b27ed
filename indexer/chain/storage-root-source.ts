import { bytesToHex, type Hex } from '../../protocol/hex.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import type { RawBlock, RawObject } from '../../protocol/raw-rpc.ts'
import { accountStorageRoot } from '../../protocol/storage-proof.ts'
import type { RpcClient } from './rpc-client.ts'
import type { RpcEndpoint } from './rpc-endpoint.ts'
import { isRpcError } from './rpc-error.ts'

export interface ChainStorageRoot {
  root: Hex
  /** Up to the block's hash; otherwise it is an endpoint's word. */
  isProven: boolean
}

type Answer = ChainStorageRoot | 'unsupported' | 'not-there'

/**
 * The root of a contract's storage after a block. All endpoints are asked; one whose answer proves itself is believed.
 * @returns `unsupported` when none answers `eth_getProof`; `not-there` when none has the block, or its state, (any more)
 */
export async function readStorageRoot(
  rpc: RpcClient,
  address: Uint8Array,
  block: { number: number; hash: Uint8Array },
): Promise<Answer> {
  const answers = (await rpc.withEach((endpoint) => ask(endpoint, address, block))).map(
    ({ result }) => result,
  )
  const roots = answers.filter((answer) => typeof answer === 'object')
  const proven = roots.find(({ isProven }) => isProven)
  if (proven !== undefined) return proven
  // Of several words that contradict each other none is taken.
  if (new Set(roots.map(({ root }) => root)).size === 1) return roots[0]!
  return answers.length > 0 && answers.every((answer) => answer === 'unsupported')
    ? 'unsupported'
    : 'not-there'
}

async function ask(
  endpoint: RpcEndpoint,
  address: Uint8Array,
  { number, hash }: { number: number; hash: Uint8Array },
): Promise<Answer> {
  const blockHash = bytesToHex(hash)
  const asked = await Promise.allSettled([
    endpoint.request<RawObject | null>('eth_getProof', [bytesToHex(address), [], toQuantity(number)]),
    endpoint.request<RawBlock | null>('eth_getBlockByHash', [blockHash, false]),
  ])
  const [proof, block] = asked
  if (block.status === 'rejected') throw block.reason
  if (proof.status === 'rejected') {
    if (isRpcError(proof.reason, 'not-found')) return 'not-there'
    // It answers everything else: nothing to hold against it.
    if (isRpcError(proof.reason, 'refused')) return 'unsupported'
    throw proof.reason
  }
  if (proof.value === null || block.value === null) return 'not-there'
  try {
    const proven = accountStorageRoot({ block: block.value, proof: proof.value })
    // Asked by number, which may be another block's by now.
    return proven.blockHash === blockHash ? { root: proven.storageRoot, isProven: true } : 'not-there'
  } catch {
    const { storageHash } = proof.value
    if (typeof storageHash !== 'string' || !/^0x[0-9a-f]{64}$/i.test(storageHash)) return 'unsupported'
    return { root: storageHash.toLowerCase() as Hex, isProven: false }
  }
}
