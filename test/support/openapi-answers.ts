import { createRequire } from 'node:module'
import type { Ajv2020 as Ajv2020Class } from 'ajv/dist/2020.js'
import { openApiDocument } from '../../indexer/api/openapi.ts'

const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as { Ajv2020: typeof Ajv2020Class }

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
}

export interface GivenAnswer {
  status: number
  contentType: string
  text: string
}

/**
 * Holds answers of the indexer to its OpenAPI document, more strictly than the document itself: an object has the members that are declared,
 * all that are required and no other one.
 */
export interface AnswerChecker {
  document: Document
  /** @throws an error that says what of the answer is not as declared */
  check(method: string, path: string, answer: GivenAnswer): void
}

/** Routes that the document leaves out: the document itself, and what is no JSON. */
const UNDOCUMENTED = ['/openapi.json', '/metrics', '/docs']

export async function openApiAnswers(): Promise<AnswerChecker> {
  const document = (await openApiDocument()) as Document
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema({ ...(closed(structuredClone(document)) as object), $id: 'openapi' })
  const validators = new Map<string, ReturnType<typeof ajv.compile>>()
  const operations = Object.entries(document.paths).map(([path, methods]) => ({
    path,
    methods,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`),
  }))
  return {
    document,
    check(method, path, { status, contentType, text }) {
      const pathname = path.split('?')[0]!
      // A path without parameters is as good a match as one with some, of other methods.
      const fitting = operations.filter(({ pattern }) => pattern.test(pathname))
      const found = fitting.find(({ methods }) => method.toLowerCase() in methods) ?? fitting[0]
      const operation = found?.methods[method.toLowerCase()]
      const what = `${method} ${path.slice(0, 200)} answered ${status}`
      if (operation === undefined) {
        if (status < 400 && !UNDOCUMENTED.some((start) => pathname.startsWith(start)))
          throw new Error(`${what}, and is not in the document`)
        return
      }
      const code = String(status) in operation.responses ? String(status) : 'default'
      const declared = operation.responses[code]
      if (declared === undefined || (code === 'default' && status < 400))
        throw new Error(`${what}, which is not declared`)
      if (declared.content === undefined) {
        if (text !== '') throw new Error(`${what} with a body: ${text.slice(0, 200)}`)
        return
      }
      const mediaType = contentType.split(';')[0]!
      if (!(mediaType in declared.content)) throw new Error(`${what} as ${contentType}`)
      const pointer = [
        'paths',
        found!.path,
        method.toLowerCase(),
        'responses',
        code,
        'content',
        mediaType,
        'schema',
      ]
      const place = `openapi#/${pointer.map(escapePointer).join('/')}`
      const validate = validators.get(place) ?? ajv.compile({ $ref: place })
      validators.set(place, validate)
      if (!validate(JSON.parse(text)))
        throw new Error(`${what}: ${ajv.errorsText(validate.errors)}: ${text.slice(0, 500)}`)
    },
  }
}

const escapePointer = (part: string): string =>
  encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))

/** Objects that say nothing of other members have none. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const schema = Object.fromEntries(Object.entries(value).map(([name, part]) => [name, closed(part)]))
  if (
    schema.type === 'object' &&
    schema.properties !== undefined &&
    schema.additionalProperties === undefined
  )
    schema.additionalProperties = false
  return schema
}
