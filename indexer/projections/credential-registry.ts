import {
  CREDENTIAL_EXPIRY_SET_TOPIC,
  CREDENTIAL_ISSUED_TOPIC,
  CREDENTIAL_REVOKED_TOPIC,
} from '../../protocol/credentials/credential-event.ts'
import {
  CREDENTIAL_ENTRY_KINDS,
  type CredentialEntryKind,
} from '../../protocol/credentials/credential-key.ts'
import { MAX_REASON_BYTES } from '../../protocol/credentials/revocation-reason.ts'
import { type Hex, keccak256 } from '../../protocol/hex.ts'
import { readBytes32 } from '../chain/raw-log.ts'
import { RpcError } from '../chain/rpc-error.ts'
import { readAbi } from './abi-reader.ts'
import type { ContractLog, Projection, RowSink } from './projection.ts'
import { RECORD_BOOK_EVENTS, readAuthor } from './record-book.ts'

/** Of a credential id, which end a key has: the registry takes no other id. */
const ID_BYTES = 26
const WORD = 32
const UINT64_BYTES = 8

/** `CredentialIssued(bytes32 indexed credentialId, address indexed issuer, bytes32 digest)`: the key is the id. */
function readIssued(log: ContractLog, sink: RowSink): void {
  const digest = readBytes32(log.raw.data, 'event data', log.endpoint)
  sink.addRecord(log, readAuthor(log), readId(log), digest)
}

/** `CredentialExpirySet(bytes32 indexed credentialId, address indexed issuer, uint64 expiresAt)`: the digest is the time. */
function readExpirySet(log: ContractLog, sink: RowSink): void {
  const { raw, endpoint } = log
  const expiresAt = readBytes32(raw.data, 'event data', endpoint)
  if (!isTime(expiresAt)) throw malformed(endpoint, 'an expiry is no time')
  sink.addRecord(log, readAuthor(log), entryKeyOf(readId(log), 'expiry'), expiresAt)
}

/**
 * `CredentialRevoked(bytes32 indexed credentialId, address indexed issuer, string reason)`: the digest is the reason's hash, so that the
 * issuer's head vouches for the reason too.
 */
function readRevoked(log: ContractLog, sink: RowSink): void {
  const { raw, endpoint } = log
  const credentialKey = readId(log)
  const reason = readAbi(raw.data, endpoint).bytes(0)
  if (reason.length === 0 || reason.length > MAX_REASON_BYTES)
    throw malformed(endpoint, 'a revocation has a reason that the registry takes of nobody')
  const issuer = readAuthor(log)
  sink.addRecord(log, issuer, entryKeyOf(credentialKey, 'revocation'), keccak256(reason))
  sink.addRevocation(log, issuer, credentialKey, reason)
}

function readId({ raw, endpoint }: ContractLog): Buffer {
  const id = readBytes32(raw.topics[1], 'topic', endpoint)
  if (!isCredentialKey(id))
    throw malformed(endpoint, 'a credential has an id that the registry takes of nobody')
  return id
}

/** The key of an entry beside the issue. @param credentialKey of the issue */
export function entryKeyOf(credentialKey: Uint8Array, kind: CredentialEntryKind): Buffer {
  const key = Buffer.from(credentialKey)
  key[WORD - 1] = CREDENTIAL_ENTRY_KINDS.indexOf(kind)
  return key
}

/** The key of the issue that an entry belongs to. */
export function credentialKeyOf(entryKey: Uint8Array): Buffer {
  return entryKeyOf(entryKey, 'issue')
}

const endOf = (kind: CredentialEntryKind): string =>
  entryKeyOf(new Uint8Array(WORD), kind).toString('hex', ID_BYTES)

const REVOCATION_END = endOf('revocation')
const EXPIRY_END = endOf('expiry')

export const isRevocationKey = (key: Hex): boolean => key.endsWith(REVOCATION_END)

export const isExpiryKey = (key: Hex): boolean => key.endsWith(EXPIRY_END)

/** The key is of an issue, or may be: what is a ULID, the registry does not ask. */
const isCredentialKey = (key: Uint8Array): boolean => key.subarray(ID_BYTES).every((byte) => byte === 0)

/** A uint64 other than zero. */
const isTime = (word: Uint8Array): boolean =>
  word.subarray(0, WORD - UINT64_BYTES).every((byte) => byte === 0) &&
  word.subarray(WORD - UINT64_BYTES).some((byte) => byte !== 0)

const malformed = (endpoint: string, what: string): RpcError =>
  new RpcError('malformed', endpoint, `${endpoint}: ${what}`)

export const CREDENTIAL_REGISTRY: Projection = {
  kind: 'CredentialRegistry',
  headOwner: 'author',
  beside: 'revocations',
  events: new Map([
    [CREDENTIAL_ISSUED_TOPIC, readIssued],
    [CREDENTIAL_EXPIRY_SET_TOPIC, readExpirySet],
    [CREDENTIAL_REVOKED_TOPIC, readRevoked],
    ...RECORD_BOOK_EVENTS,
  ]),
}
