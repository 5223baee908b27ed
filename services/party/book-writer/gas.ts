import type { CallEntry, RegistryCalls } from './registry-calls.ts'

/** EIP-7825: no transaction may use more, whatever the block allows. */
const MAX_TRANSACTION_GAS = 2 ** 24
/** The pools of nodes take no transaction above 128 KiB; the rest is for what stands around the call data. */
const MAX_CALL_DATA_BYTES = 127 * 1024
/** A transfer of nothing, which only uses a nonce up. */
export const FILLER_GAS = 21_000
const RAISE = 1.5
const MAX_FACTOR = 18

/**
 * What a recording may cost, by formula: an `eth_estimateGas` for every batch would run each of them twice. On a chain with other prices
 * a transaction runs out of gas once, and the estimate is raised for all that follow.
 */
export class GasEstimate {
  readonly #calls: RegistryCalls
  #factor = 1

  constructor(calls: RegistryCalls) {
    this.#calls = calls
  }

  limitFor(entries: readonly CallEntry[]): number {
    return entries.reduce((gas, entry) => gas + this.#gasOf(entry), this.#gasOfCall)
  }

  /** How many of `entries`, from the first on, fit into one transaction; at least one. */
  fitting(entries: readonly CallEntry[], blockGasLimit: number): number {
    let gas = Math.min(MAX_TRANSACTION_GAS, blockGasLimit) - this.#gasOfCall
    let bytes = MAX_CALL_DATA_BYTES
    const tooMany = entries.findIndex((entry) => {
      gas -= this.#gasOf(entry)
      bytes -= this.#calls.bytesOf(entry)
      return gas < 0 || bytes < 0
    })
    return tooMany === -1 ? entries.length : Math.max(1, tooMany)
  }

  /** Returns whether that was possible: an estimate at its highest is not what makes transactions fail. */
  raise(): boolean {
    const isRaised = this.#factor < MAX_FACTOR
    this.#factor = Math.min(MAX_FACTOR, this.#factor * RAISE)
    return isRaised
  }

  get #gasOfCall(): number {
    return Math.ceil(this.#factor * this.#calls.gasOfCall)
  }

  #gasOf(entry: CallEntry): number {
    return Math.ceil(this.#factor * this.#calls.gasOf(entry))
  }
}

export const isOutOfGas = (gasUsed: number, gasLimit: number): boolean => gasUsed >= gasLimit * 0.98
