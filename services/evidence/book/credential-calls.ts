import { CREDENTIAL_ISSUED_TOPIC } from '../../../protocol/credentials/credential-event.ts'
import { keccak256, utf8ToBytes } from '../../../protocol/hex.ts'
import { anchorCalls } from '../../party/book-writer/anchor-calls.ts'
import { encodeRecording } from '../../party/book-writer/call-data.ts'
import { DIGEST_CALLS, GAS_OF_RECORDING, type RegistryCalls } from '../../party/book-writer/registry-calls.ts'

/**
 * - `record`: a slot and an event for each credential
 * - `publish`: all credentials in one event, their root computed on chain
 * - `anchor`: only a root on chain; the server serves the leaves
 */
export const RECORDING_TIERS = ['record', 'publish', 'anchor'] as const
export type RecordingTier = (typeof RECORDING_TIERS)[number]

const WORD = 32
const selector = (signature: string): Uint8Array => keccak256(utf8ToBytes(signature)).subarray(0, 4)
const ISSUE_BATCH = selector('issueBatch((bytes32,bytes32,uint64)[])')
const PUBLISH = selector('publish((bytes32,bytes32)[])')

/** A second slot and event. */
const GAS_PER_EXPIRY = 27_500
/** EIP-7623: call data alone costs 40 gas for each byte that is not zero; hashing and the event come on top of the usual 16. */
const GAS_PER_PUBLISHED_CREDENTIAL = 4_200

/** What goes with a credential that expires. @param expiresAt unix seconds */
export function packExpiry(expiresAt: number): Uint8Array {
  const content = Buffer.alloc(8)
  content.writeBigUInt64BE(BigInt(expiresAt))
  return content
}

/** Seconds that an expiry lies ahead, at least, to go on chain: the transaction may wait for its block for so long. */
export const EXPIRY_MARGIN = 15 * 60

/**
 * Zero for none, and for one that is past or near: the registry refuses what is past by then, and all else in the transaction with it.
 * The credential itself says when it expires.
 */
function expiryOf(content: Uint8Array | null, now: number): bigint {
  const expiresAt = content === null ? 0n : Buffer.from(content).readBigUInt64BE()
  return expiresAt <= BigInt(now + EXPIRY_MARGIN) ? 0n : expiresAt
}

/** `record` and `recordBatch`, or `issueBatch(Credential[])` where one of them expires. @param now unix seconds */
const recordCalls = (now: () => number): RegistryCalls => ({
  ...DIGEST_CALLS,
  event: { topic: CREDENTIAL_ISSUED_TOPIC, firstOf: (key) => key },
  encode(entries, blockTime = 0) {
    // A chain's clock may be ahead of this one's.
    const latest = Math.max(now(), blockTime)
    const expiries = entries.map(({ content }) => expiryOf(content, latest))
    if (expiries.every((expiresAt) => expiresAt === 0n)) return encodeRecording(entries)
    const data = Buffer.alloc(4 + (2 + 3 * entries.length) * WORD)
    startList(data, ISSUE_BATCH, entries.length)
    entries.forEach(({ key, digest }, i) => {
      const at = 4 + (2 + 3 * i) * WORD
      data.write(key.slice(2), at, 'hex')
      data.write(digest.slice(2), at + WORD, 'hex')
      data.writeBigUInt64BE(expiries[i]!, at + 3 * WORD - 8)
    })
    return data
  },
  gasOf: (entry) => DIGEST_CALLS.gasOf(entry) + (entry.content === null ? 0 : GAS_PER_EXPIRY),
  bytesOf: () => 3 * WORD,
})

/** `publish(Entry[])`; expiries are in the credentials alone. */
const publishCalls: RegistryCalls = {
  keepsSlots: false,
  checksOrder: false,
  gasOfCall: GAS_OF_RECORDING,
  encode(entries) {
    const data = Buffer.alloc(4 + (2 + 2 * entries.length) * WORD)
    startList(data, PUBLISH, entries.length)
    entries.forEach(({ key, digest }, i) => {
      const at = 4 + (2 + 2 * i) * WORD
      data.write(key.slice(2), at, 'hex')
      data.write(digest.slice(2), at + WORD, 'hex')
    })
    return data
  },
  gasOf: () => GAS_PER_PUBLISHED_CREDENTIAL,
  bytesOf: () => 2 * WORD,
}

/**
 * How credentials get on chain.
 * @param manifests URL under which the leaves of anchored roots are served; for `anchor` only
 * @param now unix seconds
 */
export function credentialCalls(
  tier: RecordingTier,
  manifests: string,
  now: () => number = () => Math.floor(Date.now() / 1000),
): RegistryCalls {
  if (tier === 'anchor') return anchorCalls(manifests)
  return tier === 'publish' ? publishCalls : recordCalls(now)
}

/** Selector, offset and length of the one list that a call takes. */
function startList(data: Buffer, selector: Uint8Array, length: number): void {
  data.set(selector)
  data.writeUInt32BE(WORD, 4 + WORD - 4)
  data.writeUInt32BE(length, 4 + 2 * WORD - 4)
}
