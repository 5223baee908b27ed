import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Command } from 'commander'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { parseSerial } from '../../protocol/serial.ts'
import { eraseAnswer } from './answers/erase-answer.ts'
import { readDatabaseFile } from './provider-config.ts'

const BUSY_TIMEOUT_MS = 10_000

const program = new Command('erase-answer')
  .description('Destroys what a provider keeps of one answer, for good. The provider may be running.')
  .argument('<serial>', 'the serial of the query')
  .option(
    '--database <file>',
    "the provider's database; PROVIDER_DATABASE names another",
    readDatabaseFile(process.env),
  )
  .option('--json', 'print one JSON document')
  .addHelpText('after', '\nExit codes: 0 erased, now or before; 1 error; 3 serial unknown.')
  .parse()

try {
  const { database, json } = program.opts<{ database: string; json?: boolean }>()
  const serial = program.args[0]!
  const outcome = erase(database, serial)
  process.stdout.write(json ? `${JSON.stringify({ serial, outcome })}\n` : `${serial}: ${outcome}\n`)
} catch (error) {
  if (!isCountersignError(error)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n${error.action}\n`)
  process.exitCode = error.code === 'SERIAL_UNKNOWN' ? 3 : 1
}

function erase(file: string, serial: string): string {
  if (!existsSync(file))
    throw new CountersignError('CONFIGURATION_INVALID', `there is no database at ${file}`, {
      action: 'Give --database, or set PROVIDER_DATABASE, as the provider has it.',
    })
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    return eraseAnswer(db, parseSerial(serial))
  } finally {
    db.close()
  }
}
