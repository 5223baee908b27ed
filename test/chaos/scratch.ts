import { accessSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'

const IN_MEMORY = '/dev/shm'

/** Where databases of a run go: in memory where there is such a place. What kill -9 leaves behind is the same there. */
export function scratchDirectory(): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK)
    return IN_MEMORY
  } catch {
    return tmpdir()
  }
}
