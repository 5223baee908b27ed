import { closeSync, fchmodSync, fstatSync, lstatSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { CountersignError } from '../../protocol/errors.ts'

/** Read and written by its owner alone. */
const PRIVATE = 0o600

/**
 * Writes what nobody else may read. A file that is there already is replaced: its mode, and whoever has it open, would stay.
 * @throws FILE_UNREADABLE
 */
export function writePrivateFile(file: string, content: string | Uint8Array): void {
  try {
    // Nothing else is taken away: a link may be that of standard output.
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile()) rmSync(file)
    const descriptor = openSync(file, 'w', PRIVATE)
    try {
      if (fstatSync(descriptor).isFile()) fchmodSync(descriptor, PRIVATE)
      writeFileSync(descriptor, content)
    } finally {
      closeSync(descriptor)
    }
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${file} cannot be written`, { cause })
  }
}
