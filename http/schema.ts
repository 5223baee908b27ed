import type { Type as TypeBox } from 'typebox'

export type { Static, TObject, TSchema } from 'typebox'

type Keywords = Record<string, unknown>

/** Where TypeBox marks it as well, so that schemas of both may stand in each other. Not enumerable: it is no keyword. */
const OPTIONAL = '~optional'

const keywords =
  (own: Keywords) =>
  (options: Keywords = {}): Keywords => ({ ...own, ...options })

const isRequired = ([, property]: [string, Keywords]): boolean => !(OPTIONAL in property)

const builder = {
  Any: keywords({}),
  Unknown: keywords({}),
  Null: keywords({ type: 'null' }),
  Boolean: keywords({ type: 'boolean' }),
  Integer: keywords({ type: 'integer' }),
  Number: keywords({ type: 'number' }),
  String: keywords({ type: 'string' }),
  Array: (items: Keywords, options: Keywords = {}) => ({ type: 'array', items, ...options }),
  Enum: (values: readonly unknown[], options: Keywords = {}) => ({ enum: values, ...options }),
  Union: (anyOf: readonly Keywords[], options: Keywords = {}) => ({ anyOf, ...options }),
  Ref: ($ref: string, options: Keywords = {}) => ({ $ref, ...options }),
  Unsafe: keywords({}),
  Optional: (type: Keywords) =>
    Object.defineProperty({ ...type }, OPTIONAL, { value: true, configurable: true, writable: true }),
  Object(properties: Record<string, Keywords>, options: Keywords = {}) {
    const required = Object.entries(properties)
      .filter(isRequired)
      .map(([name]) => name)
    return { type: 'object', ...(required.length > 0 && { required }), properties, ...options }
  },
}

/**
 * JSON Schemas and the types of what they hold: TypeBox as far as servers need it. Its types are TypeBox's own; its
 * functions are these, because TypeBox is 370 files, which take a server a seventh of its start to load.
 */
export const Type = builder as unknown as Pick<typeof TypeBox, keyof typeof builder>
