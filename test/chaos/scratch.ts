import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const IN_MEMORY = '/dev/shm'
let own: string | undefined
let isKept = false

/**
 * Where the databases of this process go, in memory where there is such a place: what kill -9 leaves behind is the same
 * there. It goes with the process, however that is ended.
 */
export function scratchDirectory(): string {
  if (own !== undefined) return own
  own = mkdtempSync(join(placeOf(), 'countersign-chaos-'))
  process.once('exit', () => {
    if (!isKept) rmSync(own!, { recursive: true, force: true })
  })
  return own
}

/** What was not taken away before the end stays. */
export function keepScratch(): void {
  isKept = true
}

function placeOf(): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK)
    return IN_MEMORY
  } catch {
    return tmpdir()
  }
}
