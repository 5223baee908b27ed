import { CountersignError } from '../../protocol/errors.ts'
import { type Hex, isBytes32 } from '../../protocol/hex.ts'
import { readQuantity } from './raw-log.ts'
import type { RpcEndpoint } from './rpc-endpoint.ts'
import { RpcError } from './rpc-error.ts'

/** Which chain an index is of: the chain id of the address book, and the genesis block that was first seen. */
export class ChainIdentity {
  readonly #chainId: number
  #genesisHash: Hex | undefined

  constructor(chainId: number) {
    this.#chainId = chainId
  }

  /** Undefined before the first answer of the chain. */
  get genesisHash(): Hex | undefined {
    return this.#genesisHash
  }

  /** The genesis block that the store has: from now on every endpoint has to have the same. */
  expect(genesisHash: Hex): void {
    this.#genesisHash = genesisHash
  }

  /**
   * Run for every endpoint before its first answer is believed, and again after it was away.
   * @throws CHAIN_MISMATCH, CHAIN_REPLACED; RpcError when it cannot be asked
   */
  async check(endpoint: RpcEndpoint): Promise<void> {
    const [chainId, genesis] = await endpoint.batch<[unknown, { hash?: unknown } | null]>([
      { method: 'eth_chainId', params: [] },
      { method: 'eth_getBlockByNumber', params: ['0x0', false] },
    ])
    const answered = readQuantity(chainId, 'chain id', endpoint.name)
    if (answered !== this.#chainId)
      throw new CountersignError(
        'CHAIN_MISMATCH',
        `${endpoint.name} answers for chain ${answered}, not ${this.#chainId}`,
      )
    const hash = String(genesis?.hash).toLowerCase()
    if (!isBytes32(hash)) throw new RpcError('malformed', endpoint.name, `${endpoint.name}: no genesis block`)
    if (this.#genesisHash !== undefined && hash !== this.#genesisHash)
      throw new CountersignError(
        'CHAIN_REPLACED',
        `${endpoint.name}: the genesis block of chain ${this.#chainId} is ${hash}, the index was made from ${this.#genesisHash}`,
      )
    this.#genesisHash = hash
  }
}
