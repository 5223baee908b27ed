import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jsonRpc } from './json-rpc.ts'

export interface AnvilOptions {
  /** Default 31337. */
  chainId?: number
  /** Default: a free port that the operating system picks. Give the old one to restart a chain in its place. */
  port?: number
  /** Number of funded accounts of the well-known test mnemonic. Default 10. */
  accounts?: number
  /** Mine a block each so many seconds instead of one per transaction. */
  blockTimeSeconds?: number
  /** False: blocks come only from `evm_mine` (or from `evm_setAutomine`). Default true. */
  automine?: boolean
  /** State is loaded from this file if it exists and written to it by `stop()`. */
  stateFile?: string
  hardfork?: string
  /** Further command-line flags, as is. */
  flags?: readonly string[]
  /** Default 20,000: anvil takes well under a second on an idle machine. */
  startTimeoutMs?: number
}

export interface AnvilChain {
  /** `http://127.0.0.1:port`; WebSocket connections are answered on the same port. */
  readonly url: string
  readonly port: number
  readonly chainId: number
  readonly pid: number
  /** Sends one JSON-RPC request and returns its `result`; throws `JsonRpcError` on an error answer. */
  request<T = unknown>(method: string, params?: readonly unknown[]): Promise<T>
  /** Orderly end (SIGTERM), in which the state file is written; resolves once the process is gone. */
  stop(): Promise<void>
  /** Abrupt end (SIGKILL), as in a crash; resolves once the process is gone. */
  kill(): Promise<void>
}

/** A port that was given up is anybody's until it is taken again: somebody's outgoing connection may have it for a moment. */
const PORT_TRIES = 20
const PORT_PAUSE_MS = 250

/** Starts a real chain process and resolves once it answers requests. It is ended when this process exits. */
export async function startAnvil(options: AnvilOptions = {}): Promise<AnvilChain> {
  for (let tries = options.port === undefined ? 1 : PORT_TRIES; ; tries--)
    try {
      return await startOnce(options)
    } catch (error) {
      if (tries <= 1 || !/in use/i.test(String(error))) throw error
      await sleep(PORT_PAUSE_MS)
    }
}

async function startOnce(options: AnvilOptions): Promise<AnvilChain> {
  const chainId = options.chainId ?? 31337
  const child = spawn(anvilPath(), commandLine(chainId, options), { stdio: ['ignore', 'pipe', 'pipe'] })
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const killWithParent = () => child.kill('SIGKILL')
  process.once('exit', killWithParent)
  gone.then(() => process.removeListener('exit', killWithParent))

  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await gone
  }
  try {
    const port = await listeningPort(child, gone, options.startTimeoutMs ?? 20_000)
    const url = `http://127.0.0.1:${port}`
    const request = <T>(method: string, params: readonly unknown[] = []) => jsonRpc<T>(url, method, params)
    const answeredChainId = Number(await request<string>('eth_chainId'))
    if (answeredChainId !== chainId)
      throw new Error(`anvil on ${url} has chain id ${answeredChainId}, not ${chainId}`)
    return {
      url,
      port,
      chainId,
      pid: child.pid!,
      request,
      stop: () => end('SIGTERM'),
      kill: () => end('SIGKILL'),
    }
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
}

function commandLine(chainId: number, options: AnvilOptions): string[] {
  const line = ['--host', '127.0.0.1', '--port', String(options.port ?? 0), '--chain-id', String(chainId)]
  if (options.accounts !== undefined) line.push('--accounts', String(options.accounts))
  if (options.blockTimeSeconds !== undefined) line.push('--block-time', String(options.blockTimeSeconds))
  if (options.automine === false) line.push('--no-mining')
  if (options.stateFile !== undefined) line.push('--state', options.stateFile)
  if (options.hardfork !== undefined) line.push('--hardfork', options.hardfork)
  return [...line, ...(options.flags ?? [])]
}

/**
 * The binary itself: the package's own launcher is a process between us and the chain, which a signal would end
 * in the chain's place.
 */
function anvilPath(): string {
  const require = createRequire(import.meta.url)
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  const manifest = require.resolve(`@foundry-rs/anvil-${process.platform}-${arch}/package.json`)
  return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil')
}

/** Reads the port from the line `Listening on 127.0.0.1:40987`, then keeps both pipes drained. */
function listeningPort(child: ChildProcess, gone: Promise<void>, timeoutMs: number): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    let output = ''
    let errors = ''
    const fail = (what: string) => reject(new Error(`anvil ${what}: ${errors || output.slice(-500)}`))
    const timer = setTimeout(() => fail(`did not listen within ${timeoutMs} ms`), timeoutMs)
    child.once('error', (error) => reject(new Error('anvil could not be started', { cause: error })))
    gone.then(() => fail('ended before it listened'))
    child.stderr!.on('data', (chunk) => {
      errors = (errors + chunk).slice(-2_000)
    })
    child.stdout!.on('data', function read(chunk) {
      output += chunk
      const port = /Listening on [^\s]*:(\d+)/.exec(output)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      child.stdout!.off('data', read).resume()
      resolve(Number(port))
    })
    gone.then(() => clearTimeout(timer))
  })
}
