import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { Json } from '../../protocol/canonical-json.ts'
import { CountersignError } from '../../protocol/errors.ts'

/** A kind of question, declared by one JSON file: what it is about, what refines it, what an answer looks like. */
export interface QueryTypeDeclaration {
  /** Lower-case letters, digits and hyphens, e.g. `loan`. */
  type: string
  title: string
  /** JSON Schemas (draft 2020-12). */
  subject: object
  parameters: object
  result: object
}

export interface QueryType {
  declaration: QueryTypeDeclaration
  /** @throws QUERY_INVALID naming the members at fault, without their values */
  checkQuery(subject: unknown, parameters: unknown): void
  /** Why a result is none of this type; undefined when it is. */
  faultOfResult(result: Json): string | undefined
}

const TYPE_NAME = /^[a-z][a-z0-9-]{0,39}$/
const MAX_FAULTS = 5

/**
 * Loads every `*.json` file of a folder. @throws QUERY_TYPE_FILE_INVALID naming the file
 */
export function loadQueryTypes(folder: string): Map<string, QueryType> {
  const files = listFolder(folder)
  const types = files.map((file) => loadQueryType(join(folder, file), file))
  const byName = new Map(types.map((type) => [type.declaration.type, type]))
  if (byName.size !== types.length || types.length === 0)
    throw new CountersignError(
      'QUERY_TYPE_FILE_INVALID',
      types.length === 0 ? 'the folder declares no query type' : 'two files declare the same query type',
    )
  return byName
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort()
  } catch (cause) {
    throw new CountersignError('QUERY_TYPE_FILE_INVALID', `the folder ${folder} cannot be read`, { cause })
  }
}

function loadQueryType(path: string, file: string): QueryType {
  try {
    return compileQueryType(JSON.parse(readFileSync(path, 'utf8')) as QueryTypeDeclaration)
  } catch (cause) {
    throw new CountersignError('QUERY_TYPE_FILE_INVALID', `${file}: ${(cause as Error).message}`, { cause })
  }
}

/** Makes a declaration ready to check queries and results. @throws Error on a declaration that is none */
export function compileQueryType(declaration: QueryTypeDeclaration): QueryType {
  if (typeof declaration.type !== 'string' || !TYPE_NAME.test(declaration.type))
    throw new Error('"type" is not a name of lower-case letters, digits and hyphens')
  if (typeof declaration.title !== 'string') throw new Error('"title" is missing')
  const ajv = new Ajv2020({ strict: false, allErrors: false, logger: false })
  const compile = (member: 'subject' | 'parameters' | 'result'): ValidateFunction => {
    const schema = declaration[member]
    if (typeof schema !== 'object' || schema === null) throw new Error(`"${member}" is not a JSON Schema`)
    return ajv.compile(schema)
  }
  const [isSubject, areParameters, isResult] = [compile('subject'), compile('parameters'), compile('result')]
  return {
    declaration,
    checkQuery(subject, parameters) {
      const faults = [
        ...(isSubject(subject) ? [] : describe('subject', isSubject.errors)),
        ...(areParameters(parameters) ? [] : describe('parameters', areParameters.errors)),
      ]
      if (faults.length > 0) throw new CountersignError('QUERY_INVALID', faults.join('; '))
    },
    faultOfResult: (result) =>
      isResult(withoutUndeclaredSerial(result, declaration.result))
        ? undefined
        : describe('result', isResult.errors).join('; '),
  }
}

/** Which rule of the schema, by its place there; never the value or a path through the value, which may be personal data. */
const describe = (part: string, errors: ErrorObject[] | null | undefined): string[] =>
  (errors ?? []).slice(0, MAX_FAULTS).map(({ schemaPath, message }) => `${part} ${message} (${schemaPath})`)

/** A result carries its serial whether or not its schema speaks of it. */
function withoutUndeclaredSerial(result: Json, schema: object): Json {
  const { properties } = schema as { properties?: object }
  if (Object.hasOwn(properties ?? {}, 'serial') || !isObject(result)) return result
  const { serial: _serial, ...rest } = result
  return rest
}

const isObject = (value: Json): value is { [member: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
