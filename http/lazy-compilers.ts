import { createRequire } from 'node:module'
import type { Ajv, ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'
import { withNullable } from './nullable-schema.ts'

const require = createRequire(import.meta.url)
/** Fastify's own choice of serializers, in its version. */
const requireOfFastify = createRequire(require.resolve('fastify'))

/** What `fast-json-stringify` makes of a schema. */
type Serializer = (value: unknown) => string

/**
 * Validators and serializers of routes, each made when its route is first asked: most of what a server would otherwise do before it
 * listens is for routes that nobody asks for in its first minutes. The first answer of a route takes some milliseconds longer.
 */
export const lazyCompilers = {
  buildValidator: (): FastifySchemaCompiler<unknown> => {
    const ajv = lazyAjv()
    return ({ schema, httpPart }) => {
      let compiled: ValidateFunction | undefined
      const validate = (data: unknown): boolean => {
        compiled ??= ajv(httpPart === 'body').compile(schema as object)
        const isValid = compiled(data) as boolean
        validate.errors = compiled.errors
        return isValid
      }
      validate.errors = undefined as ValidateFunction['errors']
      return validate as never
    }
  },
  buildSerializer: (
    schemas: Record<string, unknown> | undefined,
    options: unknown,
  ): FastifySerializerCompiler<unknown> => {
    let compile: ((route: unknown) => Serializer) | undefined
    return (route) => {
      let serialize: Serializer | undefined
      return (value) => {
        compile ??= requireOfFastify('@fastify/fast-json-stringify-compiler').SerializerSelector()(
          withNullable(schemas, schemas ?? {}),
          options,
        )
        serialize ??= compile!({ ...route, schema: withNullable(route.schema, schemas ?? {}) })
        return serialize(value)
      }
    }
  },
}

/** Query strings and headers are text and are converted; a JSON body says itself what is a number. */
function lazyAjv(): (isBody: boolean) => Ajv {
  let body: Ajv | undefined
  let text: Ajv | undefined
  const create = (options: object): Ajv =>
    new (require('ajv').Ajv)({
      useDefaults: true,
      strict: false,
      // Schemas are our own, made by TypeBox: to hold each against the schema of schemas takes longer than to compile it.
      meta: false,
      validateSchema: false,
      ...options,
    })
  return (isBody) => {
    if (isBody) body ??= create({})
    else text ??= create({ coerceTypes: 'array' })
    return (isBody ? body : text)!
  }
}
