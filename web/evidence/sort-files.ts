export type Slot = 'file' | 'credential'

/** Undefined in its place when there are more of a kind than one. */
export type Sorted<File> = Partial<Record<Slot, File>> | undefined

/** As browsers call a second download of the same: `a.credential (1).json`. */
const CREDENTIAL_NAME = /\.credential( ?\(\d+\))?\.json$/i

/** Which of the files is what: a credential by its name, anything else what the place is for where it was dropped or chosen. */
export function sortFiles<File extends { name: string }>(files: readonly File[], place: Slot): Sorted<File> {
  const sorted: Partial<Record<Slot, File>> = {}
  const named = files.filter(({ name }) => CREDENTIAL_NAME.test(name))
  for (const file of files) {
    // Beside a credential that is one by its name, what is none is the file.
    const slot = named.includes(file) ? 'credential' : named.length > 0 ? 'file' : place
    if (sorted[slot] !== undefined) return undefined
    sorted[slot] = file
  }
  return sorted
}
