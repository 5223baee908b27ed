import { readFileSync } from 'node:fs'
import { type AddressBook, parseAddressBook } from '../protocol/address-book.ts'
import { CountersignError } from '../protocol/errors.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
type LogLevel = (typeof LOG_LEVELS)[number]

export interface IndexerConfig {
  addressBook: AddressBook
  host: string
  /** 0: a free port. */
  port: number
  /** Path of the SQLite file. */
  database: string
  /** Time between two looks at a chain. */
  pollMs: number
  /** Every author's head is compared with the chain's at least so often. */
  completenessCheckMs: number
  /** A request to a chain is given up after so long. */
  requestTimeoutMs: number
  logLevel: LogLevel
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the environment, once; `.env.example` describes each variable.
 * @throws CONFIGURATION_INVALID naming every variable that is wrong
 */
export function loadConfig(env: Environment): Readonly<IndexerConfig> {
  const problems: string[] = []
  const addressBookPath = env.COUNTERSIGN_ADDRESS_BOOK ?? '.countersign/address-book.json'
  const config = {
    addressBook: readAddressBook(addressBookPath, problems),
    host: env.HOST ?? '127.0.0.1',
    port: integer(env, 'INDEXER_PORT', { fallback: 4000, min: 0, max: 65_535 }, problems),
    database: nonEmpty(env, 'INDEXER_DATABASE', '.countersign/indexer.db', problems),
    pollMs: integer(env, 'INDEXER_POLL_MS', { fallback: 200, min: 10, max: 600_000 }, problems),
    completenessCheckMs: integer(
      env,
      'INDEXER_COMPLETENESS_CHECK_MS',
      { fallback: 60_000, min: 100, max: 86_400_000 },
      problems,
    ),
    requestTimeoutMs: integer(
      env,
      'INDEXER_REQUEST_TIMEOUT_MS',
      { fallback: 30_000, min: 100, max: 600_000 },
      problems,
    ),
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info', problems),
  }
  if (problems.length > 0 || config.addressBook === undefined)
    throw new CountersignError('CONFIGURATION_INVALID', problems.join('\n'), { details: { problems } })
  return Object.freeze({ ...config, addressBook: config.addressBook })
}

function readAddressBook(path: string, problems: string[]): AddressBook | undefined {
  try {
    return parseAddressBook(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'there is no such file; run the deploy script first' : message
    problems.push(`COUNTERSIGN_ADDRESS_BOOK: ${path}: ${reason}`)
    return undefined
  }
}

function integer(
  env: Environment,
  name: string,
  { fallback, min, max }: { fallback: number; min: number; max: number },
  problems: string[],
): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  problems.push(`${name}: ${JSON.stringify(text)} is not a whole number from ${min} to ${max}`)
  return fallback
}

function nonEmpty(env: Environment, name: string, fallback: string, problems: string[]): string {
  const text = env[name] ?? fallback
  if (text.trim() === '') problems.push(`${name}: is empty`)
  return text
}

function oneOf<Value extends string>(
  env: Environment,
  name: string,
  values: readonly Value[],
  fallback: Value,
  problems: string[],
): Value {
  const text = env[name] ?? fallback
  if ((values as readonly string[]).includes(text)) return text as Value
  problems.push(`${name}: ${JSON.stringify(text)} is none of ${values.join(', ')}`)
  return fallback
}
