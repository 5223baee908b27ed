import { expect } from 'chai'
import fc from 'fast-check'
import { parseBody, scanAnswers } from '../../../indexer/chain/scan-body.ts'
import { startAnvil } from '../../support/anvil.ts'
import { deployLogEmitter } from '../../support/log-emitter.ts'

const READ = [
  'address',
  'topics',
  'data',
  'blockNumber',
  'blockHash',
  'transactionHash',
  'logIndex',
  'blockTimestamp',
]
type Member = [name: string, value: unknown]
type Answer = Record<string, unknown>

const isObject = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/** What is read of a log, in one order. `removed: false` says nothing. */
const readOf = (log: unknown) =>
  isObject(log)
    ? READ.concat(log.removed === false ? [] : 'removed').flatMap((name) =>
        name in log ? [[name, log[name]]] : [],
      )
    : log
const answerOf = (answer: unknown) =>
  isObject(answer) && Array.isArray(answer.result) ? { ...answer, result: answer.result.map(readOf) } : answer
/** Of a parsed body, what the indexer can see. */
const seenOf = (json: unknown) => (Array.isArray(json) ? json.map(answerOf) : answerOf(json))
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const digits = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`)
/** Few values, so that neighbours share some. */
const shared = (length: number) =>
  fc.integer({ min: 0, max: 2 }).map((n) => `0x${String(n).repeat(length * 2)}`)
const quantity = () => fc.integer({ min: 0, max: 300 }).map((n) => `0x${n.toString(16)}`)

const logMembers = (): fc.Arbitrary<Member[]> =>
  fc
    .record(
      {
        address: shared(20),
        topics: fc.array(fc.oneof(shared(32), digits(32)), { maxLength: 4 }),
        data: fc.oneof(digits(32), fc.nat(200).chain(digits)),
        blockNumber: quantity(),
        blockHash: shared(32),
        transactionHash: fc.oneof(shared(32), digits(32)),
        logIndex: quantity(),
        transactionIndex: quantity(),
        blockTimestamp: shared(4),
        removed: fc.constant(false),
      },
      {
        requiredKeys: [
          'address',
          'topics',
          'data',
          'blockNumber',
          'blockHash',
          'transactionHash',
          'logIndex',
        ],
      },
    )
    .map((log) => Object.entries(log))
/** Mostly all in one order, as nodes write them. */
const logs = (): fc.Arbitrary<Member[][]> =>
  fc.oneof(
    fc.array(logMembers(), { maxLength: 6 }),
    fc.array(
      logMembers().chain((members) => fc.shuffledSubarray(members, { minLength: members.length })),
      { maxLength: 4 },
    ),
  )
const header = () =>
  fc.option(
    fc.record({
      number: quantity(),
      hash: digits(32),
      transactions: fc.array(digits(32)),
      extra: fc.string(),
    }),
  )

/** JSON with spaces wherever there may be some. */
function write(value: unknown, space: () => string): string {
  const list = (parts: string[]) => parts.map((part) => space() + part + space()).join(',')
  if (Array.isArray(value)) return `[${list(value.map((item) => write(item, space)))}${space()}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([name, item]) => `"${name}"${space()}:${space()}${write(item, space)}`,
  )
  return `{${list(members)}${space()}}`
}

const spaced = (value: unknown): fc.Arbitrary<string> =>
  fc
    .oneof(
      fc.constant(['']),
      fc.array(fc.constantFrom('', ' ', '\n', '\t\r '), { minLength: 1, maxLength: 9 }),
    )
    .map((spaces) => {
      let i = 0
      return write(value, () => spaces[i++ % spaces.length]!)
    })
const answers = (): fc.Arbitrary<unknown> => {
  const answer = (result: fc.Arbitrary<unknown>) =>
    fc.record({ jsonrpc: fc.constant('2.0'), id: fc.nat(9), result })
  const ofLogs = () => answer(logs().map((all) => all.map((members) => Object.fromEntries(members))))
  return fc.oneof(ofLogs(), fc.array(fc.oneof(ofLogs(), answer(header())), { minLength: 1, maxLength: 4 }))
}
const bodies = () => answers().chain(spaced)

describe('scanner of answers with logs', () => {
  it('reads what JSON.parse reads, whatever the order of members and the spaces', () =>
    fc.assert(
      fc.property(bodies(), (text) => {
        const scanned = scanAnswers(Buffer.from(text))
        expect(scanned, text).not.to.equal(undefined)
        expect(seenOf(scanned)).to.deep.equal(seenOf(JSON.parse(text)))
      }),
      { numRuns: 500 },
    ))

  it('reads bytes that were altered as JSON.parse does, or gives them up', () => {
    const edit = fc.record({
      at: fc.nat(),
      taken: fc.integer({ min: 0, max: 3 }),
      put: fc.oneof(
        fc.constantFrom(
          '',
          '"',
          '\\',
          ',',
          '}',
          '{',
          '[',
          ']',
          ':',
          ' ',
          'null',
          '\\u0061',
          '\u0001',
          'ä',
          '0',
        ),
        fc.constantFrom('"removed":true,', '"error":{"code":1},', '"result":[],', '"data":"0x",', '"id":7,'),
        fc.constantFrom(
          '"topics":[],',
          '"other":"0x1",',
          '"other":1,',
          '"logIndex":null,',
          '"__proto__":"",',
        ),
      ),
    })
    let read = 0
    fc.assert(
      fc.property(bodies(), fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
        let altered = text
        for (const { at, taken, put } of edits) {
          // Where members begin, insertions make sense.
          const commas = [...altered.matchAll(/,(?=\s*")/g)].map(({ index }) => index + 1)
          const isMember = put.endsWith(',') && commas.length > 0
          const from = isMember ? commas[at % commas.length]! : at % (altered.length + 1)
          altered = altered.slice(0, from) + put + altered.slice(from + (isMember ? 0 : taken))
        }
        const scanned = scanAnswers(Buffer.from(altered))
        if (scanned === undefined) return
        read++
        expect(seenOf(scanned), altered).to.deep.equal(seenOf(parsed(altered)))
      }),
      { numRuns: 3_000 },
    )
    expect(read).to.be.greaterThan(100)
  })

  it('gives up at every cut, and at bytes after the end', () => {
    const text = JSON.stringify([
      { jsonrpc: '2.0', id: 1, result: { hash: '0x1' } },
      {
        jsonrpc: '2.0',
        id: 2,
        result: [Object.fromEntries(fc.sample(logMembers(), { seed: 1, numRuns: 1 })[0]!)],
      },
    ])
    expect(scanAnswers(Buffer.from(text))).not.to.equal(undefined)
    for (let length = 0; length < text.length; length++)
      expect(scanAnswers(Buffer.from(text.slice(0, length))), text.slice(0, length)).to.equal(undefined)
    for (const rest of ['x', ',', ']', '\0', '{}'])
      expect(scanAnswers(Buffer.from(text + rest)), rest).to.equal(undefined)
  })

  it('leaves errors, and logs that lack members or were removed, to JSON.parse', () => {
    const log = {
      address: '0x1',
      topics: [],
      data: '0x',
      blockNumber: '0x1',
      blockHash: '0x2',
      transactionHash: '0x3',
      logIndex: '0x0',
    }
    const body = (...result: object[]) => JSON.stringify({ jsonrpc: '2.0', id: 1, result })
    expect(scanAnswers(Buffer.from(body(log)))).to.deep.equal({ jsonrpc: '2.0', id: 1, result: [log] })
    const { data: _, ...lacking } = log
    for (const text of [
      body(log, lacking),
      body(log, { ...log, removed: true }),
      body(log, { ...log, blockTimestamp: null }),
      body(log, { ...log, topics: ['0x1', '0x2', '0x3', '0x4', '0x5'] }),
      body(log, { ...log, data: '0xä' }),
      body({ blockHash: '0x1', logs: [log] }),
      body(log).replace('"data"', '"d\\u0061ta"'),
      body(log).replace('"result"', '"result":[],"result"'),
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}',
      '[]',
      '[null]',
      '"text"',
      '',
    ])
      expect(scanAnswers(Buffer.from(text)), text).to.equal(undefined)
  })

  it('reads what a chain answers', async function () {
    this.timeout(90_000)
    const anvil = await startAnvil({ automine: true })
    try {
      const emitter = await deployLogEmitter(anvil)
      const word = (n: number): `0x${string}` => `0x${n.toString(16).padStart(64, '0')}`
      for (let i = 1; i <= 12; i++)
        await emitter.emit([word(1), word(i), word(i % 3)], i % 4 === 0 ? '0x' : word(i * 77))
      const calls = [
        { method: 'eth_getBlockByNumber', params: ['latest', false] },
        { method: 'eth_getLogs', params: [{ fromBlock: '0x0' }] },
        { method: 'eth_getLogs', params: [{ fromBlock: '0x1', toBlock: '0x1' }] },
      ].map((call, id) => ({ jsonrpc: '2.0', id, ...call }))
      for (const payload of [calls, calls[1]]) {
        const response = await fetch(anvil.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(payload),
        })
        const body = Buffer.from(await response.arrayBuffer())
        const scanned = scanAnswers(body)
        const expected = JSON.parse(body.toString())
        expect([expected].flat().some(({ result }) => result.length === 12)).to.equal(true)
        expect(scanned).not.to.equal(undefined)
        expect(seenOf(scanned)).to.deep.equal(seenOf(expected))
        expect(seenOf(parseBody(body))).to.deep.equal(seenOf(expected))
      }
    } finally {
      await anvil.stop()
    }
  })
})

describe('body of an answer', () => {
  it('is JSON of any kind and length, or undefined', () => {
    const long = 'ä'.repeat(5_000)
    for (const value of [
      1,
      null,
      [],
      { error: long },
      { result: [{ address: long }] },
      [{ id: 1, result: long }],
    ])
      expect(parseBody(Buffer.from(JSON.stringify(value)))).to.deep.equal(value)
    for (const text of ['', 'no', `{"result":[${' '.repeat(5_000)}`, `${'['.repeat(5_000)}`])
      expect(parseBody(Buffer.from(text))).to.equal(undefined)
  })
})
