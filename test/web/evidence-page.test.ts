import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { expect } from 'chai'
import { pino } from 'pino'
import type { Page } from 'playwright-core'
import { createServer, type HttpServer } from '../../http/server.ts'
import { addPages } from '../../indexer/pages/add-pages.ts'
import {
  type EvidenceCredential,
  readCredential,
  serializeCredential,
} from '../../protocol/credentials/evidence-credential.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { withIntegrity } from '../../protocol/proof-file.ts'
import { CONTENT, someCredential } from '../protocol/credentials/some-credential.ts'
import { addressBookOf, testChain } from '../support/indexer.ts'
import { accessibilityFaults, type Tab, useBrowser } from './browser.ts'
import { ISSUER_NAME, type IssuerChain, startIssuerChain } from './issuer-chain.ts'

/** A file as somebody chooses or drops it. */
interface Upload {
  name: string
  mimeType: string
  buffer: Buffer
}

const MARKUP = '<img src=x onerror=alert(1)>'

describe('page that verifies evidence', function () {
  this.timeout(60_000)
  const openTab = useBrowser()
  let chain: IssuerChain
  let server: HttpServer
  let origin: string
  let page: Page
  let seen: Tab['seen']
  let good: EvidenceCredential
  before(async () => {
    chain = await startIssuerChain()
    good = await chain.issue()
    origin = await serve()
  })
  after(async () => {
    await server?.close()
    await chain?.stop()
  })
  beforeEach(() => open())

  async function serve(finalityDepth = 0): Promise<string> {
    server = (await createServer({ name: 'test', description: '', logger: pino({ level: 'silent' }) })).server
    addPages(server, addressBookOf([testChain(chain.anvil, chain.contracts, { finalityDepth })]))
    return server.listen({ host: '127.0.0.1', port: 0 })
  }
  async function open(options?: Parameters<typeof openTab>[0], from = origin): Promise<void> {
    ;({ page, seen } = await openTab(options))
    await page.goto(`${from}/verify`)
  }
  const fileOf = (content: Uint8Array = CONTENT): Upload => ({
    name: 'Übersicht 2024.pdf',
    mimeType: 'application/pdf',
    buffer: Buffer.from(content),
  })
  const textFile = (text: string, name = 'Übersicht 2024.pdf.credential.json'): Upload => ({
    name,
    mimeType: 'application/json',
    buffer: Buffer.from(text),
  })
  const credentialFile = (credential: EvidenceCredential) => textFile(serializeCredential(credential))
  const input = (place: 'file' | 'credential') => page.locator(`[data-place=${place}] input`)
  const choose = async (file: Upload | undefined, credential: Upload) => {
    if (file !== undefined) await input('file').setInputFiles(file)
    await input('credential').setInputFiles(credential)
    await page.locator('.verdict:not(.waiting)').waitFor()
  }
  const verdict = () => page.locator('.verdict').getAttribute('data-verdict')
  const heading = () => page.locator('.verdict h2').textContent()
  const failed = () => page.locator('.step.failed > span:last-child').allInnerTexts()
  const unchecked = () => page.locator('.plain li').allTextContents()
  const ADDRESSES = 'Whether registry and directory are the right ones: their addresses come with this page.'
  const ONE_NODE = 'Whether the node tells the truth. Ask two nodes, or one of your own, to be sure.'
  const TRUTH = 'Whether what the file says is true: only that it is unchanged.'

  it('finds a file intact, asking the node and nobody else, and nothing that tells the file', async () => {
    await choose(fileOf(), credentialFile(good))
    expect([await verdict(), await heading()]).to.deep.equal(['intact', 'Intact'])
    expect(await page.locator('.verdict p').textContent()).to.include(ISSUER_NAME)
    expect(await page.locator('.step.passed').count()).to.equal(13)
    expect(await unchecked()).to.deep.equal([ONE_NODE, ADDRESSES, TRUTH])
    expect(await page.getByRole('status').textContent()).to.equal('Intact')
    await page.locator('.result:focus').waitFor()
    for (const text of ['application/pdf', '25 bytes', '31 December 2099', 'A-17', good.id.slice(9)])
      expect(await page.locator('.record').getByText(text).count(), text).to.be.greaterThan(0)

    const ofServer = seen.requests.filter((request) => request.includes(origin))
    for (const request of ofServer) expect(request).to.match(/^GET \S+\/(verify|pay\/assets\/\S+) /)
    const ofNode = seen.requests.filter((request) => !ofServer.includes(request))
    expect(ofNode.length).to.be.greaterThan(5)
    for (const request of ofNode) expect(request.split(' ')[1]).to.equal(`${chain.anvil.url}/`)
    const said = readCredential(good)
    const hidden = [said.contentHash, said.metadataHash, said.salt, said.digest].map((hash) => hash.slice(2))
    for (const secret of [...hidden, 'bersicht', 'A-17', 'the content of'])
      expect(seen.requests.join(), secret).not.to.include(secret)
  })

  it('cannot ask the server even if it tried', async () => {
    await choose(fileOf(), credentialFile(good))
    const answer = await page.evaluate(() =>
      fetch('/v1/status').then(
        () => 'answered',
        () => 'refused',
      ),
    )
    expect(answer).to.equal('refused')
    seen.complaints.length = 0
  })

  for (const tier of ['published', 'anchored'] as const)
    it(`finds the file of a ${tier} credential intact, and says what cannot be known of it`, async () => {
      const [credential] = await chain.recorded(tier, [chain.pending(), chain.pending()])
      await choose(fileOf(), credentialFile(credential!))
      expect(await verdict()).to.equal('intact')
      await page.getByText('such credentials are recorded in an event').waitFor()
      expect((await unchecked())[2]).to.include('recorded something else under this id before')
    })

  it('finds one changed byte', async () => {
    const content = Uint8Array.from(CONTENT)
    content[7] = content[7]! ^ 1
    await choose(fileOf(content), credentialFile(good))
    expect([await verdict(), await heading()]).to.deep.equal(['tampered', 'Tampered'])
    const [only, ...others] = await failed()
    expect(only).to.include('The file is not the one that the credential was issued for.')
    expect(others).to.deep.equal([])
    // The same place takes the file as it should be.
    await input('file').setInputFiles(fileOf())
    await page.getByRole('heading', { name: 'Intact' }).waitFor()
  })

  it('finds a cut, a longer and an empty file', async () => {
    for (const content of [
      CONTENT.slice(1),
      CONTENT.slice(0, -1),
      Uint8Array.of(...CONTENT, 0),
      new Uint8Array(),
    ]) {
      await choose(fileOf(content), credentialFile(good))
      expect(await verdict()).to.equal('tampered')
      await page.getByRole('button', { name: 'Clear' }).click()
    }
  })

  it('shows the reason of a revocation, as text', async () => {
    const credential = await chain.issue()
    await chain.revoke(credential, `issued twice ${MARKUP}`)
    await choose(fileOf(), credentialFile(credential))
    expect([await verdict(), await heading()]).to.deep.equal(['revoked', 'Revoked'])
    await page.getByText(`Reason given by the issuer: \u2068issued twice ${MARKUP}\u2069`).waitFor()
    expect(await page.locator('img').count()).to.equal(0)
  })

  it('says that a credential has expired', async () => {
    const credential = await chain.issue({
      validFrom: '2019-01-01T00:00:00Z',
      metadata: { mediaType: 'text/plain', size: CONTENT.length, validUntil: '2020-02-29T12:00:00Z' },
    })
    await choose(fileOf(), credentialFile(credential))
    expect([await verdict(), await heading()]).to.deep.equal(['expired', 'Expired'])
    await page.getByText('The credential was valid until 29 February 2020 at 12:00:00 UTC.').waitFor()
  })

  it('asks the chain whether a pending credential is recorded by now', async () => {
    const pending = chain.pending()
    await choose(fileOf(), credentialFile(pending))
    expect([await verdict(), await heading()]).to.deep.equal(['unconfirmed', 'Not on the chain yet'])
    expect(await failed()).to.deep.equal([])
    await page.getByText('The issuer had promised to record it by 1 March 2026').waitFor()
    expect((await unchecked()).join()).to.include('Whether it was published or anchored by now')
    await chain.recorded('recorded', [pending])
    await page.getByRole('button', { name: 'Verify again' }).click()
    await page.getByRole('heading', { name: 'Intact' }).waitFor()
  })

  it('says that the file was not checked when there is none, and takes it afterwards', async () => {
    await choose(undefined, credentialFile(good))
    expect([await verdict(), await heading()]).to.deep.equal([
      'none',
      'The credential holds; the file was not checked',
    ])
    expect((await unchecked())[0]).to.equal('The file was not checked.')
    await input('file').setInputFiles(fileOf())
    await page.getByRole('heading', { name: 'Intact' }).waitFor()
  })

  it('waits for the credential when the file comes first', async () => {
    await input('file').setInputFiles(fileOf())
    await page.getByText('The file was read. Its credential is needed, too.').waitFor({ state: 'attached' })
    expect(await page.locator('.verdict').count()).to.equal(0)
  })

  it('takes nothing of an issuer that the directory does not have', async () => {
    await choose(fileOf(), credentialFile(someCredential({ registry: chain.registry })))
    expect([await verdict(), await heading()]).to.deep.equal(['none', 'Not from a known issuer'])
    expect((await failed())[0]).to.include('does not name the account as an issuer')
    await page.getByText('Not checked, as an earlier step failed.').waitFor()
  })

  it('refuses a credential with any character changed, or made up, without asking anybody', async () => {
    const text = serializeCredential(good)
    const requests = seen.requests.length
    const flip = (at: number) => text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1)
    const { integrity: _, ...content } = good
    const subject = { ...content.credentialSubject, salt: `0x${'22'.repeat(32)}` as Bytes32 }
    const edited = JSON.stringify(withIntegrity({ ...content, credentialSubject: subject }))
    for (const changed of [
      flip(text.indexOf('0x') + 9),
      flip(text.length - 9),
      text.replace('2099', '2199'),
      edited,
    ]) {
      await choose(fileOf(), textFile(changed))
      expect([await verdict(), await heading()]).to.deep.equal(['none', 'This credential is not genuine'])
      await page.getByRole('button', { name: 'Clear' }).click()
    }
    for (const other of ['', 'no JSON', '[]', text.slice(0, -40)]) {
      await choose(fileOf(), textFile(other))
      expect(await heading()).to.equal('This is no credential')
      await page.getByRole('button', { name: 'Clear' }).click()
    }
    expect(seen.requests.length).to.equal(requests)
  })

  /** As somebody drags files onto an element of the page. */
  async function drop(onto: string, ...files: Upload[]): Promise<void> {
    const dragged = await page.evaluateHandle(
      (list) => {
        const transfer = new DataTransfer()
        for (const { name, mimeType, base64 } of list) {
          const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
          transfer.items.add(new File([bytes], name, { type: mimeType }))
        }
        return transfer
      },
      files.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString('base64') })),
    )
    await page.dispatchEvent(onto, 'dragover', { dataTransfer: dragged })
    await page.dispatchEvent(onto, 'drop', { dataTransfer: dragged })
  }

  it('takes both when they are dropped anywhere together, each for what it is', async () => {
    await drop('h1', credentialFile(good), fileOf())
    await page.getByRole('heading', { name: 'Intact' }).waitFor()
    expect(await page.locator('[data-place=file] .chosen bdi').textContent()).to.equal('Übersicht 2024.pdf')
    expect(page.url()).to.equal(`${origin}/verify`)
  })

  it('takes one after the other when they are dropped on their places, whatever their names', async () => {
    await drop('[data-place=file]', fileOf())
    await drop('[data-place=credential] p', textFile(serializeCredential(good), 'download(3)'))
    await page.getByRole('heading', { name: 'Intact' }).waitFor()
  })

  it('shows where something is dropped, and takes no two files', async () => {
    const dragged = await page.evaluateHandle(() => new DataTransfer())
    await page.dispatchEvent('[data-place=credential]', 'dragover', { dataTransfer: dragged })
    expect(await page.locator('.slot.over').getAttribute('data-place')).to.equal('credential')
    await drop('[data-place=file]', fileOf(), fileOf())
    await page.getByText('One file and one credential at a time, please.').waitFor()
    expect(await page.locator('.slot.over, .chosen').count()).to.equal(0)
  })

  it('is used with keys alone', async () => {
    const press = async (name: string, upload: Upload) => {
      // Asked for before keys are pressed: the browser is told to hand the chooser over.
      const chooser = page.waitForEvent('filechooser')
      for (let i = 0; i < 12; i++) {
        await page.keyboard.press('Tab')
        const label = await page.evaluate(() => document.activeElement?.closest('label')?.textContent ?? '')
        if (label === name) break
      }
      await page.keyboard.press('Enter')
      await (await chooser).setFiles(upload)
    }
    await press('Choose the file', fileOf())
    await press('Choose the credential', credentialFile(good))
    await page.getByRole('heading', { name: 'Intact' }).waitFor()
    // The focus comes a frame after the answer.
    await page.locator('.result:focus').waitFor()
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.textContent)).to.equal('Verify again')
  })

  it('says that nothing was found out when no node answers, and what was found without', async () => {
    await page.route(`${chain.anvil.url}/**`, (route) => route.abort())
    await choose(fileOf(), credentialFile(good))
    expect([await verdict(), await heading()]).to.deep.equal(['none', 'Could not be verified'])
    await page.getByText('No node of the chain gives an answer.').waitFor()
    expect(await page.locator('.step.passed').count()).to.equal(5)
    // That a file is another one needs no chain.
    await input('file').setInputFiles(fileOf(CONTENT.slice(1)))
    await page.getByRole('heading', { name: 'Tampered' }).waitFor()
    await page.getByText('No node of the chain gives an answer.').waitFor()
    await page.unroute(`${chain.anvil.url}/**`)
    await input('file').setInputFiles(fileOf())
    await page.getByRole('heading', { name: 'Intact' }).waitFor()
    seen.complaints.length = 0
  })

  describe('asking other nodes', () => {
    const OTHER = 'https://other-node.example'
    async function otherNode(lie: (method: string, result: unknown) => unknown = (_, result) => result) {
      await page.route(`${OTHER}/**`, async (route) => {
        const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }
        if (route.request().method() === 'OPTIONS') return route.fulfill({ headers })
        const { method, params } = route.request().postDataJSON()
        const result = lie(method, await chain.anvil.request(method, params))
        return route.fulfill({ headers, json: { jsonrpc: '2.0', id: 1, result } })
      })
    }
    async function askOthers(...urls: string[]) {
      await page.getByRole('link', { name: 'Use other nodes or addresses' }).click()
      await page.waitForURL('**/verify/own-nodes')
      await choose(fileOf(), credentialFile(good))
      for (const [i, url] of urls.entries()) await page.getByLabel(`JSON-RPC endpoint ${i + 1}`).fill(url)
      await page.getByLabel('Registry of credentials').fill(chain.registry)
      await page.getByLabel('Directory of participants').fill(chain.contracts.ParticipantDirectory)
      await page.getByRole('button', { name: 'Verify', exact: true }).click()
    }

    it('takes two that agree', async () => {
      await otherNode()
      await askOthers(chain.anvil.url, OTHER)
      await page.getByText(`Nodes asked: ${new URL(chain.anvil.url).host}, other-node.example`).waitFor()
      expect(await verdict()).to.equal('intact')
      expect(await unchecked()).to.deep.equal(['Whether both nodes are wrong in the same way.', TRUTH])
      expect(await accessibilityFaults(page)).to.deep.equal([])
    })

    for (const lied of ['eth_call', 'eth_getBlockByNumber'])
      it(`gives no verdict when one lies to ${lied}`, async () => {
        await otherNode((method, result) => {
          if (method !== lied) return result
          const text = JSON.stringify(result)
          return JSON.parse(
            text.replace(/[0-9a-f](?=[0-9a-f]{3}"[},]?|"$)/g, (digit) => (digit === '0' ? '1' : '0')),
          )
        })
        await askOthers(chain.anvil.url, OTHER)
        await page.getByRole('heading', { name: 'Could not be verified' }).waitFor()
        await page.getByText('The nodes contradict each other.').waitFor()
        expect(await verdict()).to.equal('none')
      })

    it('believes the addresses that were typed', async () => {
      await askOthers(chain.anvil.url)
      await page.getByLabel('Registry of credentials').fill(chain.contracts.QueryResultRegistry)
      await page.getByRole('button', { name: 'Verify', exact: true }).click()
      await page.getByRole('heading', { name: 'Not in a known registry' }).waitFor()
    })
  })

  it('is unconfirmed until the block is final', async () => {
    const first = server
    try {
      await open({}, await serve(5_000))
      await choose(fileOf(), credentialFile(good))
      expect([await verdict(), await heading()]).to.deep.equal(['unconfirmed', 'Recorded, not final yet'])
      expect(await page.locator('.step.pending').count()).to.equal(1)
    } finally {
      await server.close()
      server = first
    }
  })

  describe('with a large file', () => {
    const SIZE = 300 * 1024 * 1024
    let folder: string
    let large: string
    let credential: EvidenceCredential
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'large-'))
      large = join(folder, 'film.mov')
      const contentHash = await writeLarge(large, SIZE)
      credential = await chain.issue({ contentHash, metadata: { mediaType: 'video/quicktime', size: SIZE } })
    })
    after(() => rmSync(folder, { recursive: true, force: true }))

    it('reads it part by part: progress is shown, the page answers, memory does not grow with it', async function () {
      this.timeout(240_000)
      await input('credential').setInputFiles(credentialFile(credential))
      await page.getByText('The file was not checked.').waitFor()
      const pid = await rendererOf(page)
      const before = memoryOf(pid, 'VmRSS')
      await page.evaluate(() => {
        const pulse = { longest: 0, last: performance.now(), shares: new Set<number>() }
        ;(window as unknown as { pulse: typeof pulse }).pulse = pulse
        setInterval(() => {
          pulse.longest = Math.max(pulse.longest, performance.now() - pulse.last)
          pulse.last = performance.now()
          const share = document.querySelector('progress')?.value
          if (share !== undefined) pulse.shares.add(share)
        }, 10)
      })
      const start = performance.now()
      await input('file').setInputFiles(large)
      await page.getByRole('heading', { name: 'Intact' }).waitFor({ timeout: 180_000 })
      const seconds = (performance.now() - start) / 1000
      const peak = memoryOf(pid, 'VmHWM') - before
      const { longest, shares } = await page.evaluate(() => {
        const { pulse } = window as unknown as { pulse: { longest: number; shares: Set<number> } }
        return { longest: pulse.longest, shares: [...pulse.shares] }
      })
      console.log(
        `      300 MiB in ${seconds.toFixed(1)} s; ${Math.round(peak / 1024)} MiB more at most; longest wait ${Math.round(longest)} ms; ${shares.length} shares shown`,
      )
      expect(shares.length).to.be.greaterThan(5)
      expect(shares).to.deep.equal([...shares].sort((a, b) => a - b))
      expect(peak).to.be.lessThan(64 * 1024)
      // Hashed at once it would keep the page waiting for all of it; on a busy machine everything takes its time.
      expect(longest).to.be.lessThan(Math.max(500, (seconds * 1000) / 8))
    })

    it('stops when told to, and says that the file was not checked', async () => {
      await input('credential').setInputFiles(credentialFile(credential))
      await page.getByText('The file was not checked.').waitFor()
      await input('file').setInputFiles(large)
      await page.getByRole('button', { name: 'Stop reading' }).click()
      await page.getByText('Stopped. The file was not read in full and not checked.').waitFor()
      expect(await heading()).to.equal('The credential holds; the file was not checked')
      expect(await page.locator('progress').count()).to.equal(0)
      expect(await accessibilityFaults(page)).to.deep.equal([])
    })

    it('takes the file that is given last', async () => {
      await input('file').setInputFiles(large)
      await page.locator('progress').waitFor()
      await choose(fileOf(), credentialFile(good))
      expect(await verdict()).to.equal('intact')
    })
  })

  it('forgets everything when told to, and when nothing was done for five minutes', async () => {
    await choose(fileOf(), credentialFile(good))
    await page.getByRole('button', { name: 'Clear' }).click()
    expect(await page.locator('.verdict, .chosen, .record').count()).to.equal(0)
    await page.clock.install()
    await page.reload()
    await choose(fileOf(), credentialFile(good))
    await page.clock.fastForward('05:10')
    await page.getByText('Cleared, as nothing was done for five minutes.').waitFor({ state: 'attached' })
    expect(await page.locator('.verdict, .chosen, .record').count()).to.equal(0)
  })

  for (const colorScheme of ['light', 'dark'] as const)
    it(`has no fault that axe-core finds, and cuts nothing off, whatever the verdict, ${colorScheme}`, async () => {
      const revoked = await chain.issue()
      await chain.revoke(revoked, 'superseded')
      const cases: [Upload, Upload][] = [
        [fileOf(), credentialFile(good)],
        [fileOf(CONTENT.slice(1)), credentialFile(good)],
        [fileOf(), credentialFile(revoked)],
        [fileOf(), credentialFile(chain.pending())],
        [fileOf(), textFile('broken')],
      ]
      for (const width of [1200, 360]) {
        await open({ colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' })
        expect(await accessibilityFaults(page)).to.deep.equal([])
        for (const [file, credential] of cases) {
          await choose(file, credential)
          expect(await accessibilityFaults(page)).to.deep.equal([])
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
          expect(overflow, 'nothing is cut off at the side').to.be.at.most(0)
          await page.getByRole('button', { name: 'Clear' }).click()
        }
      }
    })

  it('speaks Chinese', async () => {
    await open({ locale: 'zh-CN' })
    await choose(fileOf(), credentialFile(good))
    expect(await heading()).to.equal('完好无损')
    expect(await page.title()).to.equal('核验文件及其凭证 · Countersign')
  })
})

/** Writes a file of `size` bytes that differ. @returns its sha256 */
async function writeLarge(path: string, size: number): Promise<Bytes32> {
  const hash = createHash('sha256')
  const file = createWriteStream(path)
  const part = Buffer.alloc(1024 * 1024)
  for (let written = 0; written < size; written += part.length) {
    for (let at = 0; at < part.length; at += 4096) part.writeUInt32LE(written + at, at)
    hash.update(part)
    // Of its own: the stream has not written the one before yet.
    if (!file.write(Buffer.from(part))) await once(file, 'drain')
  }
  file.end()
  await finished(file)
  return `0x${hash.digest('hex')}`
}

/** The process that runs the page: the one whose memory a file could fill. */
async function rendererOf(page: Page): Promise<number> {
  const session = await page.context().browser()!.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  // Spare ones wait for pages to come, and are small.
  return renderers.reduce((a, b) => (memoryOf(b, 'VmRSS') > memoryOf(a, 'VmRSS') ? b : a))
}

/** In KiB: now, or at most so far. */
const memoryOf = (pid: number, what: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
