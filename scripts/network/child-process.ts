import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { CountersignError } from '../../protocol/errors.ts'

export interface ProcessDeclaration {
  /** Shown to people, and the log file's name. */
  name: string
  /** The module to run, from the project's root, and its arguments. */
  command: string[]
  env?: Record<string, string>
  logFile: string
  /** Answers with a 2xx status once the process can serve. */
  readyUrl?: string
}

const PROJECT_ROOT = new URL('../..', import.meta.url)
const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000
const POLL_MS = 50

/** A child process of the local network: started, waited for, stopped in order, or killed. */
export class PartyProcess {
  readonly declaration: ProcessDeclaration
  #child: ChildProcess | undefined
  #isAskedToEnd = false

  constructor(declaration: ProcessDeclaration) {
    this.declaration = declaration
  }

  get name(): string {
    return this.declaration.name
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts it and waits until it can serve. @param change of its environment, this time @throws PROCESS_FAILED with the end of its log */
  async start(change: Record<string, string> = {}): Promise<void> {
    const { command, env, logFile } = this.declaration
    const log = openSync(logFile, 'a')
    this.#child = spawn(process.execPath, command, {
      cwd: PROJECT_ROOT,
      env: { ...process.env, ...env, ...change },
      stdio: ['ignore', log, log],
      // Ctrl-C reaches a terminal's whole group; the parties are ended in order instead.
      detached: true,
    })
    closeSync(log)
    this.#isAskedToEnd = false
    await this.#waitUntilReady()
  }

  /** Calls back when the process ends without having been asked to. */
  onExit(callback: () => void): void {
    this.#child?.once('exit', () => {
      if (!this.#isAskedToEnd) callback()
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Ends it in an orderly way; after ten seconds, by force. */
  async stop(): Promise<void> {
    if (!this.isRunning) return
    const force = setTimeout(() => this.signal('SIGKILL'), STOP_TIMEOUT_MS)
    await this.#end('SIGTERM')
    clearTimeout(force)
  }

  /** kill -9, and nothing tidied up. */
  async kill(): Promise<void> {
    if (this.isRunning) await this.#end('SIGKILL')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child!
    this.#isAskedToEnd = true
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    // A paused process takes its signal only once it goes on.
    child.kill('SIGCONT')
    await exited
  }

  async #waitUntilReady(): Promise<void> {
    const { readyUrl, name } = this.declaration
    const deadline = Date.now() + READY_TIMEOUT_MS
    while (Date.now() < deadline) {
      if (!this.isRunning) throw this.#failure(`${name} ended before it was ready`)
      if (readyUrl === undefined || (await answers(readyUrl))) return
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    throw this.#failure(`${name} was not ready within ${READY_TIMEOUT_MS / 1000} s`)
  }

  #failure(message: string): CountersignError {
    const end = readFileSync(this.declaration.logFile, 'utf8').slice(-2000)
    return new CountersignError('PROCESS_FAILED', `${message}; the end of its log:\n${end}`)
  }
}

/** A JSON-RPC endpoint answers a GET with 4xx: it listens, which is what is asked of it. */
async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.arrayBuffer()
    return response.ok || (url.endsWith('/') && response.status < 500)
  } catch {
    return false
  }
}
