import { type ChildProcess, spawn } from 'node:child_process'
import { type EvidenceProcess, PROJECT } from '../../services/evidence/evidence-fixture.ts'
import { programEnvironment } from '../../support/program-environment.ts'

export interface EndedScript {
  /** Null when killed. */
  code: number | null
  stdout: string
  /** What it said. */
  talk: string
}
export interface ScriptRun {
  child: ChildProcess
  ended: Promise<EndedScript>
}

/** Starts one of the scripts in the server's folder, where no other network is known, as a client of that server. */
export function startScript(server: EvidenceProcess, script: string, args: readonly string[]): ScriptRun {
  const child = spawn(process.execPath, [`${PROJECT}/scripts/${script}.ts`, ...args], {
    cwd: server.folder,
    env: {
      ...programEnvironment(),
      COUNTERSIGN_EVIDENCE_URL: server.url,
      COUNTERSIGN_EVIDENCE_API_KEY: server.apiKey,
      COUNTERSIGN_ADDRESS_BOOK: server.env.COUNTERSIGN_ADDRESS_BOOK,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { stdout: '', talk: '' }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    written.stdout += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    written.talk += text
  })
  const ended = new Promise<EndedScript>((resolve) =>
    child.once('close', (code) => resolve({ code, ...written })),
  )
  return { child, ended }
}

export const runScript = (server: EvidenceProcess, script: string, ...args: string[]): Promise<EndedScript> =>
  startScript(server, script, args).ended
