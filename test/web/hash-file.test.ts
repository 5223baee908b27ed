import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { hashFile } from '../../web/evidence/hash-file.ts'
import { sortFiles } from '../../web/evidence/sort-files.ts'

const bytesOf = (size: number) => Uint8Array.from({ length: size }, (_, i) => i * 31 + (i >> 8))
const sha256 = (bytes: Uint8Array) => `0x${createHash('sha256').update(bytes).digest('hex')}`

/** A file of a browser that hands over parts as it likes and takes no place to put them. */
const plainBlob = (size: number, ...parts: Uint8Array[]): Blob =>
  ({
    size,
    stream: () =>
      new ReadableStream({
        start(queue) {
          for (const part of parts) queue.enqueue(part)
          queue.close()
        },
      }),
  }) as unknown as Blob

describe('hash of a file', () => {
  it('is that of its bytes, whatever their number', async () => {
    for (const size of [0, 1, 63, 64, 131_071, 131_072, 131_073, 1_000_000]) {
      const bytes = bytesOf(size)
      expect(await hashFile(new Blob([bytes])), `${size} bytes`).to.equal(sha256(bytes))
    }
  })

  it('is the same where a browser has its own way of handing bytes over', async () => {
    const bytes = bytesOf(400_000)
    const parts = [
      bytes.subarray(0, 1),
      new Uint8Array(),
      bytes.subarray(1, 300_000),
      bytes.subarray(300_000),
    ]
    expect(await hashFile(plainBlob(bytes.length, ...parts))).to.equal(sha256(bytes))
  })

  it('tells how far it is', async () => {
    const shares: number[] = []
    const half = bytesOf(1_000)
    await hashFile(plainBlob(2_000, half, half), { onProgress: (share) => shares.push(share) })
    expect(shares[0]).to.equal(0.5)
  })

  it('ends when it is told to, before and while it reads', async () => {
    const reasonOf = (hash: Promise<unknown>) => hash.then(String, (error: Error) => error.message)
    const before = AbortSignal.abort(new Error('stopped'))
    expect(await reasonOf(hashFile(new Blob(['x']), { signal: before }))).to.equal('stopped')
    const controller = new AbortController()
    let isCancelled = false
    const endless = {
      size: 2 ** 40,
      stream: () =>
        new ReadableStream({
          pull: (queue) => queue.enqueue(bytesOf(1_000)),
          cancel: () => {
            isCancelled = true
          },
        }),
    } as unknown as Blob
    setTimeout(() => controller.abort(new Error('stopped')), 50)
    expect(await reasonOf(hashFile(endless, { signal: controller.signal }))).to.equal('stopped')
    expect(isCancelled).to.equal(true)
  })

  it('does not come of a file that cannot be read to its end', async () => {
    const broken = {
      size: 10,
      stream: () => new ReadableStream({ pull: (queue) => queue.error(new Error('it changed')) }),
    } as unknown as Blob
    const error = await hashFile(broken).catch((thrown: Error) => thrown.message)
    expect(error).to.equal('it changed')
  })
})

describe('files that were dropped or chosen', () => {
  const named = (...names: string[]) => names.map((name) => ({ name }))
  const sort = (place: 'file' | 'credential', ...names: string[]) => {
    const sorted = sortFiles(named(...names), place)
    return sorted && [sorted.file?.name, sorted.credential?.name]
  }

  it('are a credential by their name, and else what the place is for', () => {
    expect(sort('file', 'a.pdf')).to.deep.equal(['a.pdf', undefined])
    expect(sort('credential', 'a.pdf')).to.deep.equal([undefined, 'a.pdf'])
    for (const name of [
      'a.pdf.credential.json',
      'A.CREDENTIAL.JSON',
      'a.credential (1).json',
      'a.credential(2).json',
    ])
      expect(sort('file', name)).to.deep.equal([undefined, name])
    for (const name of ['credential.json', 'a.credential.json.pdf', 'acredential.json'])
      expect(sort('file', name)).to.deep.equal([name, undefined])
  })

  it('are each what they are when both come at once, wherever', () => {
    for (const place of ['file', 'credential'] as const)
      expect(sort(place, 'a.credential.json', 'a.pdf')).to.deep.equal(['a.pdf', 'a.credential.json'])
  })

  it('are refused when there are more of a kind', () => {
    expect(sort('file', 'a.pdf', 'b.pdf')).to.equal(undefined)
    expect(sort('file', 'a.credential.json', 'b.credential.json')).to.equal(undefined)
    expect(sort('file', 'a.credential.json', 'a.pdf', 'b.pdf')).to.equal(undefined)
  })
})
