import type { CredentialEntryKind } from '../../../protocol/credentials/credential-key.ts'
import { type Address, bytesToHex, type Hex, hexToBytes, toAddress } from '../../../protocol/hex.ts'
import { completenessOf } from '../../chain/chain-view.ts'
import { credentialKeyOf, isExpiryKey, isRevocationKey } from '../../projections/credential-registry.ts'
import { type Participants, statusAt } from '../../projections/participants.ts'
import type { OrphanedRecordRow, RecordRow, StoreReader } from '../../store/store.ts'
import type { Book } from '../records.ts'
import { answerOrphan } from '../records.ts'
import { serialOf } from '../result-list.ts'
import { type FoundCredential, isSameRow } from './credential-reading.ts'
import type { CredentialAnswer, CredentialEntryAnswer, CredentialState } from './credential-schemas.ts'
import type { StateClock } from './state-clock.ts'

export interface AnswerDeps {
  store: Pick<StoreReader, 'findRevocationAt'>
  participants: Participants
  clock: StateClock
}

/** @param credentialKey of the issue */
export async function answerCredential(
  found: FoundCredential,
  credentialKey: Uint8Array,
  { store, participants, clock }: AnswerDeps,
): Promise<CredentialAnswer> {
  const { book, issue, expiry, revocation } = found
  const { view, registry } = book
  const issuer = toAddress(found.issuer)
  const participant = participants.get(issuer)
  const first = issue ?? revocation!
  const authorStatus = statusAt(participant, first.blockTime)
  return {
    chainId: view.config.chainId,
    registry,
    issuer,
    credentialId: serialOf(bytesToHex(credentialKey)),
    name: participant?.name ?? null,
    registered: participant?.roles.includes('credentialIssuer') === true,
    state: await stateOf(found, clock),
    issue: issue === undefined ? null : answerEntry(issue, book),
    expiry: expiry === undefined ? null : { ...answerEntry(expiry, book), expiresAt: expiresAtOf(expiry) },
    revocation:
      revocation === undefined
        ? null
        : {
            ...answerEntry(revocation, book),
            reason: await reasonOf(revocation, store),
            beforeIssue: issue === undefined || isBefore(revocation, issue),
          },
    repeated: found.repeated.map((row) => answerEntry(row, book)),
    completeness: completenessOf(view.heads.find(first.contractId, found.issuer.slice(2)), view),
    authorStatus,
    suspended: authorStatus === 'suspended',
  }
}

export async function stateOf(
  { book, expiry, revocation }: FoundCredential,
  clock: StateClock,
): Promise<CredentialState> {
  if (revocation !== undefined) return 'revoked'
  if (expiry === undefined) return 'issued'
  return (await clock.hasCome(BigInt(expiry.digest), book.view.config.chainId)) ? 'expired' : 'issued'
}

export const answerEntry = (row: RecordRow, { view }: Book): CredentialEntryAnswer => ({
  key: row.key,
  digest: row.digest,
  tier: row.tier,
  transactionHash: row.transactionHash,
  block: { number: row.blockNumber, hash: row.blockHash, timestamp: row.blockTime },
  logIndex: row.logIndex,
  entryIndex: row.entryIndex,
  finality: row.blockNumber <= (view.checkpoint?.finalNumber ?? -1) ? 'final' : 'pending',
})

/** Null past what a number carries: the registry takes any uint64. */
function expiresAtOf({ digest }: RecordRow): number | null {
  const time = BigInt(digest)
  return time <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(time) : null
}

async function reasonOf(
  revocation: RecordRow,
  store: Pick<StoreReader, 'findRevocationAt'>,
): Promise<string | null> {
  const row = await store.findRevocationAt(revocation)
  return row === undefined ? null : reasonText(row.reason)
}

/** What an entry of a registry says of a credential, for the feed. Of a block that was taken back as well. */
export async function answerCredentialEvent(row: RecordRow, store: Pick<StoreReader, 'findRevocationAt'>) {
  const kind = kindOf(row.key)
  return {
    credentialId: serialOf(bytesToHex(credentialKeyOf(hexToBytes(row.key)))),
    issuer: toAddress(row.author),
    kind,
    ...(kind === 'expiry' ? { expiresAt: expiresAtOf(row) } : {}),
    ...(kind === 'revocation' ? { reason: await reasonOf(row, store) } : {}),
  }
}

const kindOf = (key: Hex): CredentialEntryKind =>
  isRevocationKey(key) ? 'revocation' : isExpiryKey(key) ? 'expiry' : 'issue'

/** The registry takes any bytes. */
const reasonText = (reason: Hex): string => Buffer.from(hexToBytes(reason)).toString('utf8')

const isBefore = (a: RecordRow, b: RecordRow): boolean =>
  !isSameRow(a, b) &&
  (a.blockNumber - b.blockNumber || a.logIndex - b.logIndex || a.entryIndex - b.entryIndex) < 0

export const answerOrphanedEntry = (
  row: OrphanedRecordRow,
  registry: Address,
  kind: 'issue' | 'expiry' | 'revocation',
) => ({ ...answerOrphan(row, registry), kind })
