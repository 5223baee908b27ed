import fc from 'fast-check'

// biome-ignore lint/suspicious/noExplicitAny: a JSON schema
type Schema = any
export interface FuzzedOperation {
  method: string
  path: string
  parameters: { name: string; in: string; required?: boolean; schema: Schema }[]
  bodySchema: Schema | undefined
}

export interface FuzzedRequest {
  method: string
  /** Path and query, as they are sent. */
  target: string
  headers: [string, string][]
  body: Buffer | undefined
}

/** Values that the service knows, so that some requests get past the first look. */
export type KnownValues = Readonly<Record<string, readonly unknown[]>>

export function operationsOf(document: Schema): FuzzedOperation[] {
  return Object.entries<Schema>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Schema>(methods).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      bodySchema: requestBody?.content['application/json']?.schema,
    })),
  )
}

const ODDITIES = [
  '',
  ' ',
  '0',
  '-0',
  '-1',
  '1e999',
  '9'.repeat(40),
  '0x',
  '0x0',
  'NaN',
  'Infinity',
  'null',
  'undefined',
  'true',
  '[]',
  '{}',
  '\u0000',
  'a\u0000b',
  '\u202e',
  '\ud83d\ude00',
  '\ufeff',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '../../etc/passwd',
  '..',
  '.',
  '//',
  "' OR 1=1 --",
  '"; DROP TABLE records; --',
  '<script>',
  '\r\nx: y',
  'x'.repeat(300),
  'x'.repeat(5_000),
  'x'.repeat(100_000),
]
/** Not what any client makes of a value. */
const BROKEN_ESCAPES = ['%', '%z', '%zz', '%00', '%ff', '%c0%af', '%ed%a0%80', '%e2%82', '%2e%2e%2f', '%252e']

const garbage = (): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom(...ODDITIES),
    fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
    fc.string(),
    fc.double().map(String),
    fc.bigInt().map(String),
  )

/** Text as it stands in a URL: escaped, or broken. */
const inUrl = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 8, arbitrary: value.map((text) => encodeURIComponent(text.toWellFormed())) },
    { weight: 1, arbitrary: fc.constantFrom(...BROKEN_ESCAPES) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(value, fc.constantFrom(...BROKEN_ESCAPES))
        .map(([a, b]) => encodeURIComponent(a.toWellFormed()) + b),
    },
  )

export function fuzzedRequest(
  document: Schema,
  operations: readonly FuzzedOperation[],
  known: KnownValues,
): fc.Arbitrary<FuzzedRequest> {
  const fromSchema = (schema: Schema, depth = 0): fc.Arbitrary<unknown> => {
    if (schema.$ref !== undefined)
      return fromSchema(document.components.schemas[schema.$ref.split('/').at(-1)], depth)
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
    const options = schema.anyOf ?? schema.oneOf
    if (options !== undefined) return fc.oneof(...options.map((option: Schema) => fromSchema(option, depth)))
    if (schema.type === 'integer')
      return fc.integer({ min: schema.minimum ?? -1, max: Math.min(schema.maximum ?? 1e6, 2 ** 31 - 1) })
    if (schema.type === 'boolean') return fc.boolean()
    if (schema.type === 'null') return fc.constant(null)
    if (schema.type === 'array' && depth < 4)
      return fc.array(fromSchema(schema.items ?? {}, depth + 1), { maxLength: 4 })
    if (schema.type === 'object' && depth < 4)
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([name, part]) => [
            name,
            orWrong(fromSchema(part, depth + 1), name),
          ]),
        ),
        { requiredKeys: [] },
      )
    if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern))
    return fc.oneof(garbage(), fc.constantFrom(...(schema.examples ?? ['x'])))
  }
  const orWrong = (right: fc.Arbitrary<unknown>, name: string): fc.Arbitrary<unknown> =>
    fc.oneof(
      {
        weight: 6,
        arbitrary: known[name] === undefined ? right : fc.oneof(right, fc.constantFrom(...known[name])),
      },
      { weight: 1, arbitrary: garbage() },
      { weight: 1, arbitrary: fc.jsonValue() },
    )
  const textOf = (schema: Schema, name: string): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 3, arbitrary: fromSchema(schema).map(String) },
      {
        weight: known[name] === undefined ? 0 : 6,
        arbitrary: fc.constantFrom(...(known[name] ?? [''])).map(String),
      },
      { weight: 2, arbitrary: garbage() },
    )
  const targetOf = ({ path, parameters }: FuzzedOperation): fc.Arbitrary<string> => {
    const named = (place: string) => parameters.filter((parameter) => parameter.in === place)
    const parts = fc.tuple(
      ...named('path').map(({ name, schema }) =>
        inUrl(textOf(schema, name)).map((text) => [name, text] as const),
      ),
    )
    const pair = named('query').map(({ name, schema }) =>
      inUrl(textOf(schema, name)).map((text) => `${name}=${text}`),
    )
    const stranger = fc.tuple(inUrl(garbage()), inUrl(garbage())).map(([name, text]) => `${name}=${text}`)
    const odd = fc.constantFrom(
      '__proto__=1',
      'constructor[prototype]=1',
      'limit[]=1',
      'limit[a]=1',
      '&&&',
      '=',
      'a=b;c=d',
      '%00=%00',
    )
    // With repetition: any of them may come twice.
    const query = fc.array(
      fc.oneof(
        ...(pair.length === 0 ? [] : [{ weight: 12, arbitrary: fc.oneof(...pair) }]),
        { weight: 1, arbitrary: stranger },
        { weight: 1, arbitrary: odd },
      ),
      { maxLength: 4 },
    )
    return fc.tuple(parts, query).map(([given, pairs]) => {
      let target = path
      for (const [name, text] of given) target = target.replace(`{${name}}`, () => text)
      return pairs.length === 0 ? target : `${target}?${pairs.join('&')}`
    })
  }
  const headersOf = ({ parameters }: FuzzedOperation): fc.Arbitrary<[string, string][]> => {
    const names = [
      ...parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name),
      'accept',
      'accept-encoding',
      'authorization',
      'origin',
      'expect',
      'range',
      'x-forwarded-for',
      'last-event-id',
      'upgrade',
      'cookie',
      'te',
    ]
    const value = garbage().map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 9_000))
    return fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 3 })
  }
  const bodyOf = ({
    method,
    bodySchema,
  }: FuzzedOperation): fc.Arbitrary<{ body: Buffer | undefined; type: string | undefined }> => {
    if (method === 'GET') return fc.constant({ body: undefined, type: undefined })
    const json = fc
      .oneof(
        { weight: 4, arbitrary: bodySchema === undefined ? fc.constant({}) : fromSchema(bodySchema) },
        { weight: 1, arbitrary: fc.jsonValue() },
      )
      .map((value) => Buffer.from(JSON.stringify(value)))
    const body = fc.oneof(
      { weight: 8, arbitrary: json },
      {
        weight: 1,
        arbitrary: fc.tuple(json, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.length + 1))),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(json, fc.constantFrom(0x80, 0xff, 0xc0, 0x00))
          .map(([bytes, byte]) => Buffer.concat([bytes, Buffer.from([byte])])),
      },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom(
            '{"__proto__":{"x":1}}',
            '{"constructor":{"prototype":{}}}',
            '['.repeat(50_000),
            '"\\ud800"',
            '1e400',
            '{"serial":{"toString":1}}',
          )
          .map((text) => Buffer.from(text)),
      },
    )
    const type = fc.oneof(
      { weight: 8, arbitrary: fc.constant<string | undefined>('application/json') },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          undefined,
          'text/plain',
          'application/xml',
          'multipart/form-data',
          'application/json; charset=latin1',
          'json',
          '/',
          'application/json, text/plain',
          '\xff',
        ),
      },
    )
    return fc.record({ body, type })
  }
  return fc.constantFrom(...operations).chain((operation) =>
    fc
      .record({
        method: fc.oneof(
          { weight: 20, arbitrary: fc.constant(operation.method) },
          {
            weight: 1,
            arbitrary: fc.constantFrom(
              'HEAD',
              'PUT',
              'DELETE',
              'OPTIONS',
              'PATCH',
              'TRACE',
              'FOO',
              'get',
              '',
            ),
          },
        ),
        target: fc.oneof(
          { weight: 20, arbitrary: targetOf(operation) },
          { weight: 1, arbitrary: inUrl(garbage()).map((text) => `/${text}`) },
        ),
        headers: headersOf(operation),
        sent: bodyOf(operation),
      })
      .map(({ method, target, headers, sent: { body, type } }) => ({
        method,
        target,
        headers: type === undefined ? headers : [...headers, ['content-type', type] as [string, string]],
        body,
      })),
  )
}

export function bytesOf({ method, target, headers, body }: FuzzedRequest): Buffer {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'host: indexer',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`content-length: ${body.length}`]),
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body ?? Buffer.alloc(0)])
}
