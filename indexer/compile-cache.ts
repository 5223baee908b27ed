import { lstatSync, mkdirSync } from 'node:fs'
import module from 'node:module'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/**
 * Lets Node keep what it made of the modules, types stripped and code compiled, for the next start: it is about half of
 * a start's time. Never fails: without a folder that is ours alone to write, every start compiles.
 */
export function enableCompileCache(): void {
  try {
    const folder = cacheFolder()
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    // Whoever may write there decides what this process runs.
    const { uid, mode } = lstatSync(folder)
    if (process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o022) !== 0)) return
    module.enableCompileCache(folder)
  } catch {
    return
  }
}

/** To be called once all is loaded: a process that is killed writes nothing at its end. */
export const flushCompileCache = (): void => module.flushCompileCache()

/** One for all databases of a user: what is compiled is the same. `TMPDIR` moves it. */
export const cacheFolder = (): string => join(tmpdir(), `countersign-indexer-${userInfo().uid}`)
