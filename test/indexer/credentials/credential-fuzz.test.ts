import { isDeepStrictEqual } from 'node:util'
import { expect } from 'chai'
import fc from 'fast-check'
import type { EvidenceCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { withIntegrity } from '../../../protocol/proof-file.ts'
import { describeStores } from '../../support/stores.ts'
import { type CredentialBed, startCredentials } from './credential-bed.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 150)
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_121)

/** Where values stand in a document. */
function pathsOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path]
  const own = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return [path, ...own.flatMap(([key, item]) => pathsOf(item, [...path, key]))]
}

/** @param change of the value there; undefined takes it away */
function changed(document: object, path: (string | number)[], change: (value: unknown) => unknown): unknown {
  const copy = structuredClone(document)
  if (path.length === 0) return change(copy)
  let place = copy as Record<string | number, unknown>
  for (const key of path.slice(0, -1)) place = place[key] as Record<string | number, unknown>
  const last = path.at(-1)!
  const value = change(place[last])
  if (value === undefined) delete place[last]
  else place[last] = value
  return copy
}

/** As somebody would leave it who alters a file with care. */
function sealed(document: unknown): unknown {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document
  const { integrity: _, ...content } = document as EvidenceCredential
  try {
    return withIntegrity(content)
  } catch {
    // Not everything has a canonical form.
    return document
  }
}

const changes: fc.Arbitrary<(value: unknown) => unknown> = fc.oneof(
  fc.constant(() => undefined),
  fc.jsonValue({ maxDepth: 2 }).map((value) => () => value),
  fc.constant((value: unknown) => (typeof value === 'string' ? `${value} ` : [value])),
  fc.constant((value: unknown) => (typeof value === 'string' ? value.toUpperCase() : value)),
  fc.nat().map((at) => (value: unknown) => {
    if (typeof value !== 'string' || value === '') return typeof value === 'number' ? value + 1 : value
    const i = at % value.length
    return value.slice(0, i) + (value[i] === 'a' ? 'b' : 'a') + value.slice(i + 1)
  }),
)

describeStores('whatever is presented for a credential', (engine) => {
  let bed: CredentialBed
  let whole: EvidenceCredential[]
  before(async () => {
    bed = await startCredentials({}, { engine })
    whole = []
    for (const tier of ['recorded', 'published', 'anchored'] as const)
      whole.push((await bed.issuer.credential(tier, { name: 'a.txt', fields: { a: [1, 'b'] } })).credential)
    await bed.reindexed()
  })
  after(() => bed.stop())

  it(`is intact only as it was issued, and never keeps the indexer from answering (${RUNS} runs)`, async function () {
    this.timeout(30_000 + RUNS * 200)
    const paths = whole.map((credential) => pathsOf(credential))
    const statuses = new Map<number, number>()
    for (const credential of whole)
      expect((await bed.post('/v1/credentials/verify', { credential })).body.verdict).to.equal('intact')
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.nat(), changes, fc.boolean(), async (which, at, change, isSealed) => {
        const original = whole[which]!
        const path = paths[which]![at % paths[which]!.length]!
        const altered = changed(original, path, change)
        const presented = isSealed ? sealed(altered) : altered
        const { status, body } = await bed.post('/v1/credentials/verify', { credential: presented })
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        expect(status, JSON.stringify(body)).to.be.oneOf([200, 400, 422])
        const isSame = isDeepStrictEqual(presented, original)
        if (status === 200) expect(body.verdict === 'intact', JSON.stringify(path)).to.equal(isSame)
        else expect(isSame).to.equal(false)
      }),
      { numRuns: RUNS, seed: SEED },
    )
    expect([...statuses.keys()]).to.include.members([200, 422])
  })

  it(`is found or not by any combination of what may be asked (${RUNS} runs)`, async function () {
    this.timeout(30_000 + RUNS * 200)
    const ids = whole.map(({ id }) => id.slice('urn:ulid:'.length))
    const { chainId } = bed.chain
    const issuers = [bed.issuer.issuer, bed.stranger.issuer.toLowerCase(), '0x', undefined]
    const query = fc.record({
      issuer: fc.constantFrom(...issuers),
      asOf: fc.constantFrom('0', '1', `${chainId}:6`, '4242:1', '2020-01-01', '2100-01-01', 'x', undefined),
      proof: fc.constantFrom('none', 'event', 'storage', 'x', undefined),
      state: fc.constantFrom('issued', 'expired', 'revoked', undefined),
      from: fc.constantFrom('0', '1795000000', '9007199254740991', undefined),
      to: fc.constantFrom('0', '1795000000', '9007199254740991', '-1', undefined),
      limit: fc.constantFrom('1', '200', '201', undefined),
    })
    const seen = new Set<number>()
    await fc.assert(
      fc.asyncProperty(query, fc.constantFrom(...ids, undefined), async (asked, id) => {
        const names =
          id === undefined ? ['issuer', 'asOf', 'state', 'from', 'to', 'limit'] : ['issuer', 'asOf', 'proof']
        const pairs = Object.entries(asked).filter(
          ([name, value]) => names.includes(name) && value !== undefined,
        )
        const search = new URLSearchParams(pairs as [string, string][])
        const { status, body } = await bed.get(`/v1/credentials${id === undefined ? '' : `/${id}`}?${search}`)
        seen.add(status)
        expect(status, `${search} ${JSON.stringify(body)}`).to.be.oneOf([200, 400, 404, 409])
      }),
      { numRuns: RUNS, seed: SEED },
    )
    expect([...seen]).to.include.members([200, 400, 404, 409])
  })
})
