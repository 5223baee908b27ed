import { expect } from 'chai'
import { Type as TypeBox } from 'typebox'
import { Type } from '../../http/schema.ts'

/** As text: the order of keywords shows in the OpenAPI document. */
const textOf = (make: (type: typeof Type) => unknown): [string, string] => [
  JSON.stringify(make(Type)),
  JSON.stringify(make(TypeBox)),
]

describe('schemas', () => {
  const options = { description: 'what it is', default: 1 }
  const schemas: Record<string, (type: typeof Type) => unknown> = {
    anything: (t) => [t.Any(), t.Any(options), t.Unknown(), t.Unknown(options)],
    null: (t) => [t.Null(), t.Null(options)],
    booleans: (t) => [t.Boolean(), t.Boolean(options)],
    integers: (t) => [t.Integer(), t.Integer({ ...options, minimum: 1 })],
    numbers: (t) => [t.Number(), t.Number({ ...options, maximum: 2 })],
    strings: (t) => [t.String(), t.String({ ...options, pattern: '^a$', type: ['string', 'null'] as never })],
    arrays: (t) => [t.Array(t.String()), t.Array(t.String(), { ...options, maxItems: 3 })],
    enumerations: (t) => [t.Enum(['a', 'b']), t.Enum(['a', 'b'], { ...options, type: 'string' })],
    unions: (t) => [t.Union([t.String(), t.Null()]), t.Union([t.String(), t.Null()], options)],
    references: (t) => [t.Ref('Other'), t.Ref('Other', options)],
    'schemas of one’s own': (t) => t.Unsafe<string>({ $ref: 'Other', description: 'what it is' }),
    'empty objects': (t) => [t.Object({}), t.Object({}, { ...options, additionalProperties: false })],
    'objects with optional properties': (t) => {
      const Inner = t.Object({ b: t.Optional(t.String(options)), a: t.Integer() }, { $id: 'Inner' })
      const shared = t.Optional(t.Object({ x: t.Null() }))
      return t.Object({
        ...Inner.properties,
        z: Inner,
        shared,
        no: t.Optional({ ...t.String(), description: 'copied' }),
        list: t.Array(t.Object({ shared })),
        copied: { ...shared },
      })
    },
    'objects that are all optional': (t) => t.Object({ a: t.Optional(t.String()), b: t.Optional(t.Any()) }),
  }
  for (const [what, make] of Object.entries(schemas))
    it(`are TypeBox's own for ${what}`, () => {
      const [ours, theirs] = textOf(make)
      expect(ours).to.equal(theirs)
    })

  it("take TypeBox's own as properties", () => {
    const schema = Type.Object({ a: TypeBox.Optional(TypeBox.String()), b: TypeBox.Integer() })
    expect(schema.required).to.deep.equal(['b'])
  })

  it('leave a schema as it is when a copy is made optional', () => {
    const name = Type.String()
    Type.Optional(name)
    expect(Type.Object({ name }).required).to.deep.equal(['name'])
  })
})
