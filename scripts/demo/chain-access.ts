import { Contract, type JsonRpcProvider } from 'ethers'
import { PARTICIPANT_DIRECTORY_ABI } from '../../protocol/abi/participant-directory.ts'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import { type Bytes32, ZERO_BYTES32 } from '../../protocol/hex.ts'
import { PARTICIPANT_STATUSES, type ParticipantStatus } from '../../protocol/roles.ts'
import { type Serial, serialToKey } from '../../protocol/serial.ts'
import { developmentKey } from '../../services/party/development-keys.ts'
import { connectToChain } from '../chain/connection.ts'
import { mined, walletWithGasToSpare } from '../chain/transaction.ts'
import type { LocalNetwork, RunningProvider } from '../network/local-network.ts'
import { ACCOUNTS } from '../network/parties.ts'

const WAIT_MS = 30_000
const POLL_MS = 50

/** What the demonstration does on the chains itself, past the parties: waiting for a record, and the provider's and administrator's own hand. */
export class ChainAccess {
  readonly #network: LocalNetwork
  readonly #rpcs = new Map<string, JsonRpcProvider>()

  constructor(network: LocalNetwork) {
    this.#network = network
  }

  /** Waits until the provider's book holds a digest of this serial. */
  async waitUntilRecorded(provider: RunningProvider, serial: Serial): Promise<void> {
    const book = this.#book(provider)
    const deadline = Date.now() + WAIT_MS
    while ((await book.digestOf!(provider.address, serialToKey(serial))) === ZERO_BYTES32) {
      if (Date.now() > deadline)
        throw new Error(`serial ${serial} was not recorded within ${WAIT_MS / 1000} s`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Records a digest with the provider's own key, behind its server's back. */
  async recordAs(provider: RunningProvider, serial: Serial, digest: Bytes32): Promise<void> {
    const { privateKey } = developmentKey(provider.declaration.account)
    const book = this.#book(provider).connect(
      walletWithGasToSpare(privateKey, this.#rpc(provider.declaration.chain)),
    ) as Contract
    await mined(book.record!(serialToKey(serial), digest), WAIT_MS)
  }

  async setStatus(provider: RunningProvider, status: ParticipantStatus): Promise<void> {
    const administrator = walletWithGasToSpare(
      developmentKey(ACCOUNTS.administrator).privateKey,
      this.#rpc('lenders'),
    )
    const directory = new Contract(
      this.#network.addressBook.directory.address,
      PARTICIPANT_DIRECTORY_ABI,
      administrator,
    )
    await mined(directory.setStatus!(provider.address, PARTICIPANT_STATUSES.indexOf(status)), WAIT_MS)
  }

  close(): void {
    for (const rpc of this.#rpcs.values()) rpc.destroy()
  }

  #book({ declaration }: RunningProvider): Contract {
    const { chainId } = this.#network.chains[declaration.chain]
    const chain = this.#network.addressBook.chains.find((candidate) => candidate.chainId === chainId)!
    return new Contract(
      chain.contracts.QueryResultRegistry!.address,
      QUERY_RESULT_REGISTRY_ABI,
      this.#rpc(declaration.chain),
    )
  }

  #rpc(name: 'lenders' | 'insurers'): JsonRpcProvider {
    const { url, chainId } = this.#network.chains[name]
    let rpc = this.#rpcs.get(name)
    if (rpc === undefined) {
      rpc = connectToChain(url, chainId)
      rpc.pollingInterval = POLL_MS
      this.#rpcs.set(name, rpc)
    }
    return rpc
  }
}
