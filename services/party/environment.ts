import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { type Static, type TObject, type TSchema, Type } from 'typebox'
import { CountersignError } from '../../protocol/errors.ts'

export type Environment = Record<string, string | undefined>

type VariableSchema = TSchema & { type?: string; default?: unknown; secret?: boolean }

/** A text that is never printed. It may also be given as a file, whose name is in the variable with `_FILE` appended. */
export const Secret = (options: { minLength?: number; pattern?: string; description?: string } = {}) =>
  Type.String({ ...options, secret: true })

const ajv = new Ajv({ allErrors: true, strict: false })

/**
 * Reads the environment through a schema, once, at start-up. The schema's members are variable names; text is turned into the integer,
 * number or boolean that a member asks for, an empty variable counts as not set, defaults fill what is not set.
 * @returns a frozen object
 * @throws CONFIGURATION_INVALID with all problems together, by variable name; values are left out, since they may be secrets.
 */
export function readEnvironment<T extends TObject>(schema: T, environment: Environment): Readonly<Static<T>> {
  const problems: string[] = []
  const settings: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(schema.properties) as [string, VariableSchema][]) {
    try {
      const text = readVariable(name, member, environment)
      const value = text === undefined ? member.default : convert(text, member)
      if (value !== undefined) settings[name] = value
    } catch (error) {
      problems.push(`${name} ${(error as Error).message}`)
    }
  }
  const validate = ajv.compile(schema)
  if (!validate(settings))
    for (const { instancePath, params, message } of validate.errors ?? []) {
      const name = instancePath.slice(1) || String(params.missingProperty ?? params.additionalProperty)
      if (!problems.some((problem) => problem.startsWith(`${name} `)))
        problems.push(`${name} ${reasonOf(params, message)}`)
    }
  if (problems.length > 0) throw new CountersignError('CONFIGURATION_INVALID', problems.join('; '))
  return Object.freeze(settings) as Readonly<Static<T>>
}

/** The settings as a log may show them: secrets replaced. */
export function withoutSecrets<T extends TObject>(schema: T, settings: Static<T>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings as Record<string, unknown>).map(([name, value]) => [
      name,
      (schema.properties[name] as VariableSchema | undefined)?.secret === true ? '(secret)' : value,
    ]),
  )
}

function readVariable(name: string, member: VariableSchema, environment: Environment): string | undefined {
  const text = environment[name] || undefined
  const file = member.secret === true ? environment[`${name}_FILE`] || undefined : undefined
  if (file === undefined) return text
  if (text !== undefined) throw new Error(`and ${name}_FILE are both set`)
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    throw new Error('cannot be read from the file named by its _FILE variable')
  }
}

function reasonOf(params: Record<string, unknown>, message: string | undefined): string | undefined {
  if (params.missingProperty !== undefined) return 'is not set'
  if (Array.isArray(params.allowedValues)) return `must be one of ${params.allowedValues.join(', ')}`
  return message
}

function convert(text: string, { type }: VariableSchema): unknown {
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true'
  if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  return text
}
