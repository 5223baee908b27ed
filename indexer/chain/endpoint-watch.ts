import { bytesToHex } from '../../protocol/hex.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import { readHeader } from './raw-log.ts'
import type { SyncContext } from './sync-context.ts'

const WATCH_EVERY_MS = 5_000

/**
 * Compares the endpoints of a chain with each other from time to time. One that does not have yet what another had at
 * the last look is behind; one that has another final block than the index contradicts it.
 */
export class EndpointWatch {
  readonly #context: SyncContext
  readonly #everyMs: number
  #next = 0
  #best = -1

  constructor(context: SyncContext, everyMs = WATCH_EVERY_MS) {
    this.#context = context
    this.#everyMs = everyMs
  }

  /** Does nothing when it is not due, or with a single endpoint. */
  async look(): Promise<void> {
    const { rpc, view, config, store } = this.#context
    const now = performance.now()
    if (now < this.#next || config.rpcUrls.length < 2) return
    this.#next = now + this.#everyMs
    const finalNumber = Math.min(view.checkpoint!.finalNumber, view.checkpoint!.number)
    const final = await store.findBlock(config.chainId, finalNumber)
    const answers = await rpc.withEach(async (endpoint) => {
      const [latest, atFinal] = await endpoint.batch<[unknown, unknown]>([
        { method: 'eth_getBlockByNumber', params: ['latest', false] },
        { method: 'eth_getBlockByNumber', params: [toQuantity(finalNumber), false] },
      ])
      return {
        head: readHeader(latest, endpoint.name).number,
        finalHash: atFinal === null ? undefined : readHeader(atFinal, endpoint.name).hash,
      }
    })
    for (const { endpoint, result } of answers) {
      rpc.noteHead(endpoint, result.head, result.head < this.#best)
      if (
        final !== undefined &&
        result.finalHash !== undefined &&
        result.finalHash !== bytesToHex(final.hash)
      )
        rpc.distrust(endpoint, `${endpoint}: has another block ${finalNumber} than the index, which is final`)
    }
    this.#best = Math.max(...answers.map(({ result }) => result.head), view.checkpoint!.number, -1)
  }
}
