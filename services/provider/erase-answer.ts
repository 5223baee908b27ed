import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { parseSerial } from '../../protocol/serial.ts'
import { eraseAnswer } from './answers/erase-answer.ts'

const USAGE = `Usage: node services/provider/erase-answer.ts SERIAL [--json]

Destroys what a provider keeps of one answer, for good. The provider may be running.
The database is the one that PROVIDER_DATABASE names.

  --json   print one JSON document

Exit code 0: erased, or erased before; 3: serial unknown; 1: another error.
`
const BUSY_TIMEOUT_MS = 10_000

const [serial, ...flags] = process.argv.slice(2)
if (serial === undefined || serial === '--help') {
  process.stdout.write(USAGE)
  process.exitCode = serial === undefined ? 1 : 0
} else run(serial, flags.includes('--json'))

function run(serial: string, isJson: boolean): void {
  try {
    const outcome = erase(serial)
    process.stdout.write(isJson ? `${JSON.stringify({ serial, outcome })}\n` : `${serial}: ${outcome}\n`)
  } catch (error) {
    if (!isCountersignError(error)) throw error
    process.stderr.write(`${error.code}: ${error.message}\n${error.action}\n`)
    process.exitCode = error.code === 'SERIAL_UNKNOWN' ? 3 : 1
  }
}

function erase(serial: string): string {
  const file = process.env.PROVIDER_DATABASE
  if (file === undefined || !existsSync(file))
    throw new CountersignError('CONFIGURATION_INVALID', 'PROVIDER_DATABASE does not name a database')
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    return eraseAnswer(db, parseSerial(serial))
  } finally {
    db.close()
  }
}
