import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { eventually } from './eventually.ts'
import { ScenarioSkipped } from './skipped.ts'

/** A PostgreSQL of the scenario's own, which may be stopped, killed and filled up. */
export interface OwnPostgres {
  /** `postgres://…` of its one database. */
  readonly url: string
  start(): Promise<void>
  /** At once, as far as its clients can see. */
  stop(): Promise<void>
  query(sql: string): Promise<unknown[]>
  /** Ends it and takes its files away. */
  close(): Promise<void>
}

const INSTALLED = '/usr/lib/postgresql'

/** @throws ScenarioSkipped without the server's programs */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const programs = programsOf()
  const owner = ownerOf()
  const directory = mkdtempSync(join(tmpdir(), 'chaos-postgres-'))
  if (owner.uid !== undefined) chownSync(directory, owner.uid, owner.gid!)
  const data = join(directory, 'data')
  const made = spawnSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'],
    { ...owner, cwd: directory, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let server: ChildProcess | undefined
  const killWithParent = () => server?.kill('SIGQUIT')
  process.once('exit', killWithParent)

  const query = (sql: string) => queryOnce(url, sql)
  const own: OwnPostgres = {
    url,
    query,
    async start() {
      server = spawn(
        join(programs, 'postgres'),
        ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory, '-c', 'fsync=off'],
        { ...owner, cwd: directory, stdio: 'ignore' },
      )
      await eventually(
        'the database server answers',
        () =>
          query('SELECT 1').then(
            () => true,
            () => false,
          ),
        20_000,
      )
    },
    async stop() {
      const stopped = server
      if (stopped === undefined) return
      server = undefined
      const gone = new Promise((resolve) => stopped.once('exit', resolve))
      // Immediate shutdown: connections are cut, and the next start recovers.
      stopped.kill('SIGQUIT')
      await gone
    },
    async close() {
      await own.stop()
      process.removeListener('exit', killWithParent)
      rmSync(directory, { recursive: true, force: true })
    },
  }
  try {
    await own.start()
  } catch (error) {
    await own.close()
    throw error
  }
  return own
}

/** On a connection of its own. @returns the rows */
export async function queryOnce(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  // A server that ends while nobody asks is no news here.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function programsOf(): string {
  const versions = existsSync(INSTALLED) ? readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a)) : []
  const found = versions
    .map((version) => join(INSTALLED, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')))
  if (found === undefined) throw new ScenarioSkipped(`no PostgreSQL server is installed in ${INSTALLED}`)
  return found
}

/** The server refuses to run as root; Debian's package has a user for it. */
function ownerOf(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout)
  const [uid, gid] = [id('-u'), id('-g')]
  if (!(uid > 0)) throw new ScenarioSkipped('root cannot run PostgreSQL, and there is no user postgres')
  return { uid, gid }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
