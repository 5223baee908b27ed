import { readFileSync } from 'node:fs'
import { readCredential } from '../../protocol/credentials/evidence-credential.ts'
import { settleEvidence } from '../../test/services/evidence/evidence-fixture.ts'
import { AS_PEOPLE_RUN_IT } from './node-options.ts'
import { Uploader } from './upload.ts'

export interface MeasuredLargeFile {
  bytes: number
  uploadSeconds: number
  verifySeconds: number
  /** Of the server before the file came, and at most in its life; a million bytes each. */
  idleMB: number
  peakMB: number
}

/** Hands one file in at a server that has done nothing yet, and has it verified. */
export async function measureLargeFile(bytes: number): Promise<MeasuredLargeFile> {
  const home = await settleEvidence()
  try {
    await home.server.start(AS_PEOPLE_RUN_IT)
    const idleMB = memoryOf(home.server.pid, 'VmRSS')
    const uploader = new Uploader(home.server.url, home.server.apiKey, 1)
    const from = performance.now()
    const { credentialId, credential, contentHash } = await uploader.uploadLarge('large.bin', bytes)
    const uploadSeconds = (performance.now() - from) / 1000
    await uploader.close()
    if (readCredential(credential).contentHash !== contentHash) throw new Error('the large file was altered')
    const asked = performance.now()
    const response = await home.server.request(`/v1/evidence/${credentialId}/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ credential }),
    })
    const { statement } = (await response.json()) as { statement?: { verdict: string } }
    if (statement?.verdict !== 'intact') throw new Error(`the large file is ${statement?.verdict}`)
    return {
      bytes,
      uploadSeconds,
      verifySeconds: (performance.now() - asked) / 1000,
      idleMB,
      peakMB: memoryOf(home.server.pid, 'VmHWM'),
    }
  } finally {
    await home.end()
  }
}

/** Resident memory of a process in megabytes, now or at most so far. Linux. */
function memoryOf(pid: number, member: 'VmRSS' | 'VmHWM'): number {
  const [, kiB] = new RegExp(`^${member}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  )!
  return (Number(kiB) * 1024) / 1e6
}
