import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyCredential } from '../../protocol/credentials/credential-verification.ts'
import { readCredential } from '../../protocol/credentials/evidence-credential.ts'
import { eventTopic } from '../../protocol/event-topic.ts'
import { randomBytes32 } from '../../protocol/hex.ts'
import { selectSample } from '../../protocol/sampling.ts'
import { type Neighbourhood, settleEvidence } from '../../test/services/evidence/evidence-fixture.ts'
import { cpuSecondsOf } from '../cpu-time.ts'
import { forEachAtOnce, measureBaseline } from './baseline.ts'
import { AS_PEOPLE_RUN_IT } from './node-options.ts'
import { Uploader } from './upload.ts'

export interface MeasuredDocuments {
  documents: number
  bytesEach: number
  /** Hashed, written and synced only; before and after. */
  baselinePerSecond: [number, number]
  /** Until the last was answered: durable, and under way to the chain. */
  perSecond: number
  p50Ms: number
  p99Ms: number
  cpuMsEach: number
  /** Until the last was on chain. */
  recordedPerSecond: number
  anchors: number
  gasEach: number
  /** Credentials whose file was verified on its own, and against the chain's block. */
  verified: number
}

export interface DocumentOptions {
  documents: number
  bytes: number
  connections: number
  sample: number
}

const ANCHORED = eventTopic('Anchored(bytes32,address,uint64,string)')
const RECORDED_WITHIN_MS = 120_000

/** Hands documents in at an evidence server whose tier is `anchor`, as many at once as there are connections. */
export async function measureDocuments(
  options: DocumentOptions,
  onProgress: (line: string) => void,
): Promise<MeasuredDocuments> {
  const documents = Array.from({ length: options.documents }, () => randomBytes(options.bytes))
  const before = await measureBaseline(documents, options.connections)
  onProgress(`${before.toFixed(0)} documents/s hashed, written and synced`)
  const home = await settleEvidence({
    EVIDENCE_TIER: 'anchor',
    // A root costs some 32,000 gas however many documents share it: it waits for a thousand.
    EVIDENCE_FLUSH_MS: '20000',
    EVIDENCE_MAX_BATCH: '1000',
    EVIDENCE_CLIENT_UPLOADS: String(options.connections),
  })
  try {
    await home.server.start(AS_PEOPLE_RUN_IT)
    const uploader = new Uploader(home.server.url, home.server.apiKey, options.connections)
    const cpuBefore = cpuSecondsOf(home.server.pid)
    const from = performance.now()
    const times: number[] = []
    const ids: string[] = []
    await forEachAtOnce(documents, options.connections, async (document, i) => {
      const sent = performance.now()
      ids[i] = (await uploader.upload(`document-${i}.bin`, document)).credentialId
      times.push(performance.now() - sent)
    })
    const answeredAfter = (performance.now() - from) / 1000
    const cpuSeconds = cpuSecondsOf(home.server.pid) - cpuBefore
    onProgress(`${(documents.length / answeredAfter).toFixed(0)} documents/s kept and answered`)
    const anchors = await untilAnchored(home, documents.length)
    const recordedAfter = (performance.now() - from) / 1000
    const gas = await Promise.all(anchors.map((transaction) => gasOf(home, transaction)))
    const verified = await verifySample(home, uploader, documents, ids, options.sample)
    await uploader.close()
    times.sort((a, b) => a - b)
    return {
      documents: documents.length,
      bytesEach: options.bytes,
      baselinePerSecond: [before, await measureBaseline(documents, options.connections)],
      perSecond: documents.length / answeredAfter,
      p50Ms: times[Math.floor(times.length * 0.5)]!,
      p99Ms: times[Math.floor(times.length * 0.99)]!,
      cpuMsEach: (cpuSeconds * 1000) / documents.length,
      recordedPerSecond: documents.length / recordedAfter,
      anchors: anchors.length,
      gasEach: gas.reduce((sum, one) => sum + one, 0) / documents.length,
      verified,
    }
  } finally {
    await home.end()
  }
}

/** Resolves with the transactions of the roots once they stand for all documents. */
async function untilAnchored({ chain, contracts }: Neighbourhood, documents: number): Promise<string[]> {
  const deadline = Date.now() + RECORDED_WITHIN_MS
  for (;;) {
    const logs = await chain.request<{ transactionHash: string; data: string }[]>('eth_getLogs', [
      { address: contracts.CredentialRegistry, topics: [ANCHORED], fromBlock: 'earliest', toBlock: 'latest' },
    ])
    // The first word of the data is the number of leaves.
    const leaves = logs.reduce((sum, { data }) => sum + Number(data.slice(0, 66)), 0)
    if (leaves >= documents) return logs.map(({ transactionHash }) => transactionHash)
    if (Date.now() > deadline) throw new Error(`${leaves} of ${documents} documents are on chain`)
    await sleep(50)
  }
}

async function gasOf({ chain }: Neighbourhood, transaction: string): Promise<number> {
  const { gasUsed } = await chain.request<{ gasUsed: string }>('eth_getTransactionReceipt', [transaction])
  return Number(gasUsed)
}

/** Verifies credentials of a random sample by their files alone, and their blocks with the chain. Returns how many. */
async function verifySample(
  { chain }: Neighbourhood,
  uploader: Uploader,
  documents: readonly Buffer[],
  ids: readonly string[],
  size: number,
): Promise<number> {
  const documentOf = new Map(ids.map((id, i) => [id, documents[i]!]))
  const sample = selectSample(ids, size, randomBytes32())
  for (const id of sample) {
    const credential = await untilReceipt(uploader, id)
    const { verdict, checks, recorded } = await verifyCredential(credential)
    const { contentHash } = readCredential(credential)
    const hash = `0x${createHash('sha256').update(documentOf.get(id)!).digest('hex')}`
    if (verdict !== 'recorded' || recorded?.tier !== 'anchored' || contentHash !== hash)
      throw new Error(`credential ${id} does not hold: ${JSON.stringify(checks)}`)
    const block = await chain.request<{ hash: string }>('eth_getBlockByNumber', [
      `0x${recorded.blockNumber.toString(16)}`,
      false,
    ])
    if (block.hash !== recorded.blockHash) throw new Error(`credential ${id} names another block`)
  }
  return sample.length
}

async function untilReceipt(uploader: Uploader, credentialId: string) {
  const deadline = Date.now() + RECORDED_WITHIN_MS
  for (;;) {
    const credential = await uploader.credential(credentialId)
    if (readCredential(credential).receipt !== null) return credential
    if (Date.now() > deadline) throw new Error(`credential ${credentialId} has no receipt`)
    await sleep(50)
  }
}
