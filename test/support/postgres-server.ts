import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

export interface PostgresServer {
  /** Of the database `postgres`, as its superuser. */
  readonly url: string
  readonly port: number
  start(): Promise<void>
  /** Orderly: connections are ended. */
  stop(): Promise<void>
  /** As in a crash: nothing is written any more, the log is replayed at the next start. */
  kill(): Promise<void>
  /** A hot standby that streams from this one. */
  startReplica(): Promise<PostgresServer>
  /** Ends it and removes its files. */
  drop(): Promise<void>
}

const DEBIAN = '/usr/lib/postgresql'
const START_MS = 15_000
const FIRST_PORT = 20_000
const LAST_PORT = 32_000
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }

/** The folder of the server's programs, where they are installed. */
export function findPostgresPrograms(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  return folders.find((folder) =>
    ['initdb', 'postgres', 'pg_basebackup'].every((program) => existsSync(join(folder, program))),
  )
}

/** Why no server can be started here; undefined when one can. */
export function postgresMissing(): string | undefined {
  if (findPostgresPrograms() === undefined) return 'PostgreSQL is not installed (Debian: postgresql)'
  return process.getuid?.() === 0 && userPostgres() === undefined
    ? 'PostgreSQL does not run as root, and there is no user postgres'
    : undefined
}

/** A server of its own, in a temporary folder. It is ended with this process. */
export async function startPostgresServer(): Promise<PostgresServer> {
  const folder = newFolder()
  await run('initdb', [...`-D ${folder} -U postgres -E UTF8 --locale=C --auth=trust --no-sync`.split(' ')])
  const server = await createInstance(folder)
  await server.start()
  return server
}

async function createInstance(folder: string): Promise<PostgresServer> {
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined
  const killWithParent = () => {
    // Nothing can be awaited any more, and the folder can only be removed once it has ended.
    if (child !== undefined) stopNow(folder)
    rmSync(folder, REMOVE)
  }
  process.once('exit', killWithParent)

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined) return
    child.ref()
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
    child = undefined
  }

  const server: PostgresServer = {
    url,
    port,
    async start() {
      // Nothing is lost without fsync as long as the machine itself does not go down.
      const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off']
      child = spawn(
        join(findPostgresPrograms()!, 'postgres'),
        ['-D', folder, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
        { ...asUser(), stdio: 'ignore' },
      )
      // Tests that forget it end nevertheless.
      child.unref()
      await answers(url, child)
    },
    stop: () => end('SIGINT'),
    kill: () => end('SIGQUIT'),
    async startReplica() {
      const copy = newFolder()
      rmSync(copy, { recursive: true })
      await run('pg_basebackup', ['-D', copy, '-R', '-c', 'fast', '--no-sync', '-d', url])
      const replica = await createInstance(copy)
      await replica.start()
      return replica
    },
    async drop() {
      await end('SIGQUIT')
      process.removeListener('exit', killWithParent)
      rmSync(folder, REMOVE)
    },
  }
  return server
}

function stopNow(folder: string): void {
  const line = ['stop', '-D', folder, '-m', 'immediate', '-w', '-t', '5']
  spawnSync(join(findPostgresPrograms()!, 'pg_ctl'), line, { ...asUser(), cwd: tmpdir(), stdio: 'ignore' })
}

/** One statement, on a connection of its own. */
export async function queryOnce(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + START_MS; ; await sleep(30)) {
    try {
      await queryOnce(url, 'SELECT 1')
      return
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`PostgreSQL did not start at ${url}`, { cause: error })
    }
  }
}

function userPostgres(): { uid: number; gid: number } | undefined {
  const idOf = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }))
  try {
    return { uid: idOf('-u'), gid: idOf('-g') }
  } catch {
    return undefined
  }
}

/** The server refuses to run as root. */
const asUser = (): { uid?: number; gid?: number } => (process.getuid?.() === 0 ? userPostgres()! : {})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'))
  const { uid, gid } = asUser()
  if (uid !== undefined) chownSync(folder, uid, gid!)
  return folder
}

async function run(program: string, line: readonly string[]): Promise<void> {
  const child = spawn(join(findPostgresPrograms()!, program), line, {
    ...asUser(),
    cwd: tmpdir(),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr!.on('data', (chunk) => {
    errors = (errors + chunk).slice(-2_000)
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${errors}`)
}

/**
 * Below those that the system gives out by itself: a server that is started again, or a moment later, finds its port as
 * it left it.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT)
    const probe = createServer().listen(port, '127.0.0.1')
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}
