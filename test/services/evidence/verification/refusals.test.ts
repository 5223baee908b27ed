import { expect } from 'chai'
import type { EvidenceCredential } from '../../../../protocol/credentials/evidence-credential.ts'
import { issueCredential } from '../../../../protocol/credentials/evidence-credential.ts'
import { withIntegrity } from '../../../../protocol/proof-file.ts'
import { newSerial } from '../../../../protocol/serial.ts'
import { addressOf, signHash } from '../../../../protocol/signature.ts'
import { DEPLOYER_KEY } from '../../../support/contracts.ts'
import { eventually } from '../../../support/eventually.ts'
import {
  type EvidenceAnswer,
  ISSUER,
  ISSUER_KEY,
  type Neighbourhood,
  problem,
  settleEvidence,
} from '../evidence-fixture.ts'
import { askToVerify } from './verifying.ts'

describe('credentials presented for verification', () => {
  let home: Neighbourhood
  let answer: EvidenceAnswer
  const server = () => home.server

  before(async () => {
    // The chain is held up for longer in one of the tests.
    home = await settleEvidence({ EVIDENCE_RPC_TIMEOUT_MS: '60000' })
    await server().start()
    answer = await server().take('the document', { query: '?wait=recorded' })
  })
  after(() => home.end())

  const refusal = async (credential: unknown, credentialId = answer.credentialId, apiKey?: string) => {
    const response = await askToVerify(
      server(),
      { credentialId, credential: credential as EvidenceCredential },
      apiKey,
    )
    return problem(response)
  }
  /** Signed by `key`, and right in itself. */
  const issued = (change: Partial<Parameters<typeof issueCredential>[0]>, key = ISSUER_KEY) => {
    const { credentialSubject: subject, validFrom, credentialStatus: status } = answer.credential
    return issueCredential(
      {
        chainId: status.chainId,
        registry: status.registry,
        issuer: addressOf(key),
        credentialId: answer.credentialId,
        contentHash: subject.contentHash,
        metadata: subject.metadata,
        salt: subject.salt,
        validFrom,
        recordBy: 0,
        created: validFrom,
        ...change,
      },
      (hash) => signHash(hash, key),
    )
  }

  it('refuses one of another issuer, chain or registry', async () => {
    for (const foreign of [
      issued({}, DEPLOYER_KEY),
      issued({ chainId: 1 }),
      issued({ registry: home.contracts.QueryResultRegistry }),
    ])
      expect(await refusal(foreign)).to.deep.include({ status: 422, code: 'CREDENTIAL_FOREIGN' })
  })

  it('refuses one that names this issuer and is signed by another', async () => {
    const forged = issueCredential({ ...contentOf(answer), issuer: ISSUER }, (hash) =>
      signHash(hash, DEPLOYER_KEY),
    )
    expect(await refusal(forged)).to.deep.include({ status: 422, code: 'CREDENTIAL_INVALID' })
  })

  it('refuses one of another id, also where the client has both', async () => {
    const other = await server().take('another document')
    expect(await refusal(other.credential)).to.deep.include({ status: 422, code: 'CREDENTIAL_INVALID' })
    expect(await refusal(issued({ credentialId: newSerial() }))).to.include({ code: 'CREDENTIAL_INVALID' })
  })

  it("does not say whether there is another client's evidence", async () => {
    const stranger = server().issueKey('stranger')
    const ofOthers = await refusal(answer.credential, answer.credentialId, stranger)
    const ofNobody = await refusal(answer.credential, newSerial(), stranger)
    expect(ofOthers).to.include({ status: 404, code: 'EVIDENCE_NOT_FOUND' })
    expect(ofNobody.code).to.equal('EVIDENCE_NOT_FOUND')
  })

  it('asks for a key with the scope verify', async () => {
    const reader = server().issueKey('client', ['store', 'read', 'revoke'])
    expect(await refusal(answer.credential, answer.credentialId, reader)).to.include({
      status: 403,
      code: 'SCOPE_MISSING',
    })
    expect(await refusal(answer.credential, answer.credentialId, 'none')).to.include({ status: 401 })
  })

  it('refuses one with any member altered, also under a new integrity hash', async () => {
    let refused = 0
    for (const altered of alterations(answer.credential)) {
      const { status, code } = await refusal(altered)
      expect([400, 422], code).to.include(status)
      const { integrity: _integrity, ...rest } = altered as unknown as Record<string, unknown>
      const repaired = withIntegrity(rest)
      // Only the integrity hash itself was altered.
      if (repaired.integrity === answer.credential.integrity) continue
      const forged = await refusal(repaired)
      expect([400, 422], `${forged.code} ${forged.detail}`).to.include(forged.status)
      refused++
    }
    expect(refused).to.be.above(30)
  })

  it('refuses garbage with a 4xx', async () => {
    const deep = `{"credential":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`
    const bodies = [
      '',
      '{',
      '[]',
      'null',
      '{"credential":null}',
      '{"credential":[]}',
      '{"credential":{}}',
      deep,
    ]
    bodies.push(
      '{"credential":{"proof":1}}',
      '{"credential":{"proof":[null]}}',
      '{"credential":{"__proto__":{}}}',
    )
    bodies.push(JSON.stringify({ credential: answer.credential, more: 1 }), '{"credential":{"a":"\ud800"}}')
    bodies.push(JSON.stringify({ credential: { ...answer.credential, integrity: 1 } }))
    for (const body of bodies) {
      const response = await server().request(`/v1/evidence/${answer.credentialId}/verify`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      expect(response.status, body.slice(0, 60)).to.be.within(400, 422)
      expect((await response.text()).length, body.slice(0, 60)).to.be.below(2_000)
    }
  })

  it('reads no more of them at a time than may be', async () => {
    process.kill(home.chain.pid, 'SIGSTOP')
    try {
      // Two are under way, 32 wait, and the others are refused.
      let answered = 0
      const under = Array.from({ length: 36 }, async () => {
        const response = await askToVerify(server(), answer)
        answered++
        return response
      })
      await eventually('two are refused', () => answered === 2, 20_000)
      expect(await refusal({ ...answer.credential, integrity: 'x' })).to.include({ code: 'RATE_LIMITED' })
      process.kill(home.chain.pid, 'SIGCONT')
      const statuses = (await Promise.all(under)).map(({ status }) => status)
      expect(statuses.filter((status) => status === 429)).to.have.length(2)
    } finally {
      process.kill(home.chain.pid, 'SIGCONT')
    }
  })

  it('refuses a request that is too large', async () => {
    const credential = { ...answer.credential, padding: 'x'.repeat(1_100_000) }
    expect(await refusal(credential)).to.include({ status: 413 })
  })
})

const contentOf = ({ credential, credentialId }: EvidenceAnswer) => {
  const { credentialSubject: subject, validFrom, credentialStatus: status } = credential
  const { contentHash, metadata, salt } = subject
  const { chainId, registry } = status
  return {
    chainId,
    registry,
    credentialId,
    contentHash,
    metadata,
    salt,
    validFrom,
    recordBy: 0,
    created: validFrom,
  }
}

/** The credential with one leaf after another changed. */
function* alterations(credential: EvidenceCredential): Generator<EvidenceCredential> {
  const places: (string | number)[][] = []
  const walk = (value: unknown, place: (string | number)[]): void => {
    if (typeof value !== 'object' || value === null) places.push(place)
    else for (const [name, member] of Object.entries(value)) walk(member, [...place, name])
  }
  walk(credential, [])
  for (const place of places) {
    const copy = structuredClone(credential) as unknown as Record<string, unknown>
    const last = place.at(-1)!
    // biome-ignore lint/suspicious/noExplicitAny: any member of a JSON document
    const holder = place.slice(0, -1).reduce<any>((object, name) => object[name], copy)
    const old = holder[last]
    holder[last] = typeof old === 'number' ? old + 1 : flipped(String(old))
    yield copy as unknown as EvidenceCredential
  }
}

const flipped = (text: string): string => {
  const at = Math.floor(text.length / 2)
  return text.slice(0, at) + (text[at] === '1' ? '2' : '1') + text.slice(at + 1)
}
