import { readFileSync } from 'node:fs'

/** Ticks a second of `/proc` on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** CPU time of a process so far, user and system, in seconds. Linux; elsewhere not a number. */
export function cpuSecondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; what follows it does not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return Number.NaN
  }
}
