import { expect } from 'chai'
import fc from 'fast-check'
import type { Bytes32 } from '../../../protocol/hex.ts'
import { credentialWriter } from '../../support/credential-writer.ts'
import { type FuzzedRequest, fuzzedRequest, operationsOf } from '../../support/request-fuzz.ts'
import { soundAnswer } from '../../support/sound-answer.ts'
import { describeStores } from '../../support/stores.ts'
import { type ApiFixture, startApi } from './api-fixture.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 400)
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_121)
/** A further account of the test mnemonic. */
const ISSUER_KEY: Bytes32 = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'
const ADMIN_TOKEN = 'an-admin-token-of-the-fuzz-test-0123456789'

describeStores('garbage in every part of a request to every route', (engine) => {
  let api: ApiFixture
  let known: Record<string, string[]>
  before(async () => {
    api = await startApi({ adminToken: ADMIN_TOKEN }, { engine })
    const { serial, digest } = await api.written(() => api.writer.record())
    await api.written(() => api.writer.recordBatch(3))
    const page = await api.get(`/v1/results?provider=${api.provider}&limit=1`)
    const place = { registry: api.contracts.CredentialRegistry, chainId: api.chain.chainId, key: ISSUER_KEY }
    const issuer = credentialWriter(api.chain.url, place)
    const issued = await issuer.issueBatch(3, 2 ** 40)
    await issuer.revoke(issued[1]!.credentialId, 'fuzzed')
    await api.written(async () => {})
    const credentials = await api.get(`/v1/credentials?issuer=${issuer.issuer}&limit=1`)
    issuer.close()
    known = {
      serial: [serial],
      provider: [api.provider, api.provider.toLowerCase()],
      address: [api.provider],
      digest: [digest, issued[0]!.digest],
      asOf: ['1', '5', `${api.chain.chainId}:4`, '2026-11-21', '2030-01-01'],
      cursor: [page.body.next, credentials.body.next],
      credentialId: issued.map(({ credentialId }) => credentialId),
      issuer: [issuer.issuer, issuer.issuer.toLowerCase()],
      // Nothing may be sent anywhere.
      url: ['http://127.0.0.1:1/', 'not a url', 'ftp://127.0.0.1/'],
      authorization: [`Bearer ${ADMIN_TOKEN}`],
    }
  })
  after(() => api.stop())

  it(`is answered with problem documents, or well, and never keeps anyone waiting (${RUNS} runs)`, async function () {
    this.timeout(60_000 + RUNS * 50)
    const statuses = new Map<number, number>()
    const operations = operationsOf(api.checker.document)
    expect(operations.map(({ method, path }) => `${method} ${path}`)).to.include.members([
      ...['GET /v1/credentials', 'GET /v1/credentials/{credentialId}', 'POST /v1/credentials/verify'],
    ])
    const withToken = fuzzedRequest(api.checker.document, operations, known).map((request) =>
      request.target.startsWith('/v1/webhooks') && request.headers.every(([name]) => name !== 'authorization')
        ? {
            ...request,
            headers: [...request.headers, ['authorization', known.authorization![0]!] as [string, string]],
          }
        : request,
    )
    await fc.assert(
      fc.asyncProperty(withToken, async (request) => {
        const status = await expectSoundAnswer(request)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: false },
    )
    // Otherwise nothing past the first look was tried.
    expect(statuses.get(200) ?? 0, JSON.stringify([...statuses])).to.be.greaterThan(RUNS / 50)
    expect([...statuses.keys()]).to.include.members([400, 404])
    expect((await api.get(`/v1/results/${known.serial![0]}/${api.provider}`)).status).to.equal(200)
    if (process.env.FUZZ_RUNS !== undefined) console.log(Object.fromEntries(statuses))
  })

  async function expectSoundAnswer(request: FuzzedRequest): Promise<number> {
    const { status, headers, text } = await soundAnswer(api.indexer.url, request)
    const contentType = headers.get('content-type') ?? ''
    if (request.method === 'HEAD' || contentType.startsWith('text/event-stream')) return status
    if (operationsOf(api.checker.document).some(({ method }) => method === request.method))
      api.checker.check(request.method, request.target, { status, contentType, text })
    return status
  }
})
