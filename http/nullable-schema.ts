interface Schema {
  [keyword: string]: unknown
}

/**
 * For serializers: `anyOf` of one schema and null as that schema with `nullable`, references among them replaced by what they
 * refer to. A serializer tells the members of any other union apart by validating each value, with validators compiled at its start.
 * What is serialized stays the same.
 * @param shared schemas by `$id`
 */
export function withNullable<Given>(schema: Given, shared: Readonly<Record<string, unknown>>): Given {
  if (Array.isArray(schema)) return schema.map((item) => withNullable(item, shared)) as Given
  if (typeof schema !== 'object' || schema === null) return schema
  const { anyOf, ...rest } = schema as Schema
  const other = otherThanNull(anyOf)
  const target = other === undefined ? undefined : resolve(other, shared)
  const kept: Schema = target === undefined ? (schema as Schema) : { ...rest, ...target, nullable: true }
  return Object.fromEntries(
    Object.entries(kept).map(([keyword, value]) => [keyword, withNullable(value, shared)]),
  ) as Given
}

function otherThanNull(anyOf: unknown): Schema | undefined {
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return undefined
  const others = anyOf.filter(({ type }: Schema) => type !== 'null')
  return others.length === 1 ? others[0] : undefined
}

/** Undefined where it stands for something that cannot be copied. */
function resolve(schema: Schema, shared: Readonly<Record<string, unknown>>): Schema | undefined {
  const { $ref } = schema
  if (typeof $ref !== 'string') return schema
  const target = shared[$ref.replace(/#$/, '')] as Schema | undefined
  if (target === undefined) return undefined
  const { $id: _, ...copy } = target
  return copy
}
