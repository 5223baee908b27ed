import { countedOf, type ReadHistory, type ReadVersion } from './read-history.ts'
import { type ChainAnswer, standingOf, stepsOfVersion, type VersionStanding } from './version-steps.ts'

/** How the versions of an order stand with the chain, one by one and together. */
export interface HistoryStanding {
  of(version: ReadVersion): VersionStanding
  /** One that counts is contradicted: what the order comes to cannot be told. */
  isContradicted: boolean
  /** Every one that counts was held against the chain, and the chain has it. */
  isConfirmed: boolean
  /** What the order comes to; null also where it is contradicted. */
  net: ReadHistory['net']
}

/** @param answers of the chain, by entry digest */
export function standHistory(
  history: ReadHistory,
  answers: ReadonlyMap<string, ChainAnswer>,
): HistoryStanding {
  const standings = new Map(
    history.versions.map((version) => {
      const chain = answers.get(version.answer.entryDigest)
      return [version, standingOf(version, chain, stepsOfVersion(version, history.answer, chain))]
    }),
  )
  // The registry takes nothing twice: what is shown as such is no less wrong for not counting.
  const isContradicted = history.versions.some(
    (version) =>
      standings.get(version) === 'failed' && (!version.answer.repeated || version.answer.tier === 'recorded'),
  )
  const counted = countedOf(history).map((version) => standings.get(version)!)
  return {
    of: (version) => standings.get(version)!,
    isContradicted,
    isConfirmed: counted.every((standing) => standing !== 'unchecked' && standing !== 'sealed'),
    net: isContradicted ? null : history.net,
  }
}
