import { expect } from 'chai'
import fc from 'fast-check'
import { pino } from 'pino'
import { withNullable } from '../../http/nullable-schema.ts'
import { Type } from '../../http/schema.ts'
import { createServer, type HttpServer } from '../../http/server.ts'

const NULL = Type.Null()
const Block = Type.Object({ number: Type.Integer(), parent: Type.Union([Type.String(), NULL]) })
const BlockRef = Type.Ref('NullableTestBlock')
const Answer = Type.Object({
  text: Type.Union([Type.String(), NULL]),
  count: Type.Union([NULL, Type.Integer()], { description: 'null first' }),
  block: Type.Union([BlockRef, NULL]),
  blocks: Type.Union([Type.Array(BlockRef), NULL]),
  optional: Type.Optional(Type.Union([Block, NULL])),
  either: Type.Union([Type.Integer(), Type.String(), NULL]),
})

describe('unions with null in answers', () => {
  let server: HttpServer
  let answer: unknown

  before(async () => {
    server = (await createServer({ name: 'test', description: 'A test', logger: pino({ level: 'silent' }) }))
      .server
    server.addSchema({ ...Block, $id: 'NullableTestBlock' })
    server.get('/', { schema: { response: { 200: Answer } } }, () => answer as never)
    await server.ready()
  })

  after(() => server.close())

  const block = fc.record({ number: fc.nat(), parent: fc.option(fc.string()) })
  const anAnswer = fc.record(
    {
      text: fc.option(fc.string()),
      count: fc.option(fc.integer()),
      block: fc.option(block),
      blocks: fc.option(fc.array(block)),
      optional: fc.option(block),
      either: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
    },
    { requiredKeys: ['text', 'count', 'block', 'blocks', 'either'] },
  )

  it('are written as they are, whatever is null', async () => {
    await fc.assert(
      fc.asyncProperty(anAnswer, async (given) => {
        answer = given
        const { statusCode, body } = await server.inject('/')
        expect(statusCode, body).to.equal(200)
        expect(JSON.parse(body)).to.deep.equal(JSON.parse(JSON.stringify(given)))
      }),
    )
  })

  it('stay unions in the OpenAPI document', async () => {
    const { paths } = (await server.inject('/openapi.json')).json()
    const { properties } = paths['/'].get.responses[200].content['application/json'].schema
    expect(properties.count).to.deep.equal({
      anyOf: [{ type: 'null' }, { type: 'integer' }],
      description: 'null first',
    })
  })

  it('leave unions of more than one other alone', () => {
    const schema = { anyOf: [{ type: 'integer' }, { type: 'string' }, { type: 'null' }] }
    expect(withNullable(schema, {})).to.deep.equal(schema)
  })
})
