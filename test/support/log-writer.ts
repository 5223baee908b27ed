import type { Hex } from '../../protocol/hex.ts'

/**
 * Creation code of a contract that, whatever it is sent, writes `logCount` logs (topic: 0, 1, 2…; data: the call data)
 * and stores the second word of the call data in the slot named by the first. Needs no compiler.
 */
export function logWriterCode(logCount: number): Hex {
  const byte = (value: number) => value.toString(16).padStart(2, '0')
  const copyCallDataToMemory = '365f5f37'
  const logs = Array.from({ length: logCount }, (_, i) => `60${byte(i)}365f${'a1'}`).join('')
  const storeSecondWordAtFirst = '6020355f3555'
  const runtime = `${copyCallDataToMemory}${logs}${storeSecondWordAtFirst}00`
  const returnRuntime = `60${byte(runtime.length / 2)}8060095f395ff3`
  return `0x${returnRuntime}${runtime}`
}

/** Call data for it. */
export const storeWord = (slot: number, value: number): Hex =>
  `0x${slot.toString(16).padStart(64, '0')}${value.toString(16).padStart(64, '0')}`
