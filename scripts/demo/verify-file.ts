import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface VerifierReply {
  valid: boolean
  verdict?: string
  code?: string
  exitCode: number | null
}

/** Runs the `verify` script on a file, as a third party would: another process, which knows the file and nothing else. */
export function verifyFile(file: Uint8Array | string, ...flags: string[]): VerifierReply {
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-verify-'))
  try {
    const name = path.join(folder, 'file.json')
    writeFileSync(name, file)
    const script = new URL('../verify.ts', import.meta.url).pathname
    const { stdout, status } = spawnSync(process.execPath, [script, name, '--json', ...flags], {
      encoding: 'utf8',
    })
    return { ...JSON.parse(stdout), exitCode: status }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The file with one byte changed, in its middle. */
export function withOneByteChanged(file: string): Uint8Array {
  const bytes = Buffer.from(file)
  const middle = Math.floor(bytes.length / 2)
  bytes[middle] = bytes[middle]! ^ 1
  return bytes
}
