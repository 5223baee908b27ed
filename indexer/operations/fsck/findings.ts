/** What was found wrong with a store. All are counted, the first ones are listed. */
export interface Finding {
  /**
   * - `missing`: the chain has it, the store does not
   * - `surplus`: the store has it, the chain does not
   * - `different`: both have it, and they differ
   * - `inconsistent`: the store contradicts itself
   */
  kind: 'missing' | 'surplus' | 'different' | 'inconsistent'
  table: string
  /** Which row, for people. */
  row: string
  /** As the store has it, and as it should be; lines of a dump. */
  stored?: string
  expected?: string
  /** What is wrong, where that is not plain from the rows. */
  reason?: string
}

export class Findings {
  readonly listed: Finding[] = []
  count = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  add(finding: Finding): void {
    this.count++
    if (this.listed.length < this.#limit) this.listed.push(finding)
  }
}
