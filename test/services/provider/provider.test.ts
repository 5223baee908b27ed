import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { isAuditStatementSigned } from '../../../protocol/audit-statement.ts'
import { contentHashOf } from '../../../protocol/content-hash.ts'
import { randomBytes32, utf8ToBytes, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import { queryResultDigest } from '../../../protocol/query-result.ts'
import {
  checkReceiptContent,
  checkReceiptShape,
  checkReceiptSignature,
  type Receipt,
} from '../../../protocol/receipt.ts'
import { newSerial, serialToKey } from '../../../protocol/serial.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { registryAs } from '../../support/contracts.ts'
import { until } from '../party/book-writer/written-book.ts'
import {
  type LiveProvider,
  type Neighbourhood,
  PROVIDER,
  PROVIDER_KEY,
  PROXY,
  ProxyVoice,
  setStatus,
  settle,
  startProvider,
  tamper,
} from './provider-fixture.ts'

describe('provider', () => {
  let chain: AnvilChain
  let home: Neighbourhood
  let live: LiveProvider
  const start = async (env: Record<string, string> = {}): Promise<LiveProvider> => {
    live = await startProvider(home, env)
    return live
  }

  beforeEach(async () => {
    chain = await startAnvil()
    home = await settle(chain)
  })
  afterEach(async () => {
    await live?.provider.close()
    await chain.kill()
    home.remove()
  })

  async function digestOnChain(serial: string): Promise<string> {
    const { registry, provider } = registryAs(chain.url, home.contracts.QueryResultRegistry, PROVIDER_KEY)
    try {
      return await registry.getFunction('digestOf')(PROVIDER, serialToKey(serial))
    } finally {
      provider.destroy()
    }
  }
  const recorded = (receipt: Receipt) =>
    until(async () => (await digestOnChain(receipt.serial)) === receipt.digest)

  describe('a database that cannot be written to', () => {
    it('is told by a problem document without its inside, and answers go on once it can', async () => {
      const { proxy } = await start()
      const before = await proxy.receipt()
      bySql(
        "CREATE TRIGGER full BEFORE INSERT ON request_nonces BEGIN SELECT RAISE(FAIL, 'disk is full'); END",
      )
      const { status, body } = await proxy.ask()
      expect(status).to.equal(500)
      expect(body).to.include({ status: 500, code: 'INTERNAL' })
      expect(JSON.stringify(body)).to.not.match(/sqlite|disk/i)
      bySql('DROP TRIGGER full')
      for (const receipt of [before, await proxy.receipt()]) await recorded(receipt)
    })

    function bySql(sql: string): void {
      const db = new DatabaseSync(home.databaseFile, { timeout: 5_000 })
      db.exec(sql)
      db.close()
    }
  })

  describe('answering', () => {
    it('gives a receipt that verifies, and records its digest', async () => {
      const { proxy } = await start()
      const receipt = await proxy.receipt()
      checkReceiptShape(receipt)
      checkReceiptContent(receipt)
      checkReceiptSignature(receipt)
      expect(receipt.author).to.equal(PROVIDER)
      expect(receipt.result).to.include({ serial: receipt.serial, type: 'motor-insurance', found: true })
      expect(receipt.recordBy - receipt.answeredAt).to.equal(60)
      await recorded(receipt)
    })

    it('shows digests only when that is what was asked for', async () => {
      const { proxy } = await start()
      const receipt = await proxy.receipt({ disclosure: 'digest' })
      checkReceiptShape(receipt)
      checkReceiptSignature(receipt)
      expect(receipt).to.not.have.any.keys('result', 'contentHash', 'salt')
      const { body } = await proxy.audit(receipt.serial)
      expect(body.stored).to.deep.equal({ digest: receipt.digest })
      expect(body.derived).to.deep.equal({ digest: receipt.digest })
      expect(body).to.not.have.property('salt')
    })

    it('narrows by a parameter', async () => {
      const { proxy } = await start()
      const all = await proxy.receipt()
      const one = await proxy.receipt({ parameters: { year: 2023 } })
      const none = await proxy.receipt({ parameters: { year: 1999 } })
      expect(all.result).to.include({ policyYears: 2, lastYear: 2023 })
      expect(one.result).to.include({ policyYears: 1, lastYear: 2023 })
      expect(none.result).to.deep.equal({ serial: none.serial, type: 'motor-insurance', found: false })
    })

    it('answers and records that a subject is not in its book', async () => {
      const { proxy } = await start()
      const receipt = await proxy.receipt({ subject: 'NOBODY-HAS-THIS' })
      expect(receipt.result).to.deep.equal({ serial: receipt.serial, type: 'motor-insurance', found: false })
      await recorded(receipt)
    })

    it('answers a serial once', async () => {
      const { proxy } = await start()
      const { serial } = await proxy.receipt()
      const { status, body } = await proxy.ask({ serial })
      expect([status, body.code]).to.deep.equal([409, 'SERIAL_ALREADY_ANSWERED'])
    })

    it('refuses what is not of its query type, without repeating it', async () => {
      const { proxy } = await start()
      const refusals = await Promise.all([
        proxy.ask({ type: 'loan' }),
        proxy.ask({ parameters: { year: 'Muster' } }),
        proxy.ask({ parameters: { shoeSize: 44 } }),
        proxy.ask({ serial: 'x' }),
        proxy.ask({ subject: 'x'.repeat(65) }),
        proxy.ask({ surplus: 1 }),
      ])
      expect(refusals.map(({ status, body }) => [status, body.code])).to.deep.equal([
        [404, 'QUERY_TYPE_UNKNOWN'],
        [422, 'QUERY_INVALID'],
        [422, 'QUERY_INVALID'],
        [400, 'REQUEST_INVALID'],
        [422, 'QUERY_INVALID'],
        [400, 'REQUEST_INVALID'],
      ])
      for (const { body } of refusals) expect(JSON.stringify(body)).to.not.match(/Muster|xxxxx/)
    })

    it('records nothing when a result cannot be carried or does not fit its type', async () => {
      writeFileSync(join(home.folder, 'rows.csv'), `id,n,text\nBIG,9007199254740991,1\nBIG,1,1\nTEXT,1,x\n`)
      const file = (name: string, json: unknown): string => {
        writeFileSync(join(home.folder, name), JSON.stringify(json))
        return join(home.folder, name)
      }
      const book = file('book.json', {
        name: 'a book',
        queryType: 'count',
        tables: { rows: { file: './rows.csv', subject: 'id', columns: { n: 'integer', text: 'text' } } },
        answer: { total: { sum: 'n' }, one: { first: 'text' } },
      })
      mkdirSync(join(home.folder, 'types'))
      file('types/count.json', {
        type: 'count',
        title: 'How many?',
        subject: { type: 'string' },
        parameters: { type: 'object', maxProperties: 0 },
        result: { properties: { total: { type: 'integer' }, one: { const: '1' } } },
      })
      const { proxy, url } = await start({
        PROVIDER_BOOK: book,
        PROVIDER_QUERY_TYPES: join(home.folder, 'types'),
      })
      const big = await proxy.ask({ type: 'count', subject: 'BIG' })
      expect([big.status, big.body.code]).to.deep.equal([422, 'JSON_NOT_CANONICALISABLE'])
      expect(big.body.detail).to.include('$.total')
      const text = await proxy.ask({ type: 'count', subject: 'TEXT' })
      expect([text.status, text.body.code]).to.deep.equal([500, 'RESULT_OFF_SCHEMA'])
      const { outbox } = (await (await fetch(`${url}/v1/status`)).json()) as { outbox: { pending: number } }
      expect(outbox.pending).to.equal(0)
    })

    it('goes on while the chain hangs; the records follow', async () => {
      const { proxy } = await start()
      await proxy.receipt()
      process.kill(chain.pid, 'SIGSTOP')
      const receipts: Receipt[] = []
      for (let i = 0; i < 20; i++) receipts.push(await proxy.receipt())
      process.kill(chain.pid, 'SIGCONT')
      for (const receipt of receipts) await recorded(receipt)
    })

    it('loses no answer of many at once', async () => {
      const { proxy, url } = await start()
      const receipts = await Promise.all(Array.from({ length: 200 }, () => proxy.receipt()))
      for (const receipt of receipts) await recorded(receipt)
      const outbox = async () =>
        (
          (await (await fetch(`${url}/v1/status`)).json()) as {
            outbox: { pending: number; submitted: number }
          }
        ).outbox
      // They are on chain before the provider knows.
      await until(async () => {
        const { pending, submitted } = await outbox()
        return pending + submitted === 0
      })
      expect(await outbox()).to.include({ conflict: 0, overdue: 0 })
    })

    it('takes no more when too many digests wait for the chain', async () => {
      const { proxy } = await start({ PROVIDER_MAX_WAITING: '2' })
      await chain.request('evm_setAutomine', [false])
      await Promise.all([proxy.receipt(), proxy.receipt()])
      await until(async () => (await proxy.ask()).body.code === 'NOT_READY')
      await chain.request('evm_setAutomine', [true])
    })
  })

  describe('strict mode', () => {
    it('answers when the digest is on chain', async () => {
      const { proxy } = await start({ PROVIDER_MODE: 'strict' })
      const { body } = await proxy.ask()
      expect(body.mode).to.equal('strict')
      expect(body.receipt.recordBy).to.equal(0)
      checkReceiptSignature(body.receipt)
      expect(await digestOnChain(body.receipt.serial)).to.equal(body.receipt.digest)
    })

    it('gives no answer when the chain does not confirm it in time', async () => {
      const { proxy } = await start({ PROVIDER_MODE: 'strict', PROVIDER_STRICT_TIMEOUT_MS: '300' })
      await chain.request('evm_setAutomine', [false])
      const { status, body } = await proxy.ask()
      expect([status, body.code]).to.deep.equal([503, 'RECORDING_TIMED_OUT'])
      await chain.request('evm_setAutomine', [true])
    })
  })

  describe('authentication', () => {
    const path = '/v1/answers'
    const query = () => ({ serial: newSerial(), type: 'motor-insurance', subject: 'SP-101' })
    const codeOf = ({ status, body }: { status: number; body: { code: string } }) => [status, body.code]

    it('refuses an unsigned request before it looks at it', async () => {
      const { proxy } = await start()
      expect(codeOf(await proxy.post(path, { nonsense: true }, {}))).to.deep.equal([
        401,
        'REQUEST_SIGNATURE_MISSING',
      ])
    })

    it('refuses a proxy that is not registered', async () => {
      const { url } = await start()
      const stranger = new ProxyVoice(url, randomBytes32())
      expect(codeOf(await stranger.ask())).to.deep.equal([403, 'REQUEST_SENDER_UNKNOWN'])
    })

    it('refuses a participant without the role', async () => {
      const { url } = await start()
      expect(codeOf(await new ProxyVoice(url, PROVIDER_KEY).ask())).to.deep.equal([
        403,
        'REQUEST_SENDER_UNKNOWN',
      ])
    })

    it('refuses a proxy as soon as it is suspended', async () => {
      const { proxy } = await start()
      await proxy.receipt()
      await setStatus(chain, home.contracts, PROXY, 2)
      await until(async () => (await proxy.ask()).status === 403)
    })

    it('refuses an expired request', async () => {
      const { proxy } = await start()
      const body = query()
      const headers = proxy.headers(path, utf8ToBytes(JSON.stringify(body)), {
        expiresAt: Math.floor(Date.now() / 1000) - 1,
      })
      expect(codeOf(await proxy.post(path, body, headers))).to.deep.equal([401, 'REQUEST_EXPIRED'])
    })

    it('refuses a body that was not signed', async () => {
      const { proxy } = await start()
      const headers = proxy.headers(path, utf8ToBytes(JSON.stringify(query())))
      expect(codeOf(await proxy.post(path, query(), headers))).to.deep.equal([
        401,
        'REQUEST_SIGNATURE_INVALID',
      ])
    })

    it('serves a request once, also after a restart', async () => {
      const { proxy, provider } = await start()
      const body = query()
      const headers = proxy.headers(path, utf8ToBytes(JSON.stringify(body)))
      expect((await proxy.post(path, body, headers)).status).to.equal(200)
      expect(codeOf(await proxy.post(path, body, headers))).to.deep.equal([409, 'REQUEST_REPLAYED'])
      await provider.close()
      const again = await start()
      expect(codeOf(await again.proxy.post(path, body, headers))).to.deep.equal([409, 'REQUEST_REPLAYED'])
    })

    it('tells only its status to everybody', async () => {
      const { url } = await start()
      expect((await fetch(`${url}/v1/status`)).status).to.equal(200)
      expect((await fetch(`${url}/readyz`)).status).to.equal(200)
    })
  })

  describe('an audit', () => {
    it('answers again what was answered', async () => {
      const { proxy } = await start()
      const receipt = await proxy.receipt()
      await recorded(receipt)
      await until(async () => (await proxy.audit(receipt.serial)).body.location !== undefined)
      const nonce = randomBytes32()
      const { body } = await proxy.audit(receipt.serial, nonce)
      expect(body).to.deep.include({ serial: receipt.serial, provider: PROVIDER, nonce, erased: false })
      expect(body.stored).to.deep.equal({ digest: receipt.digest, result: receipt.result })
      expect(body.derived).to.deep.equal(body.stored)
      expect(body.salt).to.equal(receipt.salt)
      expectSigned(receipt, body)
    })

    it('knows no serial that was never asked', async () => {
      const { proxy } = await start()
      const { status, body } = await proxy.audit(newSerial())
      expect([status, body.code]).to.deep.equal([404, 'SERIAL_UNKNOWN'])
    })

    it('is not moved by a book that has changed since', async () => {
      const { proxy } = await start()
      const receipt = await proxy.receipt()
      tamper(home.databaseFile, "UPDATE book_rows SET source_row = replace(source_row, '.', '9.')")
      const { body } = await proxy.audit(receipt.serial)
      expect([body.stored.digest, body.derived.digest]).to.deep.equal([receipt.digest, receipt.digest])
    })

    const ALTERATIONS = {
      'the stored answer': ['stored', `answer = replace(answer, '"found":true', '"found":false')`],
      'a stored answer that is no JSON any more': ['stored', `answer = 'oops' || answer`],
      'a stored answer that is gone': ['stored', 'answer = NULL'],
      'a stored answer with a number that JCS cannot carry': [
        'stored',
        `answer = replace(answer, '"claimCount":1', '"claimCount":1e999')`,
      ],
      'a source row': ['derived', `source_rows = replace(source_rows, '531.14', '1531.14')`],
      'source rows that are no JSON any more': ['derived', `source_rows = substr(source_rows, 2)`],
      'source rows of another shape': ['derived', `source_rows = '{"policies":17}'`],
      'the query': ['derived', `query = replace(query, 'SP-101', 'SP-102')`],
      'a query that is no JSON any more': ['derived', `query = ''`],
      'the salt share': ['both', `salt_share = '0x${'11'.repeat(32)}'`],
      'a salt share that is none any more': ['both', `salt_share = 'none'`],
      'a declaration that is gone': ['derived', `declaration_id = 'none'`],
    } as const
    for (const [what, [where, change]] of Object.entries(ALTERATIONS))
      it(`shows ${what}`, async () => {
        const { proxy } = await start()
        const receipt = await proxy.receipt()
        tamper(home.databaseFile, `UPDATE answers SET ${change} WHERE serial = ?`, receipt.serial)
        const { status, body } = await proxy.audit(receipt.serial)
        expect(status).to.equal(200)
        expect(body.stored.digest === receipt.digest, 'stored').to.equal(where === 'derived')
        expect(body.derived.digest === receipt.digest, 'derived').to.equal(where === 'stored')
        expectSigned(receipt, body)
        for (const { digest, result } of [body.stored, body.derived])
          expect(digestOf(receipt, result, body.salt)).to.equal(digest)
      })

    it('says what was erased, and nothing else about it', async () => {
      const { proxy } = await start()
      const receipt = await proxy.receipt()
      const { eraseAnswer } = await import('../../../services/provider/answers/erase-answer.ts')
      const db = new DatabaseSync(home.databaseFile, { timeout: 5_000 })
      expect(eraseAnswer(db, receipt.serial)).to.equal('erased')
      expect(eraseAnswer(db, receipt.serial)).to.equal('was-erased')
      db.close()
      const { body } = await proxy.audit(receipt.serial)
      expect(body).to.deep.include({
        erased: true,
        stored: { digest: ZERO_BYTES32 },
        derived: { digest: ZERO_BYTES32 },
      })
      expect(body).to.not.have.property('salt')
      expectSigned(receipt, body)
      expect((await proxy.ask({ serial: receipt.serial })).body.code).to.equal('SERIAL_ALREADY_ANSWERED')
    })
  })

  it('does not go on with the database of another chain, registry or key', async () => {
    const { provider } = await start()
    await provider.close()
    const error = await start({ COUNTERSIGN_PRIVATE_KEY: randomBytes32() }).catch((error) => error)
    expect(error).to.have.property('code', 'CONFIGURATION_INVALID')
    expect(error.message).to.include(PROVIDER)
    await start()
  })

  it('promises nothing that its own batching would break', async () => {
    const error = await start({ PROVIDER_FLUSH_MS: '2000', PROVIDER_RECORD_WITHIN_S: '2' }).catch(
      (error) => error,
    )
    expect(error).to.have.property('code', 'CONFIGURATION_INVALID')
    await start()
  })

  it('keeps a second process off its database', async () => {
    await start()
    const first = live
    let refused: unknown
    await start().catch((error) => {
      refused = error
    })
    live = first
    expect(refused).to.have.property('code', 'DATABASE_IN_USE')
  })
})

const digestOf = (
  { chainId, registry, serial }: Receipt,
  result: Parameters<typeof contentHashOf>[0],
  salt: Receipt['digest'],
) =>
  queryResultDigest({
    chainId,
    registry,
    serial,
    provider: PROVIDER,
    contentHash: contentHashOf(result),
    salt,
  })

function expectSigned(
  { chainId, registry, serial }: Receipt,
  // biome-ignore lint/suspicious/noExplicitAny: as raw as a server's answer
  body: any,
): void {
  const statement = {
    chainId,
    registry,
    serial,
    provider: PROVIDER,
    storedDigest: body.stored.digest,
    derivedDigest: body.derived.digest,
    nonce: body.nonce,
    answeredAt: body.answeredAt,
  }
  expect(isAuditStatementSigned(statement, body.signature)).to.equal(true)
}
