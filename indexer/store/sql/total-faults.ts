import { bytesToHex } from '../../../protocol/hex.ts'
import type { PaymentSums } from '../payment-store.ts'
import type { DerivedFault } from '../store.ts'
import { PAYMENT_SUMS } from '../tables.ts'
import type { Columns, SqlSnapshot } from './engine.ts'
import {
  addSums,
  NO_SUMS,
  SUMMED_COLUMNS,
  type SummedVersion,
  sumsByBlock,
  toSummed,
} from './payment-sums.ts'
import { isSame, toSums } from './payment-total-rows.ts'
import { MAX_SUMMED_VERSION } from './payment-totals.ts'

const PAYMENT = 0
const SUMS_AT = 5 + SUMMED_COLUMNS.length
const NUMBER = 'CAST(NULL AS BIGINT)'
/**
 * Of one office in one registry after the other its payments by order and version, the first write of each first, and then its
 * totals. One stream, as sorted by the store.
 */
const PAYMENTS_AND_TOTALS = `
  SELECT p.contract_id, p.office, ${PAYMENT} AS what, p.order_key, p.chain_id, ${SUMMED_COLUMNS.map((column) => `p.${column}`).join(', ')},
    ${PAYMENT_SUMS.map((sum) => (sum === 'net' ? 'CAST(NULL AS TEXT)' : NUMBER)).join(', ')}
  FROM payments p WHERE p.version <= ${MAX_SUMMED_VERSION}
  UNION ALL
  SELECT g.contract_id, g.office, 1, NULL, t.chain_id, t.block_number, ${NUMBER}, ${NUMBER}, ${NUMBER}, ${NUMBER},
    NULL, g.category, g.period, g.currency, ${NUMBER}, ${PAYMENT_SUMS.map((sum) => `t.${sum}`).join(', ')}
  FROM payment_groups g JOIN payment_totals t ON t.group_id = g.group_id
  ORDER BY 1, 2, 3, 4, 9, 6, 7, 8`

/** What totals are to be: of one office in one registry at a time, which are as many as it has rows of totals. */
class Expected {
  readonly owner: string
  readonly #chainId: number
  readonly #office: string
  /** What each block added, by group. */
  readonly #added = new Map<string, Map<number, PaymentSums>>()
  #totals: Map<string, string> | undefined
  #order: { key: string; versions: SummedVersion[] } | undefined

  constructor(c: Columns) {
    this.owner = ownerOf(c)
    this.#chainId = c[4] as number
    this.#office = bytesToHex(c[1] as Uint8Array<ArrayBuffer>)
  }

  addPayment(c: Columns): void {
    const key = bytesToHex(c[3] as Uint8Array<ArrayBuffer>)
    if (this.#order?.key !== key) {
      this.#endOrder()
      this.#order = { key, versions: [] }
    }
    const { versions } = this.#order!
    const version = toSummed(c.slice(5, SUMS_AT))
    if (versions.at(-1)?.version !== version.version) versions.push(version)
  }

  compare(c: Columns): DerivedFault | undefined {
    const group = [c[11], c[12], c[13]].join('\n')
    const name = nameOf(group, c[5] as number)
    const totals = this.#sumUp()
    const stored = textOf(c[4] as number, toSums(c.slice(SUMS_AT)))
    const expected = totals.get(name)
    totals.delete(name)
    return stored === expected ? undefined : this.#fault(name, stored, expected)
  }

  *missing(): Generator<DerivedFault> {
    for (const [name, expected] of this.#sumUp()) yield this.#fault(name, undefined, expected)
  }

  #fault(name: string, stored: string | undefined, expected: string | undefined): DerivedFault {
    const [category, period, currency, block] = name.split('\n')
    const group = [category, period, currency].map((text) => JSON.stringify(text)).join(' ')
    return {
      table: 'payment_totals',
      row: `chain ${this.#chainId}, block ${block}, group ${this.#office} ${group}`,
      ...(stored === undefined ? {} : { stored }),
      ...(expected === undefined ? {} : { expected }),
      reason: 'it is not what its payments add up to',
    }
  }

  #endOrder(): void {
    const { versions = [] } = this.#order ?? {}
    this.#order = undefined
    versions.sort(
      (a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex || a.entryIndex - b.entryIndex,
    )
    for (const [block, groups] of sumsByBlock(versions))
      for (const [group, sums] of groups) {
        let blocks = this.#added.get(group)
        if (blocks === undefined) {
          blocks = new Map()
          this.#added.set(group, blocks)
        }
        const known = blocks.get(block)
        if (known === undefined) blocks.set(block, sums)
        else addSums(known, sums)
      }
  }

  /** Rows by group and block: one for each block that changed the sums. */
  #sumUp(): Map<string, string> {
    if (this.#totals !== undefined) return this.#totals
    this.#endOrder()
    this.#totals = new Map()
    for (const [group, blocks] of this.#added) {
      const sums = { ...NO_SUMS }
      for (const [block, added] of [...blocks].sort(([a], [b]) => a - b)) {
        if (isSame(added, NO_SUMS)) continue
        addSums(sums, added)
        this.#totals.set(nameOf(group, block), textOf(this.#chainId, sums))
      }
    }
    this.#added.clear()
    return this.#totals
  }
}

const ownerOf = (c: Columns): string => `${c[0]} ${bytesToHex(c[1] as Uint8Array<ArrayBuffer>)}`
const nameOf = (group: string, block: number): string => `${group}\n${block}`

const textOf = (chainId: number, sums: PaymentSums): string =>
  `chain ${chainId}: ${Object.entries(sums)
    .filter(([, value]) => value !== 0 && value !== 0n)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}`

/** Totals that are not what payments add up to, and those that are missing. */
export async function* findTotalFaults(snapshot: SqlSnapshot): AsyncGenerator<DerivedFault> {
  let expected: Expected | undefined
  for await (const c of snapshot.iterate(PAYMENTS_AND_TOTALS)) {
    if (expected?.owner !== ownerOf(c)) {
      if (expected !== undefined) yield* expected.missing()
      expected = new Expected(c)
    }
    if (c[2] === PAYMENT) expected.addPayment(c)
    else {
      const fault = expected.compare(c)
      if (fault !== undefined) yield fault
    }
  }
  if (expected !== undefined) yield* expected.missing()
}
