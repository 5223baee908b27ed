/** EIP-7825: no transaction may use more, whatever the block allows. */
const MAX_TRANSACTION_GAS = 2 ** 24
/** 21,000 a transaction, up to 22,100 for the first head of an author, and the call around it. */
const GAS_PER_TRANSACTION = 50_000
/** Measured 25,650 in a batch of 100; the rest is margin. What is not used is not paid. */
const GAS_PER_ENTRY = 27_500
/** A transfer of nothing, which only uses a nonce up. */
export const FILLER_GAS = 21_000
const RAISE = 1.5
const MAX_GAS_PER_ENTRY = 500_000

/**
 * What a recording may cost, by formula: an `eth_estimateGas` for every batch would run each of them twice. On a chain with other prices
 * a transaction runs out of gas once, and the estimate is raised for all that follow.
 */
export class GasEstimate {
  #perEntry = GAS_PER_ENTRY

  limitFor(entryCount: number): number {
    return GAS_PER_TRANSACTION + this.#perEntry * entryCount
  }

  /** How many entries fit into one transaction. */
  maxEntries(blockGasLimit: number): number {
    const gas = Math.min(MAX_TRANSACTION_GAS, blockGasLimit)
    return Math.max(1, Math.floor((gas - GAS_PER_TRANSACTION) / this.#perEntry))
  }

  raise(): void {
    this.#perEntry = Math.min(MAX_GAS_PER_ENTRY, Math.ceil(this.#perEntry * RAISE))
  }
}

export const isOutOfGas = (gasUsed: number, gasLimit: number): boolean => gasUsed >= gasLimit * 0.98
