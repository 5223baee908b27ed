import { readFileSync } from 'node:fs'

/**
 * Preloaded into a process (`node --import`), it lets its wall clock jump: on SIGUSR2 by as many milliseconds as the
 * file says that CHAOS_CLOCK_FILE names. Timers go on as they do when an operating system's clock is set.
 */
let shiftMs = 0
const SystemDate = Date
class ShiftedDate extends SystemDate {
  constructor(...args: [] | [number | string | Date]) {
    super(...((args.length === 0 ? [ShiftedDate.now()] : args) as [number]))
  }
  static override now(): number {
    return SystemDate.now() + shiftMs
  }
}
globalThis.Date = ShiftedDate as DateConstructor
process.on('SIGUSR2', () => {
  shiftMs = Number(readFileSync(process.env.CHAOS_CLOCK_FILE!, 'utf8'))
})
