import { createContext, runInContext } from 'node:vm'
import { expect } from 'chai'
import { build } from 'esbuild'
import { CREDENTIAL_TIERS } from '../../../protocol/credentials/credential-event.ts'
import { serializeCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { type CredentialChain, startCredentialChain } from './credential-chain.ts'
import { CONTENT } from './some-credential.ts'

const ENTRY = `
  import { parseCredential, readCredential } from './evidence-credential.ts'
  import { verifyCredential } from './credential-verification.ts'
  import { verifyEvidenceStatement } from './evidence-statement.ts'
  import { contentHasher } from './content-hasher.ts'
  globalThis.check = async (file, chunks) => {
    const credential = parseCredential(file)
    const hasher = contentHasher()
    for (const chunk of chunks) hasher.update(chunk)
    const { verdict } = await verifyCredential(credential)
    return { verdict, isSame: hasher.digest() === readCredential(credential).contentHash }
  }
  globalThis.checkStatement = verifyEvidenceStatement
`

/** Bundled as for a page: what a browser has no answer to (a module of Node, say) fails here. */
async function bundled(): Promise<string> {
  const { outputFiles, warnings } = await build({
    stdin: {
      contents: ENTRY,
      resolveDir: new URL('../../../protocol/credentials/', import.meta.url).pathname,
      loader: 'ts',
    },
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    minify: true,
  })
  expect(warnings).to.deep.equal([])
  return outputFiles[0]!.text
}

describe('evidence credential in a browser', () => {
  let chain: CredentialChain
  let script: string

  before(async () => {
    chain = await startCredentialChain()
    script = await bundled()
  })
  after(() => chain?.stop())

  it('needs no module of Node, and is small enough for a page', () => {
    expect(script).not.to.match(/["']node:|\brequire\(/)
    expect(script.length).to.be.below(300_000)
  })

  it('is verified, with its content, with nothing but what a page has', async () => {
    const { crypto, atob, btoa, setTimeout } = globalThis
    const page = createContext({ crypto, atob, btoa, setTimeout, TextEncoder, TextDecoder, Uint8Array })
    runInContext(script, page)
    for (const tier of CREDENTIAL_TIERS) {
      const [credential] = await chain.recorded(tier, [chain.pending(), chain.pending()])
      const file = serializeCredential(credential!)
      const chunks = [CONTENT.subarray(0, 5), CONTENT.subarray(5)]
      expect(await page.check(file, chunks), tier).to.deep.include({ verdict: 'recorded', isSame: true })
      expect((await page.check(file, chunks.slice(1))).isSame).to.equal(false)
    }
  })
})
