import { type AbstractProvider, JsonRpcProvider, type Subscriber, type Subscription } from 'ethers'

/**
 * For those who wait for a transaction with its own `wait()`. Ethers looks for a receipt when it begins to wait, and then with each
 * new block. Of a chain that mines on demand no block may ever come after one that was mined in between: it would be waited for
 * without end. Here the receipt itself is asked for. Not for `waitForTransaction()`, which knows blocks alone.
 */
export class ReceiptPollingProvider extends JsonRpcProvider {
  override _getSubscriber(subscription: Subscription): Subscriber {
    return subscription.type === 'transaction'
      ? new ReceiptPoller(this, subscription.hash)
      : super._getSubscriber(subscription)
  }
}

class ReceiptPoller implements Subscriber {
  readonly #provider: AbstractProvider
  readonly #hash: string
  #timer: number | undefined

  constructor(provider: AbstractProvider, hash: string) {
    this.#provider = provider
    this.#hash = hash
  }

  start(): void {
    this.#timer ??= this.#provider._setTimeout(() => void this.#poll(), 0)
  }

  stop(): void {
    if (this.#timer !== undefined) this.#provider._clearTimeout(this.#timer)
    this.#timer = undefined
  }

  pause(): void {
    this.stop()
  }

  resume(): void {
    this.start()
  }

  async #poll(): Promise<void> {
    const { pollingInterval } = this.#provider as JsonRpcProvider
    try {
      const receipt = await this.#provider.getTransactionReceipt(this.#hash)
      if (receipt !== null) await this.#provider.emit(this.#hash, receipt)
    } catch {
      // Whoever waits is told when the node answers again.
    }
    if (this.#timer === undefined) return
    this.#timer = this.#provider._setTimeout(() => void this.#poll(), pollingInterval)
  }
}
