import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { build } from 'esbuild'
import { hexToBytes } from '../../../protocol/hex.ts'
import { unpackPayments } from '../../../protocol/payments/payment-publication.ts'
import { openPayment } from '../../../protocol/payments/payment-seal.ts'
import { decodeVoucher } from '../../../protocol/payments/payment-voucher.ts'
import { readPublicPayment } from '../../../protocol/payments/public-payment.ts'
import { knownAnswer } from './known-answers.ts'
import { KNOWN_INPUTS } from './known-inputs.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const FILE = path('payment-vectors.json')

if (process.env.UPDATE_VECTORS === '1')
  writeFileSync(FILE, `${JSON.stringify(KNOWN_INPUTS.map(knownAnswer), null, 2)}\n`)

const vectors: ReturnType<typeof knownAnswer>[] = JSON.parse(readFileSync(FILE, 'utf8'))

describe('known answers of payments', () => {
  for (const vector of vectors)
    it(`${vector.name}: keys, digests, payload and voucher are as committed`, () => {
      expect(knownAnswer(vector)).to.deep.equal(vector)
      const { orderId, version } = vector.record
      const { digest, payload, orderKey, previousDigest, place } = vector
      const onChain = { orderId, version, digest, payload, previousDigest, place }
      const record =
        vector.code === null ? readPublicPayment(onChain) : openPayment(onChain, hexToBytes(vector.code))
      expect(record).to.deep.equal(vector.record)
      expect(decodeVoucher(vector.voucher).record).to.deep.equal(vector.record)
      expect(unpackPayments(vector.packed)).to.deep.equal([{ orderKey, version, digest, payload }])
    })

  it('are those of the inputs committed (UPDATE_VECTORS=1 writes them)', () => {
    expect(
      vectors.map(({ name, place, record, previousDigest, code }) => ({
        name,
        place,
        record,
        previousDigest,
        code,
      })),
    ).to.deep.equal(KNOWN_INPUTS)
  })

  it('are the same in what is built for a browser, which needs nothing of Node', async function () {
    this.timeout(90_000)
    const folder = await mkdtemp(join(tmpdir(), 'countersign-payments-'))
    try {
      const outfile = join(folder, 'known-answers.mjs')
      const { metafile } = await build({
        stdin: {
          contents: `export * from './known-answers.ts'; export * from '../../../protocol/payments/voucher-check.ts'; export * from '../../../protocol/payments/payment-chain-reader.ts'`,
          resolveDir: path('.'),
        },
        ...{
          bundle: true,
          platform: 'browser',
          format: 'esm',
          conditions: ['browser'],
          outfile,
          metafile: true,
        },
      })
      expect(
        Object.keys(metafile.inputs).filter((input) => /wasm\.ts|native\.ts|merkle-tree|mpt/.test(input)),
      ).to.deep.equal([])
      const built: { knownAnswer: typeof knownAnswer } = await import(pathToFileURL(outfile).href)
      for (const vector of vectors) expect(built.knownAnswer(vector)).to.deep.equal(vector)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
