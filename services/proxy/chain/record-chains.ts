import { type AddressBook, type ChainEntry, getChain } from '../../../protocol/address-book.ts'
import { isBytes32 } from '../../../protocol/hex.ts'
import { type ChainRpc, connectChain } from '../../party/rpc.ts'
import type { ProxyStore } from '../store/proxy-store.ts'
import { RecordChain } from './record-chain.ts'

interface ConnectedChain {
  rpc: ChainRpc
  chain: RecordChain
}

/**
 * The chains of the address book, each connected to when it is first asked for. By the genesis blocks kept in the database a chain that
 * was started afresh is refused (CHAIN_MISMATCH): nothing that was recorded before is on it, which would be held against the authors.
 */
export class RecordChains {
  readonly #book: AddressBook
  readonly #timeoutMs: number
  readonly #store: Pick<ProxyStore, 'chains' | 'commit'>
  readonly #chains = new Map<number, ConnectedChain>()
  #isClosed = false

  constructor(book: AddressBook, timeoutMs: number, store: Pick<ProxyStore, 'chains' | 'commit'>) {
    this.#book = book
    this.#timeoutMs = timeoutMs
    this.#store = store
  }

  /** @throws CHAIN_UNKNOWN when the address book does not have it */
  get(chainId: number): RecordChain {
    return this.#connect(chainId).chain
  }

  /** @throws CHAIN_UNKNOWN */
  rpcOf(chainId: number): ChainRpc {
    return this.#connect(chainId).rpc
  }

  close(): void {
    this.#isClosed = true
    for (const { rpc } of this.#chains.values()) rpc.destroy()
  }

  #connect(chainId: number): ConnectedChain {
    let connected = this.#chains.get(chainId)
    if (connected === undefined) {
      connected = this.#open(getChain(this.#book, chainId))
      this.#chains.set(chainId, connected)
    }
    return connected
  }

  #open({ chainId, rpcUrls, genesisHash, ...entry }: ChainEntry): ConnectedChain {
    const kept = this.#store.chains.genesisHash(chainId)
    const rpc = connectChain({
      chainId,
      rpcUrls,
      // The address book may have been written anew with the chain.
      genesisHash: kept ?? genesisHash,
      timeoutMs: this.#timeoutMs,
    })
    let learning: Promise<void> | undefined
    let isKept = kept !== undefined
    /** Tried again at the next use where no node tells. */
    const identify = (): Promise<void> => {
      if (isKept) return Promise.resolve()
      learning ??= this.#learn(chainId, rpc)
        .then((isLearnt) => {
          isKept = isLearnt
        })
        .catch(() => {})
        .finally(() => {
          learning = undefined
        })
      return learning
    }
    void identify()
    return { rpc, chain: new RecordChain({ ...entry, chainId, rpcUrls }, rpc, identify) }
  }

  async #learn(chainId: number, rpc: ChainRpc): Promise<boolean> {
    const block: { hash?: unknown } | null = await rpc.send('eth_getBlockByNumber', ['0x0', false])
    const hash = block?.hash
    if (!isBytes32(hash) || this.#isClosed) return false
    await this.#store.commit(() => this.#store.chains.insert(chainId, hash))
    rpc.expectGenesis(hash)
    return true
  }
}
