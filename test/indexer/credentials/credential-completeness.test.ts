import { expect } from 'chai'
import {
  CREDENTIAL_EXPIRY_SET_TOPIC,
  CREDENTIAL_ISSUED_TOPIC,
  CREDENTIAL_REVOKED_TOPIC,
} from '../../../protocol/credentials/credential-event.ts'
import { expiryKey, revocationKey } from '../../../protocol/credentials/credential-key.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import { type CredentialWriter, credentialWriter, someEntry } from '../../support/credential-writer.ts'
import { eventually } from '../../support/eventually.ts'
import { describeFollowing } from '../../support/following.ts'
import { describeStores } from '../../support/stores.ts'

const ISSUER_KEY: Bytes32 = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'
const EVENTS: [name: string, topic: string][] = [
  ['CredentialRevoked', CREDENTIAL_REVOKED_TOPIC],
  ['CredentialExpirySet', CREDENTIAL_EXPIRY_SET_TOPIC],
  ['CredentialIssued', CREDENTIAL_ISSUED_TOPIC],
]

type Log = Record<string, string> & { topics: string[] }

describeStores('completeness of credentials', (engine) => {
  describeFollowing('behind a node that leaves logs out', { finalityDepth: 5 }, (bed) => {
    let issuer: CredentialWriter
    let database: { database: string; drop(): Promise<void> }
    beforeEach(async () => {
      database = await engine.newDatabase()
      const { chain, contracts } = bed
      const place = { registry: contracts.CredentialRegistry, chainId: chain.chainId, key: ISSUER_KEY }
      issuer = credentialWriter(chain.url, place)
    })
    afterEach(async () => {
      issuer.close()
      await bed.indexer.stop()
      await database.drop()
    })

    const start = () => bed.start([bed.chainOf(bed.relay.url)], { database: database.database })
    const isIncomplete = () => bed.view.completeness === 'incomplete'
    const ask = async (path: string, body?: object) => {
      const init = body && {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }
      const response = await fetch(bed.indexer.url + path, init)
      return { status: response.status, body: await response.json() }
    }
    const now = async () => {
      const block = await bed.chain.request<{ timestamp: string }>('eth_getBlockByNumber', ['latest', false])
      return Number(block.timestamp)
    }
    const drop = (topic: string) => (log: Record<string, string>) =>
      log.address!.toLowerCase() === bed.contracts.CredentialRegistry.toLowerCase() &&
      (log as Log).topics[0] === topic

    for (const [name, topic] of EVENTS)
      it(`notices ${name} left out of a backfill, claims nothing meanwhile, and repairs`, async () => {
        const expiresAt = (await now()) + 1_000_000
        const [kept, revoked] = await issuer.issueBatch(2, expiresAt)
        await issuer.publish([someEntry(), someEntry()])
        await issuer.revoke(revoked!.credentialId, 'left out')
        await bed.chain.request('anvil_mine', ['0x80'])
        bed.relay.faults.dropLog = drop(topic)
        await start()
        await eventually('the gap is noticed', isIncomplete)
        const { credentialId, digest } = kept!
        const found = await ask(`/v1/credentials/${credentialId}`)
        if (found.status === 200) expect(found.body.credentials[0].completeness).to.equal('incomplete')
        else expect(found.body).to.include({ code: 'CREDENTIAL_UNKNOWN' })
        const presented = { credentialId, issuer: issuer.issuer, digest }
        const verified = await ask('/v1/credentials/verify', presented)
        expect(verified.body).to.include({ verdict: 'unconfirmed', rule: 'index-not-complete' })
        bed.relay.faults.dropLog = undefined
        await bed.caughtUp()
        const repaired = await ask(`/v1/credentials/${revoked!.credentialId}`)
        expect(repaired.body.credentials[0]).to.include({ state: 'revoked', completeness: 'complete' })
        expect(repaired.body.credentials[0].revocation.reason).to.equal('left out')
        expect(repaired.body.credentials[0].expiry.expiresAt).to.equal(expiresAt)
        expect((await ask('/v1/credentials/verify', presented)).body).to.include({ verdict: 'intact' })
        await bed.expectReplayEqual()
      })

    it('notices a revocation left out at the head, and repairs', async () => {
      const { credentialId } = await issuer.issue()
      await start()
      await bed.caughtUp()
      bed.relay.faults.dropLog = drop(CREDENTIAL_REVOKED_TOPIC)
      await issuer.revoke(credentialId, 'at the head')
      await eventually('the gap is noticed', isIncomplete)
      bed.relay.faults.dropLog = undefined
      await bed.caughtUp()
      const { body } = await ask(`/v1/credentials/${credentialId}`)
      expect(body.credentials[0].revocation.reason).to.equal('at the head')
      await bed.expectReplayEqual()
    })

    it('notices a reason and an expiry that were altered on the way', async () => {
      const expiresAt = (await now()) + 1_000_000
      const { credentialId } = await issuer.issue({ expiresAt })
      await issuer.revoke(credentialId, 'truth')
      await bed.chain.request('anvil_mine', ['0x80'])
      const [truth, lie] = ['truth', 'lies!'].map((text) => Buffer.from(text).toString('hex'))
      const [time, later] = [expiresAt, expiresAt + 1].map((at) => at.toString(16).padStart(64, '0'))
      bed.relay.faults.alter = ({ method }, logs) =>
        method === 'eth_getLogs' && Array.isArray(logs)
          ? logs.map((log) => ({ ...log, data: log.data.replace(truth, lie).replace(time, later) }))
          : logs
      await start()
      await eventually('the lie is noticed', isIncomplete)
      bed.relay.faults.alter = undefined
      await bed.caughtUp()
      const { body } = await ask(`/v1/credentials/${credentialId}`)
      expect(body.credentials[0].revocation.reason).to.equal('truth')
      expect(body.credentials[0].expiry.expiresAt).to.equal(expiresAt)
      for (const key of [revocationKey(credentialId), expiryKey(credentialId)])
        expect(await bed.indexer.store.findOrphanedRecords(Buffer.from(key.slice(2), 'hex'))).to.have.length(
          1,
        )
      await bed.expectReplayEqual()
    })

    it('refuses events that no registry emits', async () => {
      const { credentialId } = await issuer.issue({ expiresAt: (await now()) + 1_000 })
      await issuer.revoke(credentialId, 'x')
      const data = (hex: string) => `0x${hex}`
      const word = (value: number) => value.toString(16).padStart(64, '0')
      const lies: [topic: string, change: (log: Log) => object][] = [
        [CREDENTIAL_EXPIRY_SET_TOPIC, () => ({ data: data(word(0)) })],
        [CREDENTIAL_EXPIRY_SET_TOPIC, () => ({ data: data('f'.repeat(64)) })],
        [CREDENTIAL_REVOKED_TOPIC, () => ({ data: data(word(32) + word(0)) })],
        [CREDENTIAL_REVOKED_TOPIC, () => ({ data: data(word(32) + word(257) + '61'.repeat(288)) })],
        [CREDENTIAL_REVOKED_TOPIC, () => ({ data: data(word(32) + word(9_000)) })],
        [
          CREDENTIAL_ISSUED_TOPIC,
          ({ topics }) => ({ topics: [topics[0], `${topics[1]!.slice(0, -2)}01`, topics[2]] }),
        ],
      ]
      await start()
      await bed.caughtUp()
      await bed.indexer.stop()
      for (const [topic, change] of lies) {
        bed.relay.faults.alter = ({ method }, logs) =>
          method === 'eth_getLogs' && Array.isArray(logs)
            ? logs.map((log) => (log.topics[0] === topic ? { ...log, ...change(log) } : log))
            : logs
        const fresh = await engine.newDatabase()
        await bed.start([bed.chainOf(bed.relay.url)], { database: fresh.database })
        await eventually('the endpoint is refused', () => bed.view.lastError !== undefined)
        expect(bed.view.lastError).to.match(/credential|expiry|revocation|too short/)
        bed.relay.faults.alter = undefined
        await bed.caughtUp()
        await bed.expectReplayEqual()
        await bed.indexer.stop()
        await fresh.drop()
      }
    })

    it('holds the registry against its storage root on chain, expiries and revocations among it', async () => {
      const [first] = await issuer.issueBatch(3, (await now()) + 1_000)
      await issuer.publish([someEntry()])
      await issuer.revoke(first!.credentialId, 'in a slot')
      await start()
      await bed.caughtUp()
      const { contractId } = bed.view.contracts.find(
        ({ projection }) => projection.kind === 'CredentialRegistry',
      )!.stored
      await eventually('the root is compared', () => bed.view.books?.get(contractId)?.wholeAt !== undefined)
      expect(bed.view.books!.get(contractId)!.storageRoot).to.equal('whole')
    })
  })
})
