import { lstatSync, mkdirSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Lets Node keep what it made of the modules, types stripped and code compiled, for the next start: it is about half of
 * a start's time. Never fails: without a folder that is ours alone to write, every start compiles.
 */
export function enableCompileCache(env: Environment, argv: readonly string[]): void {
  try {
    const folder = cacheFolder(env, argv)
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

/** Next to a file database; with a server's, in the folder for temporary files. Read before any configuration is checked. */
export function cacheFolder(env: Environment, argv: readonly string[]): string {
  const database = env.INDEXER_DATABASE || databaseOfFile(env, argv) || '.countersign/indexer.db'
  const isFile = !/^postgres(ql)?:/.test(database) && database !== ':memory:'
  return isFile
    ? join(dirname(database), 'compile-cache')
    : join(tmpdir(), `countersign-indexer-${userInfo().uid}`)
}

function databaseOfFile(env: Environment, argv: readonly string[]): string | undefined {
  const at = argv.indexOf('--config')
  const file = at >= 0 ? argv[at + 1] : env.INDEXER_CONFIG
  if (!file) return undefined
  try {
    const { database } = JSON.parse(readFileSync(file, 'utf8'))
    return typeof database === 'string' ? database : undefined
  } catch {
    // What is wrong with the file is said when it is read for its settings.
    return undefined
  }
}
