import { spawn } from 'node:child_process'

export interface EndedScript {
  exitCode: number | null
  stdout: string
  stderr: string
}

/** Runs a script as a person would: another process, which knows its arguments, these variables and its input, and nothing else. */
export async function runScript(
  name: string,
  args: readonly string[],
  { variables = {}, input = '' }: { variables?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<EndedScript> {
  const file = new URL(`../${name}.ts`, import.meta.url).pathname
  const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, ...variables } })
  const ended = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text
  })
  child.stdin.on('error', () => {}).end(input)
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve)
  })
  return { exitCode, ...ended }
}

/** The one JSON document that a script prints with `--json`. @throws Error with what it said instead */
export function documentOf<T>({ stdout, stderr }: EndedScript): T {
  try {
    return JSON.parse(stdout) as T
  } catch {
    throw new Error(stderr.trim() || 'the script printed no document')
  }
}
