import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { programEnvironment } from '../../support/program-environment.ts'
import { type OfficeProcess, PROJECT } from './office-fixture.ts'

export interface UploadRun {
  child: ChildProcess
  /** How it ended: exit code (null when killed) and what it wrote. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/** Runs one of the scripts against an office. */
export function runScript(office: OfficeProcess, script: string, args: readonly string[]): UploadRun {
  const child = spawn(process.execPath, [`scripts/${script}.ts`, ...args], {
    cwd: PROJECT,
    env: { ...programEnvironment(), ...office.env, ...office.scriptEnv },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr!.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, stdout, stderr })),
  )
  return { child, ended }
}

/** Uploads a file; `--json` and a report of its own. */
export const runUpload = (
  office: OfficeProcess,
  { file, mapping }: PaymentFiles,
  ...more: string[]
): UploadRun =>
  runScript(office, 'upload-payments', [
    ...['--file', file, '--mapping', mapping, '--json'],
    ...['--report', path.join(office.folder, 'refused.jsonl')],
    ...more,
  ])

export interface PaymentFiles {
  file: string
  mapping: string
}

/** A CSV file of so many payments with its mapping, in the office's folder. Public ones are the same bytes on every chain. */
export function writePaymentFile(
  folder: string,
  rows: number,
  { visibility = 'public', extra = '' } = {},
): PaymentFiles {
  const file = path.join(folder, 'payments.csv')
  const mapping = path.join(folder, 'mapping.json')
  const lines = Array.from(
    { length: rows },
    (_, i) => `N-${i + 1},${(i % 997) + 1}.50,2025-01-${two((i % 28) + 1)},P-${i}`,
  )
  writeFileSync(file, `number,amount,day,payer\n${lines.join('\n')}\n${extra}`)
  writeFileSync(
    mapping,
    JSON.stringify({
      visibility: { constant: visibility },
      orderId: { template: '{number}' },
      amount: { column: 'amount', decimal: '.', negative: 'refuse' },
      currency: { constant: 'EUR' },
      paidAt: { column: 'day', formats: ['yyyy-MM-dd'] },
      category: { constant: 'income-tax' },
      authority: { constant: 'Tax Office North' },
      ...(visibility === 'sealed' && { payerTag: { column: 'payer' } }),
    }),
  )
  return { file, mapping }
}

const two = (value: number): string => String(value).padStart(2, '0')
