import { Readable } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { isCountersignError } from '../../../../protocol/errors.ts'
import { type ImportedRow, readPayments } from '../../../../services/tax-office/import/read-payments.ts'
import { bytesOf, mappingOf, onlyRecord, outcomes, readRows } from './mapped-rows.ts'

const HEADING = 'id,paid,amount\n'
const row = (id: string, amount = '1.00'): string => `${id},2024-02-29,${amount}\n`

async function faultOf(rows: Promise<ImportedRow[]>): Promise<string> {
  try {
    await rows
  } catch (error) {
    if (isCountersignError(error, 'PAYMENT_FILE_INVALID')) return error.message
    throw error
  }
  throw new Error('the file was read')
}

describe('payments from a CSV file', () => {
  it('are records of the mapped columns, with the line each begins in', async () => {
    const rows = await readRows(`${HEADING}${row('a')}${row('b', '-2.50')}`)
    expect(rows).to.deep.equal([
      {
        line: 2,
        record: {
          orderId: 'a',
          kind: 'payment',
          category: 'tax',
          period: '',
          amountMinor: 100,
          currency: 'GBP',
          paidAt: '2024-02-29',
          authority: 'Revenue',
          visibility: 'sealed',
        },
      },
      {
        line: 3,
        record: {
          ...('record' in rows[0]! ? rows[0].record : {}),
          orderId: 'b',
          kind: 'refund',
          amountMinor: 250,
        },
      },
    ])
  })

  it('may have a byte order mark, Windows line ends, quotes, blanks around cells, other columns, and no last line end', async () => {
    const text =
      '\ufeff"x", id ,paid,"amount"\r\n"1,\r\n2", a ,2024-02-29,"1.00"\r\n\r\n3,"b ""c""",2024-02-29,1.00'
    expect(outcomes(await readRows(text, mappingOf({ multiline: true })))).to.deep.equal([
      [2, 'a'],
      [5, 'b "c"'],
    ])
  })

  it('are the same however the bytes are cut', async () => {
    const file = Buffer.from(`${HEADING}${row('é€😀')}"q""\nr",2024-02-29,1.00\n${row('x,y')}${row('z')}`)
    const mapping = mappingOf({ multiline: true })
    const whole = outcomes(await readRows(file, mapping))
    expect(whole).to.deep.equal([
      [2, 'é€😀'],
      [3, 'ORDER_ID_INVALID'],
      [5, 'ROW_RAGGED'],
      [6, 'z'],
    ])
    for (let cut = 0; cut <= file.length; cut++) {
      const pieces = bytesOf(file.subarray(0, cut), file.subarray(cut))
      expect(outcomes(await Array.fromAsync(readPayments(pieces, mapping)))).to.deep.equal(whole)
    }
  })

  it('are refused row by row: ragged ones, stray quotes, bytes that are not UTF-8, long rows and cells', async () => {
    const file = Buffer.concat([
      Buffer.from(`${HEADING}${row('a')}b,2024-02-29\nc,2024-02-29,1.00,\n${row('d"e')}`),
      Buffer.from([0x66, 0xff]),
      Buffer.from(`,2024-02-29,1.00\n${row('g\u{fffd}')}${row('h'.repeat(70_000))}${row('i'.repeat(2000))}`),
      Buffer.from(`"j" ,2024-02-29,1.00\n,,\n${row('k')}`),
    ])
    expect(outcomes(await readRows(file))).to.deep.equal([
      [2, 'a'],
      [3, 'ROW_RAGGED'],
      [4, 'ROW_RAGGED'],
      [5, 'ROW_MALFORMED'],
      [6, 'ROW_NOT_UTF8'],
      [7, 'ROW_NOT_UTF8'],
      [8, 'ROW_TOO_LONG'],
      [9, 'CELL_TOO_LONG'],
      [10, 'ROW_MALFORMED'],
      [11, 'AMOUNT_EMPTY DATE_EMPTY ORDER_ID_PART_EMPTY'],
      [12, 'k'],
    ])
  })

  it('lose no sound row to a stray quote before it, whether it is closed later, never, or at the end', async () => {
    const sound = Array.from({ length: 300 }, (_, i) => row(`s${i}`))
    const cases = [[5], [5, 9], [5, 200], [299], [0, 1, 2, 3]].flatMap((stray) => [
      { stray, multiline: false },
      { stray, multiline: true },
    ])
    for (const { stray, multiline } of cases) {
      const lines = sound.map((line, i) => (stray.includes(i) ? `"${line}` : line))
      const rows = await readRows(HEADING + lines.join(''), mappingOf({ multiline }))
      const expected = sound.map((_, i): [number, string] => [
        i + 2,
        stray.includes(i) ? 'ROW_MALFORMED' : `s${i}`,
      ])
      expect(outcomes(rows)).to.deep.equal(expected)
    }
  })

  it('lose no sound row to two stray quotes that make a cell of several lines, unless such cells are declared', async () => {
    const text = `${HEADING}"${row('a')}${row('b')}c",2024-02-29,1.00\n${row('d')}`
    expect(outcomes(await readRows(text))).to.deep.equal([
      [2, 'ROW_MALFORMED'],
      [3, 'b'],
      [4, 'ROW_MALFORMED'],
      [5, 'd'],
    ])
    expect(outcomes(await readRows(text, mappingOf({ multiline: true })))).to.deep.equal([
      [2, 'ORDER_ID_INVALID'],
      [5, 'd'],
    ])
  })

  it('are not read when the heading lacks columns, has one twice, or is not there', async () => {
    expect(await faultOf(readRows('id,amount\na,1\n'))).to.equal('the heading lacks: paid')
    expect(await faultOf(readRows('a\n'))).to.equal('the heading lacks: id, amount, paid')
    expect(await faultOf(readRows('id,paid,amount,id\n'))).to.contain('more than once: id')
    expect(await faultOf(readRows(''))).to.contain('empty')
    expect(await faultOf(readRows('\n\n'))).to.contain('empty')
    expect(await faultOf(readRows('id",paid,amount\n'))).to.contain('line 1')
    expect(await faultOf(readRows(`${'x,'.repeat(1000)}id,paid,amount\n`))).to.contain('1000 columns')
    expect(await faultOf(readRows(Buffer.from(`\ufeff${HEADING}`, 'utf16le')))).to.contain('UTF-16')
  })

  it('may be separated by another sign, and have no heading where the mapping names the columns', async () => {
    const mapping = mappingOf({ delimiter: ';', header: ['amount', 'id', 'paid'] })
    const text = '1.00;a;2024-02-29\n1,00;b;2024-02-29\n'
    expect(outcomes(await readRows(text, mapping))).to.deep.equal([
      [1, 'a'],
      [2, 'AMOUNT_UNREADABLE'],
    ])
  })

  it('are read no further ahead than one piece of the file', async () => {
    let pulled = 0
    const source = (async function* () {
      yield Buffer.from(HEADING)
      for (; pulled < 1000; pulled++) yield Buffer.from(row(`${pulled}a`) + row(`${pulled}b`))
    })()
    let taken = 0
    for await (const _row of readPayments(source, mappingOf())) {
      taken++
      expect(pulled).to.be.at.most(taken / 2 + 1)
    }
    expect(taken).to.equal(2000)
  })

  it('let go of their source when the reader stops early, and pass on how the source fails', async () => {
    const source = Readable.from([Buffer.from(HEADING + row('a') + row('b')), Buffer.from(row('c'))])
    for await (const { line } of readPayments(source, mappingOf())) if (line === 2) break
    expect(source.destroyed).to.equal(true)
    const failing = (async function* () {
      yield Buffer.from(HEADING + row('a'))
      throw new Error('the disk is gone')
    })()
    const rows = readPayments(failing, mappingOf())
    expect((await rows.next()).value).to.have.nested.property('record.orderId', 'a')
    let message = ''
    await rows.next().catch((error: Error) => {
      message = error.message
    })
    expect(message).to.equal('the disk is gone')
  })
})

describe('payments from JSON lines', () => {
  const mapping = mappingOf({ format: 'json-lines' })

  it('take numbers as they are written', async () => {
    const line = (amount: string): string =>
      `{"id":"a","paid":"2024-02-29","amount":${amount},"more":[{"x":1}]}`
    expect((await onlyRecord(line('0.10'), mapping)).amountMinor).to.equal(10)
    expect((await onlyRecord(line('90071992547409.91'), mapping)).amountMinor).to.equal(2 ** 53 - 1)
    expect((await onlyRecord(line('"-3.5"'), mapping)).kind).to.equal('refund')
    expect(outcomes(await readRows(line('1e2'), mapping))).to.deep.equal([[1, 'AMOUNT_UNREADABLE']])
    expect(outcomes(await readRows(line('1.001'), mapping))).to.deep.equal([[1, 'AMOUNT_TOO_PRECISE']])
  })

  it('are refused line by line, and the rest goes on', async () => {
    const sound = (id: string): string => `{"id":"${id}","paid":"2024-02-29","amount":"1.00"}`
    const lines = [
      sound('a'),
      '{"id":',
      '[1]',
      '7',
      'null',
      '',
      '{"id":"b","paid":"2024-02-29","amount":"1.00","amount":"9.00"}',
      '{"id":"c","paid":["2024-02-29"],"amount":"1.00"}',
      '{"id":"d","paid":null}',
      `{"id":"${'e'.repeat(70_000)}"}`,
      `{"id":"f:\\"{}","paid":"2024-02-29","amount":"1.00","x":{"a:b":[1,{"c":2}]}}`,
      '{"__proto__":{"id":"x"},"paid":"2024-02-29","amount":"1.00"}',
      sound('g'),
    ]
    expect(outcomes(await readRows(lines.join('\n'), mapping))).to.deep.equal([
      [1, 'a'],
      [2, 'ROW_MALFORMED'],
      [3, 'ROW_MALFORMED'],
      [4, 'ROW_MALFORMED'],
      [5, 'ROW_MALFORMED'],
      [7, 'ROW_MALFORMED'],
      [8, 'CELL_NOT_TEXT'],
      [9, 'AMOUNT_EMPTY DATE_EMPTY'],
      [10, 'ROW_TOO_LONG'],
      [11, 'f:"{}'],
      [12, 'ORDER_ID_PART_EMPTY'],
      [13, 'g'],
    ])
  })
})

describe('any bytes', () => {
  const csvLike = fc.string({
    unit: fc.constantFrom('"', ',', '\n', '\r', 'a', '1', '-', '\u{feff}', '\0'),
    maxLength: 200,
  })
  const file = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.concat([Buffer.from(HEADING), bytes])),
    csvLike.map((text) => Buffer.from(HEADING + text)),
    csvLike.map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.array(fc.json(), { maxLength: 5 }).map((lines) => Buffer.from(lines.join('\n'))),
  )
  const runs = { numRuns: Number(process.env.COUNTERSIGN_FUZZ_RUNS ?? 300) }

  for (const form of [{ format: 'csv' }, { multiline: true }, { format: 'json-lines' }])
    it(`give rows in the order of their lines, or one error: ${JSON.stringify(form)}`, async () => {
      const mapping = mappingOf(form)
      await fc.assert(
        fc.asyncProperty(file, async (bytes) => {
          try {
            const lines = (await readRows(bytes, mapping)).map(({ line }) => line)
            expect(lines).to.deep.equal([...new Set(lines)].sort((a, b) => a - b))
          } catch (error) {
            if (!isCountersignError(error, 'PAYMENT_FILE_INVALID')) throw error
          }
        }),
        runs,
      )
    })

  it('in cells never give a record that says something else than the cells', async () => {
    const cell = fc.string({ unit: 'binary', maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(cell, cell, cell, async (id, paid, amount) => {
        const quoted = [id, paid, amount].map((text) => `"${text.replaceAll('"', '""')}"`).join(',')
        for (const row of await readRows(`${HEADING}${quoted}\n${row0}`, mappingOf({ multiline: true })))
          if ('record' in row && row.line === 2) {
            expect(row.record.orderId).to.equal(id.trim().normalize('NFC'))
            expect(paid.trim()).to.equal(row.record.paidAt)
          }
      }),
      runs,
    )
  })
  const row0 = row('last')
})
