import { GasEstimate } from './gas.ts'
import type { RegistryCalls } from './registry-calls.ts'

/** The group of entries that name none. */
export const DEFAULT_GROUP = ''

/** Entries that share transactions: how those are made, and what they cost. */
export interface CallGroup {
  name: string
  calls: RegistryCalls
  gas: GasEstimate
}

/** The groups of one author's entries. All draw on one sequence of nonces. */
export class CallGroups {
  readonly all: readonly CallGroup[]
  readonly #byName: ReadonlyMap<string, CallGroup>

  constructor(calls: RegistryCalls, more: Readonly<Record<string, RegistryCalls>>) {
    this.all = Object.entries({ [DEFAULT_GROUP]: calls, ...more }).map(([name, calls]) => ({
      name,
      calls,
      gas: new GasEstimate(calls),
    }))
    this.#byName = new Map(this.all.map((group) => [group.name, group]))
  }

  /** @throws Error for a group that this author was not set up with */
  get(name: string): CallGroup {
    const group = this.#byName.get(name)
    if (group === undefined) throw new Error(`nobody says how entries of the group ${name} get on chain`)
    return group
  }

  /** The group of the entries of one transaction; of none, which is a filler, the default. */
  of(entries: readonly { group: string }[]): CallGroup {
    return this.get(entries[0]?.group ?? DEFAULT_GROUP)
  }
}
