import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'

const run = promisify(execFile)
const INSTALLED = '/usr/lib/postgresql'

/** A primary and a streaming replica of it, processes of their own. */
export interface ReplicatedPostgres {
  primaryUrl: string
  replicaUrl: string
  /** The replica takes in nothing any more until it is resumed. */
  pauseReplay(): Promise<void>
  resumeReplay(): Promise<void>
  close(): Promise<void>
}

/** Why there can be none here; undefined when there can. */
export function whyNoPostgres(): string | undefined {
  if (binaries() === undefined) return `no PostgreSQL server is installed in ${INSTALLED}`
  return undefined
}

export async function startReplicatedPostgres(): Promise<ReplicatedPostgres> {
  const bin = binaries()!
  const folder = mkdtempSync(join(tmpdir(), 'indexer-replica-'))
  const owner = await ownerOf()
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid!)
  const command = (program: string, ...args: string[]) =>
    run(join(bin, program), args, { ...owner, cwd: folder })
  const servers: ChildProcess[] = []
  const close = async () => {
    for (const server of servers.reverse()) {
      if (server.exitCode !== null) continue
      const gone = new Promise((resolve) => server.once('exit', resolve))
      // At once: what was not written does not matter any more.
      server.kill('SIGQUIT')
      await gone
    }
    rmSync(folder, { recursive: true, force: true })
  }
  const start = async (data: string): Promise<string> => {
    const port = await freePort()
    const server = spawn(
      join(bin, 'postgres'),
      [
        '-D',
        data,
        '-p',
        String(port),
        '-h',
        '127.0.0.1',
        '-k',
        folder,
        '-c',
        'fsync=off',
        '-c',
        'wal_level=replica',
      ],
      { ...owner, cwd: folder, stdio: 'ignore' },
    )
    servers.push(server)
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`
    for (let attempt = 0; ; attempt++) {
      try {
        await query(url, 'SELECT 1')
        return url
      } catch (error) {
        if (attempt === 200 || server.exitCode !== null) throw error
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }
  try {
    const [primary, replica] = [join(folder, 'primary'), join(folder, 'replica')]
    await command(
      'initdb',
      '-D',
      primary,
      '-U',
      'postgres',
      '--auth=trust',
      '--no-sync',
      '-E',
      'UTF8',
      '--locale=C',
    )
    const primaryUrl = await start(primary)
    await command(
      'pg_basebackup',
      '-d',
      primaryUrl,
      '-D',
      replica,
      '-R',
      '-X',
      'stream',
      '-c',
      'fast',
      '--no-sync',
    )
    const replicaUrl = await start(replica)
    return {
      primaryUrl,
      replicaUrl,
      pauseReplay: () => query(replicaUrl, 'SELECT pg_wal_replay_pause()'),
      resumeReplay: () => query(replicaUrl, 'SELECT pg_wal_replay_resume()'),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

function binaries(): string | undefined {
  const versions = existsSync(INSTALLED) ? readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a)) : []
  return versions
    .map((version) => join(INSTALLED, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'pg_basebackup')) && existsSync(join(bin, 'initdb')))
}

/** The server refuses to run as root; Debian's package has a user for it. */
async function ownerOf(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}

function freePort(): Promise<number> {
  const probe = createServer()
  return new Promise((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
