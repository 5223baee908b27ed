import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { Ajv, type ErrorObject } from 'ajv'
import { type AddressBook, parseAddressBook } from '../protocol/address-book.ts'
import { CountersignError } from '../protocol/errors.ts'
import {
  CONFIG_FILE_VARIABLE,
  SETTINGS,
  type SettingName,
  type SettingSchema,
  type Settings,
  SettingsSchema,
  TRUSTED_PROXY_FAULT,
} from './settings.ts'
import { isPostgres } from './store/database-url.ts'

/** Every setting with its value; `indexer/settings.ts` describes each. */
export interface IndexerConfig extends Omit<Settings, 'addressBook' | 'adminToken' | 'adminTokenFile'> {
  addressBook: AddressBook
  /** Undefined: nobody manages webhooks over HTTP. */
  adminToken: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where a value came from, as a person finds it again: a variable's name, or a file and a key. */
type Sources = Map<string, string>

/**
 * Reads settings, once: the environment before the JSON file before the defaults.
 * @param file path of the JSON file; default what INDEXER_CONFIG names, if it is set
 * @throws CONFIGURATION_INVALID naming everything that is wrong in both, and where it is
 */
export function loadConfig(env: Environment, file?: string): Readonly<IndexerConfig> {
  const problems: string[] = []
  const sources: Sources = new Map()
  const given = {
    ...readFile(file ?? setValue(env, CONFIG_FILE_VARIABLE), sources, problems),
    ...readEnvironment(env, sources, problems),
  }
  const settings = validate(given, sources, problems)
  const at = (name: SettingName) => sources.get(name) ?? name
  const addressBook = problems.some((problem) => problem.startsWith(`${at('addressBook')}: `))
    ? undefined
    : readAddressBook(
        settings.addressBook,
        sources.get('addressBook') ?? 'COUNTERSIGN_ADDRESS_BOOK',
        problems,
      )
  const adminToken = readAdminToken(settings, at, problems)
  if (!problems.some((problem) => problem.startsWith(`${at('trustedProxies')}: `)))
    for (const proxy of settings.trustedProxies)
      if (!isNetwork(proxy))
        problems.push(`${at('trustedProxies')}: ${JSON.stringify(proxy)} ${TRUSTED_PROXY_FAULT}`)
  if (settings.role === 'reader' && !isPostgres(settings.database))
    problems.push(
      `${at('role')}: a reader needs a PostgreSQL database that a writer fills (INDEXER_DATABASE); an SQLite file has one process`,
    )
  if (problems.length > 0 || addressBook === undefined)
    throw new CountersignError('CONFIGURATION_INVALID', problems.join('\n'), { details: { problems } })
  const { adminTokenFile: _, ...rest } = settings
  return Object.freeze({ ...rest, addressBook, adminToken })
}

function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  const length = version === 4 ? 32 : 128
  return version !== 0 && (bits === undefined || (Number(bits) >= 1 && Number(bits) <= length))
}

/** As a log may show it: without the address book, and with secrets replaced. */
export function printableConfig({ addressBook, ...settings }: IndexerConfig): Record<string, unknown> {
  return {
    ...settings,
    database: withoutPassword(settings.database),
    adminToken: settings.adminToken === undefined ? undefined : '(set)',
    chains: addressBook.chains.map(({ chainId, name }) => ({ chainId, name })),
  }
}

/** A database as people may read of it: a URL keeps scheme, user, host, port and name. */
export function withoutPassword(database: string): string {
  if (!isPostgres(database)) return database
  try {
    const { protocol, username, host, pathname } = new URL(database)
    return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`
  } catch {
    return 'postgres://(not a URL)'
  }
}

function readFile(path: string | undefined, sources: Sources, problems: string[]): Record<string, unknown> {
  if (path === undefined) return {}
  try {
    const json: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw new Error('is not an object of settings')
    for (const name of Object.keys(json)) sources.set(name, `${path}: ${name}`)
    return json as Record<string, unknown>
  } catch (error) {
    problems.push(`${path}: ${reasonOf(error, 'there is no such file')}`)
    return {}
  }
}

function reasonOf(error: unknown, whenMissing: string): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return whenMissing
  // A parser's message quotes the text around the fault, which may be a secret.
  return error instanceof SyntaxError
    ? `is not JSON${/ (at position \d+.*)$/.exec(message)?.[0] ?? ''}`
    : message
}

/** What Kubernetes puts into the environment of every container beside a service called indexer. */
const SERVICE_LINK = /^INDEXER_(SERVICE_|PORT_\d)/

function readEnvironment(env: Environment, sources: Sources, problems: string[]): Record<string, unknown> {
  const known = new Set([CONFIG_FILE_VARIABLE, ...SETTINGS.map(([, { environment }]) => environment)])
  for (const name of Object.keys(env))
    if (name.startsWith('INDEXER_') && !known.has(name) && !SERVICE_LINK.test(name))
      problems.push(`${name}: is not a variable of the indexer`)
  const values: Record<string, unknown> = {}
  for (const [name, schema] of SETTINGS) {
    const text = setValue(env, schema.environment)
    if (text === undefined) continue
    sources.set(name, schema.environment)
    values[name] = fromText(text, schema)
  }
  return values
}

const setValue = (env: Environment, name: string): string | undefined =>
  env[name] === '' ? undefined : env[name]

/** What cannot be read as what it should be stays text, and fails the schema as that. */
function fromText(text: string, { type }: SettingSchema): unknown {
  if (type === 'integer') return /^\d+$/.test(text) ? Number(text) : text
  if (type === 'boolean') return { true: true, 1: true, false: false, 0: false }[text] ?? text
  if (type === 'array') return text.split(',').map((part) => part.trim())
  return text
}

function validate(given: Record<string, unknown>, sources: Sources, problems: string[]): Settings {
  const check = new Ajv({
    allErrors: true,
    useDefaults: true,
    strict: false,
    // The schema is our own; holding it against its own schema takes longer than all else here.
    meta: false,
    validateSchema: false,
  }).compile<Settings>(SettingsSchema)
  const settings = { ...given }
  if (!check(settings)) for (const error of check.errors ?? []) problems.push(describe(error, given, sources))
  return settings as unknown as Settings
}

function describe(
  { keyword, instancePath, params, message }: ErrorObject,
  given: object,
  sources: Sources,
): string {
  if (keyword === 'additionalProperties') {
    const name = String(params.additionalProperty)
    return `${sources.get(name) ?? name}: is not a setting of the indexer`
  }
  const [, name = '', ...below] = instancePath.split('/')
  const schema = SETTINGS.find(([candidate]) => candidate === name)![1]
  const value = (given as Record<string, unknown>)[name]
  const shown = schema.isSecret
    ? ''
    : `${JSON.stringify(below.length > 0 ? (value as unknown[])[Number(below[0])] : value)} `
  return `${sources.get(name) ?? name}: ${shown}${faultOf(schema, keyword, below.length > 0, message)}`
}

function faultOf(
  schema: SettingSchema,
  keyword: string,
  isItem: boolean,
  message: string | undefined,
): string {
  if (schema.type === 'integer') return `is not a whole number from ${schema.minimum} to ${schema.maximum}`
  if (schema.type === 'boolean') return 'is neither true nor false'
  if (schema.enum !== undefined) return `is none of ${schema.enum.join(', ')}`
  if (isItem && schema.itemFault !== undefined) return schema.itemFault
  if (keyword === 'pattern') return 'is empty'
  if (keyword === 'minLength') return `has less than ${schema.minLength} characters`
  return message ?? 'is invalid'
}

function readAddressBook(path: string, source: string, problems: string[]): AddressBook | undefined {
  try {
    return parseAddressBook(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    const reason = reasonOf(error, 'there is no such file; run the deploy script first')
    problems.push(`${source}: ${path}: ${reason}`)
    return undefined
  }
}

function readAdminToken(
  { adminToken, adminTokenFile }: Settings,
  at: (name: SettingName) => string,
  problems: string[],
): string | undefined {
  if (adminTokenFile === undefined) return adminToken
  if (adminToken !== undefined) {
    problems.push(`${at('adminTokenFile')}: ${at('adminToken')} is set too; give one of them`)
    return undefined
  }
  try {
    const token = readFileSync(adminTokenFile, 'utf8').trim()
    if (token.length >= 16 && token.length <= 1024) return token
    problems.push(`${at('adminTokenFile')}: ${adminTokenFile} has not between 16 and 1024 characters`)
  } catch (error) {
    problems.push(`${at('adminTokenFile')}: ${(error as Error).message}`)
  }
  return undefined
}
