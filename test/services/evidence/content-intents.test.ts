import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { pino } from 'pino'
import { ContentIntents } from '../../../services/evidence/content-intents.ts'
import { S3Store } from '../../../services/evidence/content-store/s3-store.ts'
import { Staging } from '../../../services/evidence/content-store/staging.ts'
import { openEvidenceDatabase } from '../../../services/evidence/store/database.ts'
import { EvidenceStore } from '../../../services/evidence/store/evidence-store.ts'
import { GroupCommit } from '../../../services/party/group-commit.ts'
import { KeyedLocks } from '../../../services/party/keyed-locks.ts'
import { expectRejection } from '../../support/expect-error.ts'
import { type S3Server, startS3Server } from '../../support/s3-server.ts'

/** Hands requests on, except that of a PUT only `land` tells the store, after its sender has given up. */
async function startLateFront(store: S3Server) {
  const { hostname, port } = new URL(store.options.endpoint)
  let isLate = false
  let land: (() => Promise<void>) | undefined
  const front = createServer(async (incoming, response) => {
    const { method, url: path, headers } = incoming
    const body = await buffer(incoming)
    const forward = async () => {
      const onward = request({ hostname, port, method, path, headers }).end(body)
      const [answer] = await once(onward, 'response')
      return answer
    }
    if (method === 'PUT' && isLate) {
      land = async () => void (await forward()).resume()
      return
    }
    const answer = await forward()
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  }).listen(0, '127.0.0.1')
  await once(front, 'listening')
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    delay: () => {
      isLate = true
    },
    land: () => land!(),
    close: () => {
      front.closeAllConnections()
      front.close()
    },
  }
}

describe('intents of contents', () => {
  it('take out again what an object store got to after its sender had given up', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-intents-'))
    const server = await startS3Server()
    const front = await startLateFront(server)
    const { db, close } = openEvidenceDatabase(join(folder, 'evidence.db'))
    const contents = await S3Store.open({ ...server.options, endpoint: front.url, stallMs: 3_000 })
    try {
      await contents.identify(randomUUID())
      const staging = await Staging.open(join(folder, 'staging'))
      const staged = await staging.receive(Readable.from([Buffer.from('late')]), { maxBytes: 99 })
      const intents = new ContentIntents({
        db,
        commits: new GroupCommit(db),
        contents,
        evidence: new EvidenceStore(db),
        contentLocks: new KeyedLocks(),
        logger: pino({ enabled: false }),
      })
      const { contentHash } = staged
      const file = server.fileOf(`objects/${contentHash.slice(2, 4)}/${contentHash.slice(4)}`)
      front.delay()
      await intents.begin(contentHash)
      await expectRejection(contents.put(staged), 'EVIDENCE_STORE_UNAVAILABLE')
      await intents.undo(contentHash)
      await front.land()
      expect(existsSync(file)).to.equal(true)
      await intents.settle()
      expect(existsSync(file)).to.equal(false)

      // Only once nothing can come any more is it forgotten.
      const count = () => db.prepare('SELECT count(*) AS n FROM content_intents').get()!.n
      expect(count()).to.equal(1)
      db.prepare('UPDATE content_intents SET since = since - ?').run(contents.lateMs)
      await intents.settle()
      expect(count()).to.equal(0)
    } finally {
      await contents.close()
      close()
      front.close()
      await server.drop()
      rmSync(folder, { recursive: true, force: true })
    }
  }).timeout(40_000)
})
