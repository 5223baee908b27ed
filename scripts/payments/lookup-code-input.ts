import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CountersignError } from '../../protocol/errors.ts'
import { type LookupCode, readLookupCode } from '../../protocol/payments/lookup-code.ts'

export interface CodeOptions {
  codeFile?: string
  codeStdin?: boolean
}

const STDIN = 0

/** A code on the command line would be seen by everybody on the machine, and stay in the shell's history. */
export const withCodeOptions = (command: Command): Command =>
  command
    .option('--code-file <file>', 'read the lookup code of the slip from a file')
    .option('--code-stdin', 'read it from standard input')

/** Undefined when none is given. @throws FILE_UNREADABLE, LOOKUP_CODE_MISTYPED */
export function readCode({ codeFile, codeStdin }: CodeOptions): LookupCode | undefined {
  if (codeFile === undefined && codeStdin !== true) return undefined
  let text: string
  try {
    text = readFileSync(codeStdin === true ? STDIN : codeFile!, 'utf8')
  } catch (cause) {
    const name = codeStdin === true ? 'standard input' : codeFile
    throw new CountersignError('FILE_UNREADABLE', `${name} cannot be read`, { cause })
  }
  return readLookupCode(text.trim())
}
