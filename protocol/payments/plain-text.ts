import { utf8ToBytes } from '../hex.ts'

// Control and format characters (zero width, direction), line and paragraph separators, fillers, the empty Braille pattern: two texts
// that differ only in them look the same on paper.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u

/** Whether somebody who reads the text does not see all of it, or not in its order. */
export const hasUnseen = (text: string): boolean => UNSEEN.test(text)

export const UNSEEN_FAULT = 'has a control, format or line separator character, or another that is not seen'

/**
 * What is wrong with a text that people shall read and type, if anything; never quotes it.
 * @param maxBytes of UTF-8
 */
export function faultOfText(value: unknown, maxBytes: number): string | undefined {
  if (typeof value !== 'string') return 'is not a text'
  if (value === '') return 'is empty'
  // Each UTF-16 unit is at least one byte of UTF-8: no work is done for a text that is far too long.
  if (value.length > maxBytes) return `has more than ${maxBytes} bytes of UTF-8`
  if (!value.isWellFormed()) return 'has an unpaired surrogate'
  if (value.trim() !== value) return 'starts or ends with a blank'
  if (hasUnseen(value)) return UNSEEN_FAULT
  if (value.normalize('NFC') !== value) return 'is not in Unicode normal form C'
  if (utf8ToBytes(value).length > maxBytes) return `has more than ${maxBytes} bytes of UTF-8`
  return undefined
}
