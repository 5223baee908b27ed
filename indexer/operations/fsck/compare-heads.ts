import type { Findings } from './findings.ts'

/**
 * Holds heads against each other, by contract and author.
 * @returns how many there should be
 */
export function compareHeads(
  stored: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  chainId: number,
  findings: Findings,
): number {
  const row = (name: string) => `chain ${chainId}, contract and author ${name}`
  for (const [name, head] of expected) {
    const own = stored.get(name)
    if (own === head) continue
    if (own === undefined) findings.add({ kind: 'missing', table: 'heads', row: row(name), expected: head })
    else findings.add({ kind: 'different', table: 'heads', row: row(name), stored: own, expected: head })
  }
  for (const [name, head] of stored)
    if (!expected.has(name)) findings.add({ kind: 'surplus', table: 'heads', row: row(name), stored: head })
  return expected.size
}
