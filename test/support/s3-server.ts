import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { S3Options } from '../../services/evidence/content-store/s3-client.ts'

export interface S3Server {
  /** For a bucket `evidence` that is there. */
  readonly options: S3Options
  /** The file that holds an object's bytes. */
  fileOf(key: string): string
  /** Freezes the process, as a store that takes connections and never answers. */
  freeze(): void
  thaw(): void
  /** Ends it and removes its files. */
  drop(): Promise<void>
}

/** Starts a real S3-compatible server process on a free port. */
export async function startS3Server(): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-s3-'))
  const program = createRequire(import.meta.url).resolve('s3rver/bin/s3rver.js')
  const line = [
    '--directory',
    folder,
    '--address',
    '127.0.0.1',
    '--port',
    '0',
    '--silent',
    '--no-vhost-buckets',
  ]
  const child = spawn(process.execPath, [program, ...line, '--configure-bucket', 'evidence'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const gone = once(child, 'exit')
  const killWithParent = () => child.kill('SIGKILL')
  process.once('exit', killWithParent)
  let output = ''
  let port: string | undefined
  for await (const chunk of child.stdout) {
    output += chunk
    port = /listening on [^\s]*:(\d+)/.exec(output)?.[1]
    if (port !== undefined) break
  }
  if (port === undefined) throw new Error(`the S3 server did not start: ${output}`)
  return {
    options: {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      bucket: 'evidence',
      prefix: '',
      // The only account that this server has.
      accessKeyId: 'S3RVER',
      secretAccessKey: 'S3RVER',
    },
    fileOf: (key) => join(folder, 'evidence', `${key}._S3rver_object`),
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    drop: async () => {
      child.kill('SIGKILL')
      await gone
      process.removeListener('exit', killWithParent)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
