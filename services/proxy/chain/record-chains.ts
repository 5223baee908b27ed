import { type AddressBook, getChain } from '../../../protocol/address-book.ts'
import { type ChainRpc, connectChain } from '../../party/rpc.ts'
import { RecordChain } from './record-chain.ts'

/** The chains of the address book, each connected to when it is first asked for. */
export class RecordChains {
  readonly #book: AddressBook
  readonly #timeoutMs: number
  readonly #chains = new Map<number, { rpc: ChainRpc; chain: RecordChain }>()

  constructor(book: AddressBook, timeoutMs: number) {
    this.#book = book
    this.#timeoutMs = timeoutMs
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
    for (const { rpc } of this.#chains.values()) rpc.destroy()
  }

  #connect(chainId: number): { rpc: ChainRpc; chain: RecordChain } {
    let connected = this.#chains.get(chainId)
    if (connected === undefined) {
      const entry = getChain(this.#book, chainId)
      const rpc = connectChain({
        chainId,
        rpcUrls: entry.rpcUrls,
        genesisHash: entry.genesisHash,
        timeoutMs: this.#timeoutMs,
      })
      connected = { rpc, chain: new RecordChain(entry, rpc) }
      this.#chains.set(chainId, connected)
    }
    return connected
  }
}
