import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { readCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { until } from '../party/book-writer/written-book.ts'
import {
  type EvidenceAnswer,
  type Neighbourhood,
  problem,
  settleEvidence,
  sha256,
} from './evidence-fixture.ts'

/**
 * Mounts a small disk that this one process sees, with a copy of the database on it, and fills some of it; what fills it goes
 * when there is a file `make-room` outside. Then runs what follows its first three arguments.
 */
const SMALL_DISK = `
disk=$1 database=$2 room=$3
shift 3
mount -t tmpfs -o size=8m tmpfs "$disk" || exit 91
cp "$database" "$disk/evidence.db"
head -c 4000000 /dev/zero > "$disk/filler"
( while kill -0 $$ && [ ! -e "$room" ]; do sleep 0.05; done; rm "$disk/filler" ) > /dev/null 2>&1 &
exec "$@"
`
const DOCUMENT_BYTES = 150_000
const MORE_THAN_FIT = 60

describe('an evidence server whose disk is full', () => {
  let home: Neighbourhood | undefined
  afterEach(() => home?.end())

  it('refuses before it acknowledges, keeps all that it acknowledged, and goes on when there is room', async function () {
    const probe = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true'])
    if (probe.status !== 0) this.skip()
    home = await settleEvidence()
    const { server } = home
    const disk = path.join(server.folder, 'disk')
    const room = path.join(server.folder, 'make-room')
    mkdirSync(disk)
    // All that the database has is in its main file.
    server.query('PRAGMA wal_checkpoint')
    await server.start(
      { EVIDENCE_DATABASE: path.join(disk, 'evidence.db'), EVIDENCE_STORE: path.join(disk, 'store') },
      [
        ...['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', SMALL_DISK, 'sh'],
        ...[disk, server.databaseFile, room],
      ],
    )
    const taken = new Map<number, EvidenceAnswer>()
    const refusals: { status: number; code: string }[] = []
    const documentOf = (i: number): Buffer => Buffer.alloc(DOCUMENT_BYTES, `document ${i} `)
    for (let i = 0; i < MORE_THAN_FIT && refusals.length < 5; i++) {
      const response = await server.upload(documentOf(i))
      if (response.status === 201) taken.set(i, (await response.json()) as EvidenceAnswer)
      else refusals.push(await problem(response))
    }
    expect(taken.size).to.be.above(3)
    expect(refusals).to.have.length(5)
    for (const refusal of refusals) expect(refusal).to.include({ status: 507, code: 'EVIDENCE_STORE_FULL' })
    writeFileSync(room, '')
    await until(async () => {
      const response = await server.upload('there is room')
      return response.status === 201
    })
    const usage = (await (await server.request('/v1/usage')).json()) as { documents: number }
    expect(usage.documents).to.be.within(taken.size + 1, taken.size + 2)
    for (const [i, { credentialId, credential }] of taken) {
      const content = await server.request(`/v1/evidence/${credentialId}/content`)
      expect(sha256(Buffer.from(await content.arrayBuffer()))).to.equal(sha256(documentOf(i)))
      expect(readCredential(credential).contentHash).to.equal(sha256(documentOf(i)))
    }
    await until(async () => {
      const { state } = (await (
        await server.request(`/v1/evidence/${taken.get(0)!.credentialId}`)
      ).json()) as { state: string }
      return state === 'recorded'
    }, 15_000)
  }).timeout(90_000)
})
