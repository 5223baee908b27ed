import { verifyEventProof } from '../event-proof.ts'
import { type Address, type Bytes32, type Hex, isBytes32, isSameAddress, ZERO_BYTES32 } from '../hex.ts'
import { proofInvalid } from '../proof-error.ts'
import type { EventLog } from '../receipts-trie.ts'
import { type Entry, verifyMerkleProof } from '../record-book.ts'
import type { Serial } from '../serial.ts'
import {
  ANCHORED_TOPIC,
  CREDENTIAL_ISSUED_TOPIC,
  type CredentialTier,
  PUBLISHED_TOPIC,
} from './credential-event.ts'
import { credentialKey } from './credential-key.ts'
import type { RecordReceipt } from './evidence-credential.ts'

/** Whose entry a receipt has to be. */
export interface ExpectedRecord {
  registry: Address
  issuer: Address
  credentialId: Serial
  digest: Bytes32
}

export interface ProvenCredentialRecord {
  /** What the chain has for the credential. Of the anchored tier always the one expected: a root names no digest. */
  digest: Bytes32
  blockNumber: number
  blockHash: Bytes32
  /** Unix seconds. */
  timestamp: number
}

const TOPIC_OF: Record<CredentialTier, Bytes32> = {
  recorded: CREDENTIAL_ISSUED_TOPIC,
  published: PUBLISHED_TOPIC,
  anchored: ANCHORED_TOPIC,
}
const EVENT_OF: Record<CredentialTier, string> = {
  recorded: 'CredentialIssued',
  published: 'Published',
  anchored: 'Anchored',
}

/**
 * Checks that a receipt proves an entry of this registry, issuer and credential, and says which digest it has, and when.
 * Holds up to the block hash: whether that block is part of the chain, only a node of the chain can say.
 * @throws PROOF_INVALID
 */
export async function verifyCredentialRecorded(
  { tier, event, leafProof }: RecordReceipt,
  { registry, issuer, credentialId, digest }: ExpectedRecord,
): Promise<ProvenCredentialRecord> {
  if (Object.hasOwn(event, 'transactionHash'))
    throw wrong('it names a transaction hash, which nothing proves')
  const { log, ...block } = await verifyEventProof({ ...event, transactionHash: ZERO_BYTES32 })
  if (!isSameAddress(log.address, registry))
    throw wrong(`the log is of contract ${log.address}, not of ${registry}`)
  if (log.topics.length !== 3 || log.topics[0] !== TOPIC_OF[tier])
    throw wrong(`the log is not of the event ${EVENT_OF[tier]}`)
  if (log.topics[2] !== `0x${'0'.repeat(24)}${issuer.slice(2).toLowerCase()}`)
    throw wrong(`the event is of another issuer than ${issuer}`)
  const entry = { key: credentialKey(credentialId), digest }
  return { digest: digestIn(tier, log, entry, leafProof ?? []), ...block }
}

function digestIn(tier: CredentialTier, log: EventLog, entry: Entry, leafProof: Bytes32[]): Bytes32 {
  const subject = log.topics[1]!
  if (tier === 'recorded') {
    if (subject !== entry.key) throw wrong('the event is of another credential')
    if (!isBytes32(log.data)) throw wrong('the event has no digest')
    return log.data
  }
  if (tier === 'published') {
    // The first write of a key counts.
    const published = publishedEntries(log.data).find(({ key }) => key === entry.key)
    if (published === undefined) throw wrong('the published list does not have the credential')
    return published.digest
  }
  if (!verifyMerkleProof(subject, entry, leafProof)) throw wrong('the leaf is not under the anchored root')
  return entry.digest
}

const WORD = 64

/** `abi.encode((bytes32,bytes32)[])` as the registry writes it. */
function publishedEntries(data: Hex): Entry[] {
  const word = (i: number): Hex => `0x${data.slice(2 + i * WORD, 2 + (i + 1) * WORD)}`
  const count = (data.length - 2) / WORD / 2 - 1
  if (!Number.isInteger(count) || count < 1 || Number(word(0)) !== 32 || Number(word(1)) !== count)
    throw wrong('the published list has not the form it must have')
  return Array.from({ length: count }, (_, i) => ({ key: word(2 + 2 * i), digest: word(3 + 2 * i) }))
}

const wrong = (reason: string) => proofInvalid(`record receipt: ${reason}`)
