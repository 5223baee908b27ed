import { type AddressBook, type ChainEntry, getChain } from '../../../protocol/address-book.ts'
import { KnownGenesis } from '../../party/known-genesis.ts'
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
  readonly #store: Pick<ProxyStore, 'genesisOf' | 'commit'>
  readonly #chains = new Map<number, ConnectedChain>()
  #isClosed = false

  constructor(book: AddressBook, timeoutMs: number, store: Pick<ProxyStore, 'genesisOf' | 'commit'>) {
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

  #open(entry: ChainEntry): ConnectedChain {
    const { chainId, rpcUrls, genesisHash } = entry
    const rpc = connectChain({ chainId, rpcUrls, genesisHash, timeoutMs: this.#timeoutMs })
    const genesis = new KnownGenesis({
      chainId,
      rpc,
      kept: this.#store.genesisOf(chainId),
      commit: (write) => this.#store.commit(write),
    })
    let learning: Promise<void> | undefined
    /** Tried again at the next use where no node tells. */
    const identify = (): Promise<void> => {
      if (genesis.isKept) return Promise.resolve()
      learning ??= this.#learn(genesis)
        .catch(() => {})
        .finally(() => {
          learning = undefined
        })
      return learning
    }
    void identify()
    return { rpc, chain: new RecordChain(entry, rpc, identify) }
  }

  async #learn(genesis: KnownGenesis): Promise<void> {
    const hash = await genesis.read()
    if (hash !== undefined && !this.#isClosed) await genesis.keep(hash)
  }
}
