import { expect } from 'chai'
import fc from 'fast-check'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import { contentHashOf } from '../../../protocol/content-hash.ts'
import { verifyEventProof } from '../../../protocol/event-proof.ts'
import { type Bytes32, randomBytes32 } from '../../../protocol/hex.ts'
import { queryResultDigest } from '../../../protocol/query-result.ts'
import { verifyResultRecorded } from '../../../protocol/record-proof.ts'
import { newSerial, serialToKey } from '../../../protocol/serial.ts'
import { addressOf } from '../../../protocol/signature.ts'
import { verifyStorageProof } from '../../../protocol/storage-proof.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import {
  DEPLOYER_KEY,
  type DeployedContracts,
  deployAll,
  directoryAs,
  registerProvider,
} from '../../support/contracts.ts'
import { caughtUp, startTestIndexer, testChain } from '../../support/indexer.ts'
import { type AnswerChecker, openApiAnswers } from '../../support/openapi-answers.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'

const STRANGER = '0x1111111111111111111111111111111111111111'
const OTHER_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'

describe('indexer API', () => {
  let chain: AnvilChain
  let contracts: DeployedContracts
  let writer: RecordWriter
  let indexer: RunningIndexer
  let checker: AnswerChecker
  const provider = addressOf(DEPLOYER_KEY)

  before(async () => {
    checker = await openApiAnswers()
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    await registerProvider(
      chain.url,
      { directory: contracts.ParticipantDirectory, ...chain, registry: contracts.QueryResultRegistry },
      provider,
      'Lender A',
    )
    writer = recordWriter(chain.url, contracts.QueryResultRegistry)
    indexer = await startTestIndexer([testChain(chain, contracts)])
    await caughtUp(indexer, chain)
  })

  after(async () => {
    await indexer.stop()
    writer.close()
    await chain.kill()
  })

  /** Every answer is what the OpenAPI document says. */
  const checked = async (method: string, path: string, response: Response) => {
    const text = await response.text()
    const contentType = response.headers.get('content-type') ?? ''
    checker.check(method, path, { status: response.status, contentType, text })
    return { status: response.status, type: contentType, body: JSON.parse(text) }
  }
  const get = async (path: string) => {
    const response = await fetch(indexer.url + path)
    return checked('GET', path, response)
  }
  const post = async (path: string, body: unknown) => {
    const response = await fetch(indexer.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return checked('POST', path, response)
  }
  const written = async <T>(write: () => Promise<T>): Promise<T> => {
    writer.reset()
    const result = await write()
    await caughtUp(indexer, chain)
    return result
  }

  describe('GET /v1/results/{serial}', () => {
    it('answers with the record, and with chain, block, finality and completeness', async () => {
      const { serial, digest } = await written(() => writer.record())
      const { status, body } = await get(`/v1/results/${serial}`)
      expect(status).to.equal(200)
      expect(body.records).to.have.length(1)
      expect(body.records[0]).to.include({
        chainId: chain.chainId,
        registry: contracts.QueryResultRegistry,
        provider,
        serial,
        digest,
        tier: 'recorded',
        finality: 'final',
        completeness: 'complete',
        authorStatus: 'active',
        suspended: false,
        repeated: false,
      })
      const head = await chain.request<{ hash: string; number: string }>('eth_getBlockByNumber', [
        'latest',
        false,
      ])
      expect(body.standings[0]).to.deep.include({ chainId: chain.chainId, completeness: 'complete' })
      expect(body.standings[0].block).to.include({ number: Number(head.number), hash: head.hash })
    })

    it('shows every provider, and flags what repeats an earlier record', async () => {
      const entry = await written(() => writer.record())
      const other = recordWriter(chain.url, contracts.QueryResultRegistry, OTHER_KEY)
      await written(async () => {
        await writer.publish([{ key: entry.key, digest: randomBytes32() }])
        await other.publish([entry])
      })
      other.close()
      const { body } = await get(`/v1/results/${entry.serial}`)
      expect(
        body.records.map(({ provider, tier, repeated }: Record<string, unknown>) => [
          provider,
          tier,
          repeated,
        ]),
      ).to.deep.equal([
        [provider, 'recorded', false],
        [provider, 'published', true],
        [addressOf(OTHER_KEY), 'published', false],
      ])
      const one = await get(`/v1/results/${entry.serial}/${addressOf(OTHER_KEY).toLowerCase()}`)
      expect(one.body.records).to.have.length(1)
    })

    it('says with 404 at which block and against which head nothing was found', async () => {
      const { status, type, body } = await get(`/v1/results/${newSerial()}/${provider}`)
      expect(status).to.equal(404)
      expect(type).to.contain('application/problem+json')
      expect(body.code).to.equal('RECORD_UNKNOWN')
      expect(body.standings[0].block.number).to.be.greaterThan(0)
      expect(body.heads[0]).to.include({ completeness: 'complete', registry: contracts.QueryResultRegistry })
      const { books } = (await get(`/v1/authors/${provider}/completeness`)).body
      expect(books[0].chainHead).to.equal(body.heads[0].head)
    })

    it('flags what was recorded while its author was suspended', async () => {
      const { directory, provider: connection } = directoryAs(chain.url, contracts.ParticipantDirectory)
      const setStatus = async (status: number) => {
        await (await directory.getFunction('setStatus')(provider, status)).wait()
        // The directory tells changes apart by the second.
        await chain.request('evm_increaseTime', [5])
      }
      await setStatus(2)
      const { serial, digest } = await written(() => writer.record())
      await chain.request('evm_increaseTime', [5])
      const reset = directoryAs(chain.url, contracts.ParticipantDirectory)
      await (await reset.directory.getFunction('setStatus')(provider, 1)).wait()
      await chain.request('evm_increaseTime', [5])
      reset.provider.destroy()
      connection.destroy()
      await caughtUp(indexer, chain)
      const { body } = await get(`/v1/results/${serial}`)
      expect(body.records[0]).to.include({ suspended: true, authorStatus: 'suspended' })
      const audit = await post('/v1/audits', { serial, provider, digest })
      expect(audit.body).to.include({ verdict: 'suspended-author' })
    })

    it('proves the event and the slot on request', async () => {
      const results = await written(() => writer.recordBatch(3))
      const { serial, digest } = results[1]!
      const event = await get(`/v1/results/${serial}/${provider}?proof=event`)
      const proof = event.body.records[0].proof
      const proven = await verifyResultRecorded(proof, {
        registry: contracts.QueryResultRegistry,
        provider,
        serial,
      })
      expect(proven.digest).to.equal(digest)
      expect((await verifyEventProof(proof)).blockHash).to.equal(event.body.records[0].block.hash)
      const storage = await get(`/v1/results/${serial}/${provider}?proof=storage`)
      expect((await verifyStorageProof(storage.body.records[0].proof)).value).to.equal(digest)
    })
  })

  describe('GET /v1/results', () => {
    it('pages through all records of a provider, standing at one block', async () => {
      await written(() => writer.recordBatch(7))
      const serials: string[] = []
      let next: string | null = ''
      while (next !== null) {
        const page: { body: { records: { serial: string }[]; next: string | null } } = await get(
          `/v1/results?provider=${provider}&limit=3${next === '' ? '' : `&cursor=${next}`}`,
        )
        serials.push(...page.body.records.map(({ serial }) => serial))
        if (next === '') await written(() => writer.record())
        next = page.body.next
      }
      const all = await get(`/v1/results?provider=${provider}&limit=200`)
      const allSerials: string[] = all.body.records.map(({ serial }: { serial: string }) => serial)
      expect(serials, 'all but the one recorded after the first page').to.deep.equal(allSerials.slice(0, -1))
    })

    it('refuses a cursor of another list', async () => {
      const { body } = await get(`/v1/results?provider=${provider}&limit=1`)
      const { status, body: problem } = await get(`/v1/results?provider=${STRANGER}&cursor=${body.next}`)
      expect([status, problem.code]).to.deep.equal([400, 'CURSOR_INVALID'])
    })
  })

  describe('POST /v1/audits', () => {
    it('finds the answer that was recorded consistent, and any other changed', async () => {
      const serial = newSerial()
      const salt = randomBytes32()
      const result = { serial, loan: true, amount: '1200.00' }
      const digest = queryResultDigest({
        chainId: chain.chainId,
        registry: contracts.QueryResultRegistry,
        serial,
        provider,
        contentHash: contentHashOf(result),
        salt,
      })
      await written(() => writer.publish([{ key: serialToKey(serial), digest }]))
      const same = await post('/v1/audits', { serial, provider, result, salt })
      expect(same.body).to.include({ verdict: 'consistent', presentedDigest: digest })
      expect(same.body.record.digest).to.equal(digest)
      const altered = await post('/v1/audits', { serial, provider, result: { ...result, loan: false }, salt })
      expect(altered.body.verdict).to.equal('changed')
      const byDigest = await post('/v1/audits', { serial, provider, digest })
      expect(byDigest.body.verdict).to.equal('consistent')
      expect(byDigest.body.proof).to.equal(`/v1/results/${serial}/${provider}?proof=event`)
    })

    it('says unrecorded, with status 200, when the whole index has nothing', async () => {
      const { status, body } = await post('/v1/audits', {
        serial: newSerial(),
        provider,
        digest: randomBytes32(),
      })
      expect(status).to.equal(200)
      expect(body).to.include({ verdict: 'unrecorded', record: null, proof: null })
      expect(body.heads[0].completeness).to.equal('complete')
    })

    const bad: Record<string, object> = {
      'neither digest nor result': {},
      'a result without a salt': { result: {} },
      'both digest and result': { digest: randomBytes32(), result: {}, salt: randomBytes32() },
      'a zero digest': { digest: `0x${'0'.repeat(64)}` },
      'an unknown member': { digest: randomBytes32(), colour: 'blue' },
    }
    for (const [what, body] of Object.entries(bad))
      it(`refuses ${what}`, async () => {
        const answer = await post('/v1/audits', { serial: newSerial(), provider, ...body })
        expect([answer.status, answer.body.code]).to.deep.equal([400, 'REQUEST_INVALID'])
      })
  })

  describe('GET /v1/participants', () => {
    it('lists participants with roles, status and books', async () => {
      const { body } = await get('/v1/participants?role=provider')
      expect(body.participants[0]).to.deep.include({
        account: provider,
        name: 'Lender A',
        roles: ['provider'],
      })
      expect(body.participants[0].books[0]).to.include({
        role: 'provider',
        chainId: chain.chainId,
        registry: contracts.QueryResultRegistry,
      })
      expect(body.standing.chainId).to.equal(chain.chainId)
      expect((await get('/v1/participants?role=proxy')).body.participants).to.deep.equal([])
    })

    it('answers for one, and with 404 for a stranger', async () => {
      expect((await get(`/v1/participants/${provider}`)).body.participant.status).to.equal('active')
      const { status, body } = await get(`/v1/participants/${STRANGER}`)
      expect([status, body.code]).to.deep.equal([404, 'PARTICIPANT_UNKNOWN'])
    })
  })

  it('describes itself by OpenAPI 3.1', async () => {
    const { body } = await get('/openapi.json')
    expect(body.openapi).to.match(/^3\.1/)
    expect(Object.keys(body.paths)).to.include.members([
      '/v1/results/{serial}',
      '/v1/results/{serial}/{provider}',
      '/v1/audits',
      '/v1/participants',
      '/v1/authors/{address}/completeness',
      '/v1/status',
    ])
  })

  describe('with garbage', () => {
    const expectRefusal = ({
      status,
      type,
      body,
    }: {
      status: number
      type: string
      body: Record<string, unknown>
    }) => {
      expect(status).to.be.within(400, 499)
      expect(type).to.contain('application/problem+json')
      expect(body).to.include.keys('type', 'title', 'status', 'detail', 'code', 'action')
    }
    const garbage = () => fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }))
    const escaped = (text: string) => encodeURIComponent(text.toWellFormed()).replaceAll('.', '%2E')

    it('answers problem documents for anything in a path', () =>
      fc.assert(
        fc.asyncProperty(garbage(), async (text) => {
          for (const path of [
            `/v1/results/${escaped(text)}`,
            `/v1/results/${newSerial()}/${escaped(text)}`,
            `/v1/participants/${escaped(text)}`,
            `/v1/authors/${escaped(text)}/completeness`,
          ])
            expectRefusal(await get(path))
        }),
        { numRuns: 40 },
      ))

    it('answers problem documents for anything in a query', () =>
      fc.assert(
        fc.asyncProperty(garbage(), async (text) => {
          for (const query of [`limit=x${escaped(text)}`, `cursor=${escaped(text)}`])
            for (const path of [`/v1/results?provider=${provider}&${query}`, `/v1/participants?${query}`])
              expectRefusal(await get(path))
        }),
        { numRuns: 30 },
      ))

    it('answers problem documents for cursors of the right form with wrong contents', () =>
      fc.assert(
        fc.asyncProperty(fc.jsonValue(), async (value) => {
          const cursor = Buffer.from(JSON.stringify(value)).toString('base64url')
          expectRefusal(await get(`/v1/results?provider=${provider}&cursor=${cursor}`))
        }),
        { numRuns: 40 },
      ))

    it('answers problem documents for any body', () =>
      fc.assert(
        fc.asyncProperty(fc.oneof(garbage(), fc.json()), async (body) =>
          expectRefusal(await post('/v1/audits', body)),
        ),
        { numRuns: 60 },
      ))

    it('refuses an address with a wrong checksum', async () => {
      const wrong = provider.replace('f3', 'F3') as Bytes32
      const { status, body } = await get(`/v1/participants/${wrong}`)
      expect([status, body.code]).to.deep.equal([400, 'ADDRESS_MALFORMED'])
    })
  })
})
