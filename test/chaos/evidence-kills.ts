import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { JsonRpcProvider } from 'ethers'
import { parseCredential, readCredential } from '../../protocol/credentials/evidence-credential.ts'
import { isCountersignError } from '../../protocol/errors.ts'
import { keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'
import { serialToKey } from '../../protocol/serial.ts'
import { EvidenceClient } from '../../scripts/cli/evidence-client.ts'
import { type Neighbourhood, settleEvidence, sha256 } from '../services/evidence/evidence-fixture.ts'
import { type Random, seededRandom } from '../support/fault-random.ts'

/** What was sent, and the credential that it was acknowledged with. */
interface Sent {
  key: string
  file: string
  contentHash: string
  credentialId?: string
}

const AT_ONCE = 4
const MAX_BYTES = 200_000
/** Some contents are equal: they lie in the store once. */
const CONTENTS = 60
const PATIENCE_MS = 60_000

/**
 * Kills an evidence server at random moments, also of its start, while documents are handed in under idempotency keys. Afterwards everything
 * that was acknowledged is there, nothing else is in the store, and each stands on the chain once.
 * @returns what it did, in a few words
 * @throws Error naming what is not so
 */
export async function killEvidenceServer(kills: number, seed: string): Promise<string> {
  const random = seededRandom(`${seed}/evidence`)
  const home = await settleEvidence()
  const run = new UploadRun(home, random.fork('uploads'))
  try {
    await home.server.start()
    await run.play(() => killNowAndThen(home, kills, random, () => run.acknowledged))
    // What the last death left is put in order by the next start.
    await home.server.end('SIGKILL')
    await home.server.start()
    await run.check()
  } finally {
    await run.close()
    await home.end()
  }
  return `${kills} kills during ${run.sent.length} uploads: none acknowledged was lost, none is an orphan, none is there twice`
}

async function killNowAndThen(
  { server }: Neighbourhood,
  kills: number,
  random: Random,
  acknowledged: () => number,
): Promise<void> {
  for (let n = 0; n < kills; n++) {
    await randomMoment(random, acknowledged)
    await server.end('SIGKILL')
    if (random.chance(1 / 6)) {
      // And once more in its start: it may be dead before it listens.
      const starting = server.start()
      starting.catch(() => {})
      await sleep(random.integer(0, 900))
      await server.end('SIGKILL')
      await starting.catch(() => {})
    }
    await server.start()
  }
}

/** One time in six soon after it listens; otherwise after so many acknowledgements, and a little. */
async function randomMoment(random: Random, acknowledged: () => number): Promise<void> {
  if (random.chance(1 / 6)) return sleep(random.integer(0, 500))
  const after = acknowledged() + random.integer(1, 15)
  const deadline = Date.now() + 10_000
  while (acknowledged() < after && Date.now() < deadline) await sleep(1)
  await sleep(random.integer(0, 30))
}

class UploadRun {
  readonly sent: Sent[] = []
  readonly #home: Neighbourhood
  readonly #random: Random
  #client: EvidenceClient | undefined
  #isOver = false
  #acknowledged = 0

  constructor(home: Neighbourhood, random: Random) {
    this.#home = home
    this.#random = random
  }

  get #folder(): string {
    return path.join(this.#home.server.folder, 'documents')
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Hands documents in until what is done meanwhile has been done, and each of them is acknowledged. */
  async play(meanwhile: () => Promise<void>): Promise<void> {
    const { url, apiKey } = this.#home.server
    this.#client = new EvidenceClient(url, apiKey)
    mkdirSync(this.#folder)
    const uploading = Promise.all(Array.from({ length: AT_ONCE }, () => this.#uploadUntilOver()))
    uploading.catch(() => {})
    try {
      await meanwhile()
    } finally {
      this.#isOver = true
    }
    await uploading
  }

  async #uploadUntilOver(): Promise<void> {
    while (!this.#isOver) {
      const number = this.sent.length
      const content = randomContent(this.#random.integer(0, CONTENTS))
      const file = path.join(this.#folder, String(number))
      writeFileSync(file, content)
      const sent: Sent = { key: `upload-${number}`, file, contentHash: sha256(content) }
      this.sent.push(sent)
      sent.credentialId = await this.#persist(() =>
        this.#client!.store({
          file,
          size: content.length,
          mediaType: 'text/plain',
          metadata: { name: String(number) },
          idempotencyKey: sent.key,
        }).then((answer) => answer.credentialId),
      )
      this.#acknowledged++
    }
  }

  async #persist<T>(ask: () => Promise<T>): Promise<T> {
    for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(30))
      try {
        return await ask()
      } catch (error) {
        if (!isCountersignError(error) || !error.retryable || Date.now() > deadline) throw error
      }
  }

  async check(): Promise<void> {
    await this.#checkAcknowledged()
    this.#checkStore()
    await this.#checkChain()
  }

  /** Each is there under the credential that it was acknowledged with, with its content. */
  async #checkAcknowledged(): Promise<void> {
    for (const { credentialId, contentHash, key } of this.sent) {
      const credential = await this.#persist(() => this.#whenRecorded(credentialId!))
      requireSame(`content hash of ${key}`, readCredential(credential).contentHash, contentHash)
      const response = await this.#home.server.request(`/v1/evidence/${credentialId}/content`)
      requireSame(`content of ${key}`, sha256(new Uint8Array(await response.arrayBuffer())), contentHash)
    }
    const ids = this.sent.map(({ credentialId }) => credentialId)
    requireSame('credentials of uploads', new Set(ids).size, this.sent.length)
  }

  async #whenRecorded(credentialId: string) {
    for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(50)) {
      const credential = parseCredential(await this.#client!.credential(credentialId))
      if (readCredential(credential).receipt !== null) return credential
      if (Date.now() > deadline) throw new Error(`${credentialId} has not got on chain`)
    }
  }

  /** Rows for what was sent and no others; contents for rows and no others; nothing under way. */
  #checkStore(): void {
    const { server } = this.#home
    requireSame('rows of evidence', server.count('evidence'), this.sent.length)
    const hashes = [...new Set(this.sent.map(({ contentHash }) => contentHash))].sort()
    requireSame('contents in the store', server.storedHashes().join(), hashes.join())
    requireSame('staged files', server.stagedFiles().length, 0)
    requireSame('contents without a row', server.count('content_intents'), 0)
  }

  async #checkChain(): Promise<void> {
    const { chain, contracts } = this.#home
    const rpc = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true })
    try {
      const event = keccak256Hex(utf8ToBytes('CredentialIssued(bytes32,address,bytes32)'))
      const address = contracts.CredentialRegistry
      const logs = await rpc.getLogs({ address, topics: [event], fromBlock: 0, toBlock: 'latest' })
      const recorded = logs.map(({ topics }) => topics[1]!).sort()
      const wanted = this.sent.map(({ credentialId }) => serialToKey(credentialId!)).sort()
      requireSame('credentials on chain', recorded.join(), wanted.join())
    } finally {
      rpc.destroy()
    }
  }

  async close(): Promise<void> {
    await this.#client?.close()
  }
}

/** The same bytes for the same number. */
const randomContent = (number: number): string => {
  const random = seededRandom(`content ${number}`)
  return `document ${number} `.padEnd(random.integer(0, MAX_BYTES), `${number},`)
}

function requireSame<T>(what: string, found: T, wanted: T): void {
  if (found !== wanted) throw new Error(`${what}: ${cut(found)} instead of ${cut(wanted)}`)
}

const cut = (value: unknown): string => String(value).slice(0, 400)
