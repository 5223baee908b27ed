import { createHash } from 'node:crypto'
import { createReadStream, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { readCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { type EvidenceAnswer, type Neighbourhood, settleEvidence } from './evidence-fixture.ts'
import { formOf, openUpload, uploadHead } from './raw-upload.ts'

const MIB = 1024 * 1024
const SIZE = 200 * MIB
/** The process without it takes some 140 MiB; a collector on a busy machine lets some tens more come together. Held whole it would be 340. */
const MAX_MEMORY = 260 * MIB

describe('a large upload', () => {
  let home: Neighbourhood
  before(async () => {
    home = await settleEvidence()
    await home.server.start()
  })
  after(() => home.end())

  it(`of ${SIZE / MIB} MiB passes through the server's memory in pieces, both ways`, async () => {
    const { server } = home
    const file = path.join(server.folder, 'large')
    writeFileSync(file, 'sparse')
    truncateSync(file, SIZE)
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(file)) hash.update(chunk)
    const contentHash = `0x${hash.digest('hex')}`

    const part = { name: 'file', filename: 'large.bin', type: 'application/octet-stream', content: '' }
    const head = formOf([part], { isOpen: true })
    const tail = formOf([]).subarray(0)
    const { socket, status, received } = await openUpload(server)
    socket.write(uploadHead(server, `content-length: ${head.length + SIZE + tail.length}`))
    socket.write(head)
    for await (const chunk of createReadStream(file))
      if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve))
    socket.write(tail)
    expect(await status, received()).to.equal(201)
    socket.destroy()
    const { evidence } = (await (await server.request('/v1/evidence')).json()) as {
      evidence: EvidenceAnswer[]
    }
    const [{ credentialId }] = evidence as [EvidenceAnswer]
    const credential = await (await server.request(`/v1/evidence/${credentialId}/credential`)).json()
    expect(readCredential(credential as never)).to.include({ contentHash })

    const back = createHash('sha256')
    const content = await server.request(`/v1/evidence/${credentialId}/content`)
    for await (const chunk of content.body as unknown as AsyncIterable<Uint8Array>) back.update(chunk)
    expect(`0x${back.digest('hex')}`).to.equal(contentHash)

    const peak = server.peakMemory()
    if (peak !== undefined) expect(peak, `${Math.round(peak / MIB)} MiB at most`).to.be.below(MAX_MEMORY)
  }).timeout(120_000)
})
