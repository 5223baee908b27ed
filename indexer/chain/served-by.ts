import type { Position } from '../store/store.ts'

interface Stretch {
  from: number
  to: number
  endpoint: string
}

const MAX_STRETCHES = 4_096

/** Which endpoint the logs of which blocks came from, since the start: whoever left some out is named by it. */
export class ServedBy {
  readonly #stretches: Stretch[] = []

  note(from: number, to: number, endpoint: string): void {
    const last = this.#stretches.at(-1)
    if (last?.endpoint === endpoint && last.to + 1 === from) {
      last.to = to
      return
    }
    this.#stretches.push({ from, to, endpoint })
    if (this.#stretches.length > MAX_STRETCHES) this.#stretches.shift()
  }

  /** Undefined when that was before the start, or too long ago. What came last counts: a branch may have replaced another. */
  find(block: number): string | undefined {
    return this.#stretches.findLast(({ from, to }) => from <= block && block <= to)?.endpoint
  }

  /** Of all of these blocks, as far as it is known. */
  endpointsOf(from: number, to: number): Set<string> {
    return new Set(
      this.#stretches
        .filter((stretch) => stretch.from <= to && stretch.to >= from)
        .map(({ endpoint }) => endpoint),
    )
  }

  /** The positions by who should have had them. */
  sortOut(positions: readonly Position[]): Map<string, Omission> {
    const omissions = new Map<string, Omission>()
    for (const { blockNumber } of positions) {
      const endpoint = this.find(blockNumber)
      if (endpoint === undefined) continue
      const known = omissions.get(endpoint)
      omissions.set(endpoint, {
        fromBlock: Math.min(known?.fromBlock ?? blockNumber, blockNumber),
        toBlock: Math.max(known?.toBlock ?? blockNumber, blockNumber),
        logs: (known?.logs ?? 0) + 1,
      })
    }
    return omissions
  }
}

/** Logs that an endpoint left out or altered, as a repair found. */
export interface Omission {
  fromBlock: number
  toBlock: number
  logs: number
}
