import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MAIN = new URL('../../indexer/main.ts', import.meta.url).pathname
/** A start costs half as much with what the last one compiled. */
const COMPILE_CACHE = join(tmpdir(), 'countersign-chaos-compile-cache')
const MAX_OUTPUT = 64 * 1024
const START_TIMEOUT_MS = 30_000

export interface IndexerProcess {
  readonly pid: number
  /** Resolves to where it listens; rejects with its output when it ends before. */
  readonly listening: Promise<string>
  /** Once it listens. */
  url(): string | undefined
  /** Resolves to the exit code; null after a signal. */
  readonly gone: Promise<number | null>
  isGone(): boolean
  /** The end of what it wrote. */
  output(): string
  /** Abrupt end, as in a crash. */
  kill(): Promise<void>
  /** Orderly end. */
  stop(): Promise<number | null>
}

export interface IndexerProcessOptions {
  /** Of the command line, after `main.ts`. */
  args?: readonly string[]
  /** Of node itself. */
  nodeArgs?: readonly string[]
  /** Run by this command instead of directly: its name and first arguments. */
  wrapper?: readonly string[]
}

/** Every indexer that runs; ended when this process exits. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts the indexer as users do: its own process, configured by the environment. */
export function spawnIndexer(
  environment: Readonly<Record<string, string>>,
  { args = [], nodeArgs = [], wrapper = [] }: IndexerProcessOptions = {},
): IndexerProcess {
  const [command, ...line] = [...wrapper, process.execPath, ...nodeArgs, MAIN, ...args]
  const child = spawn(command!, line, {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      NODE_OPTIONS: '',
      INDEXER_PORT: '0',
      LOG_LEVEL: 'info',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let output = ''
  let url: string | undefined
  let isGone = false
  const gone = once(child, 'close').then(([code]) => {
    isGone = true
    running.delete(child)
    return code as number | null
  })
  const listening = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`does not listen within ${START_TIMEOUT_MS} ms: ${output}`)),
      START_TIMEOUT_MS,
    )
    const read = (chunk: Buffer) => {
      output = (output + chunk).slice(-MAX_OUTPUT)
      if (url !== undefined) return
      url = /"url":"(http:[^"]+)"/.exec(output)?.[1]
      if (url !== undefined) resolve(url)
    }
    child.stdout!.on('data', read)
    child.stderr!.on('data', read)
    gone.then(() => {
      clearTimeout(timer)
      reject(new Error(`the indexer ended before it listened: ${output}`))
    })
    timer.unref()
  })
  // Who kills it early does not wait for it to listen.
  listening.catch(() => {})
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    return gone
  }
  return {
    pid: child.pid!,
    listening,
    url: () => url,
    gone,
    isGone: () => isGone,
    output: () => output,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  }
}
