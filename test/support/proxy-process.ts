import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { listeningUrl } from './listening-url.ts'
import { programEnvironment } from './program-environment.ts'

export interface ProxyProcess {
  url: string
  /** What it wrote so far, logs and errors. */
  output: () => string
  /** Abrupt end, as in a crash. */
  kill(): Promise<void>
  /** Orderly end; resolves to the exit code. */
  stop(): Promise<number | null>
}

/** Runs a proxy as a process of its own; resolves once it listens. Rejects with its output when it ends before. */
export async function spawnProxy(environment: Record<string, string>): Promise<ProxyProcess> {
  const main = new URL('../../services/proxy/main.ts', import.meta.url).pathname
  const child: ChildProcess = spawn(process.execPath, [main], {
    env: { ...programEnvironment(), ...environment, LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const gone = once(child, 'exit')
  let output = ''
  const url = await listeningUrl(child, (text) => {
    output += text
  })
  return {
    url,
    output: () => output,
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
    async stop() {
      child.kill('SIGTERM')
      const [code] = await gone
      return code as number | null
    },
  }
}
