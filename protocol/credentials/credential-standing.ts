import type { ChainReader } from '../chain-confirmation.ts'
import { CountersignError, isCountersignError } from '../errors.ts'
import { type Address, type Bytes32, keccak256Hex, utf8ToBytes, ZERO_BYTES32 } from '../hex.ts'
import type { ParticipantStatus } from '../roles.ts'
import { secondsOfUtcTime, utcTime } from '../utc-time.ts'
import type { Check } from '../verification.ts'
import type { CredentialTier } from './credential-event.ts'
import { credentialKey, expiryKey, revocationKey } from './credential-key.ts'
import type { RecordedCredential } from './credential-verification.ts'
import type { ReadCredential } from './evidence-credential.ts'
import type { IssuerDirectory } from './issuer-check.ts'

/** What checking a credential reads of its chain. Handed in, so that a verifier chooses whom it asks and trusts. */
export interface CredentialChainReader
  extends Pick<ChainReader, 'chainId' | 'headBlock' | 'block' | 'digestOf'> {
  /** Whether the registry holds anything under the key at the newest block; of several nodes, whether any of them says so. */
  isRecorded(registry: Address, author: Address, key: Bytes32): Promise<boolean>
  /** Texts that events of the registry give as reasons for which the issuer revoked; none where a node keeps no such events. */
  revocationReasons(registry: Address, issuer: Address, key: Bytes32): Promise<string[]>
}

export interface StandingOptions {
  chain: CredentialChainReader
  directory: IssuerDirectory
  /** Blocks after which a block counts as final; default 0. */
  finalityDepth?: number
  /** Number of the newest block that the chain itself calls final: a later one is not, whatever its depth. */
  finalizedNumber?: number | undefined
  /** The verifier's clock, unix seconds: a chain may stand still while a credential expires. Default: the newest block's time. */
  now?: number
}

/** How a credential stands on its chain. */
export interface CredentialStanding {
  /** What the slot holds; zero for nothing. */
  held: Bytes32
  tier: CredentialTier
  /** In its slot, or in the receipt's block, as its tier has it. */
  isOnChain: boolean
  /** False when the receipt's block is not part of the chain. */
  isInBlock: boolean
  isFinal: boolean
  /** When it was recorded; of a pending credential now. */
  issuerStatus: ParticipantStatus
  /** `reason` is null where no event was found that gives it. */
  revocation: { reason: string | null } | null
  /** Unix seconds, the earlier of what credential and chain say; null when it does not expire. */
  expiresAt: number | null
  /** Unix seconds by which expiry was decided. */
  now: number
  /** The block that was asked for state. */
  askedAt: { blockNumber: number; timestamp: number }
}

/** The steps of {@link readStanding}, in order. */
export const STANDING_STEPS = [
  'registry',
  'block',
  'finality',
  'issuer-status',
  'revocation',
  'expiry',
] as const

export type AddCheck = (name: string, outcome: Check['outcome'] | boolean, detail: string) => void

/**
 * Reads how a credential stands on its chain: the registry's slot, the receipt's block, finality, what became of issuer and credential.
 * @param proven what its receipt proves offline; null of a pending credential
 * @param add given each of {@link STANDING_STEPS}
 * @throws CHAIN_MISMATCH for a node of another chain; CHAIN_UNREACHABLE, PROOF_UNBUILDABLE
 */
export async function readStanding(
  said: ReadCredential,
  proven: RecordedCredential | null,
  { chain, directory, finalityDepth = 0, finalizedNumber, now: clock = 0 }: StandingOptions,
  add: AddCheck,
): Promise<CredentialStanding> {
  const asked = await chain.chainId()
  if (asked !== said.chainId)
    throw new CountersignError(
      'CHAIN_MISMATCH',
      `the node is of chain ${asked}, the credential of chain ${said.chainId}`,
    )
  const head = await chain.headBlock()
  const finalNumber = Math.min(head.number - finalityDepth, finalizedNumber ?? head.number)
  const heldAt = (key: Bytes32, atBlock = head.number) => digestAt(chain, said, key, atBlock)
  const key = credentialKey(said.credentialId)

  const held = await heldAt(key)
  const isHeld = held === said.digest
  const tier = proven?.tier ?? 'recorded'
  if (isHeld) add('registry', true, `the registry holds ${held}`)
  else if (held !== ZERO_BYTES32) add('registry', false, `the registry holds ${held}, not ${said.digest}`)
  else if (tier === 'recorded') add('registry', false, 'the registry holds nothing under this credential')
  else add('registry', true, `${tier} credentials have no slot`)

  const isInBlock = proven === null || (await isPartOfChain(chain, proven, add))
  if (proven === null) add('block', 'not-checked', 'the credential is pending: it names no block')
  const isOnChain = tier === 'recorded' ? isHeld && isInBlock : isInBlock
  const isFinal =
    isOnChain &&
    (proven === null
      ? finalNumber >= 0 && (await heldAt(key, finalNumber)) === said.digest
      : proven.blockNumber <= finalNumber)
  const tag = finalizedNumber === undefined ? '' : `, which calls ${finalizedNumber} final`
  add(
    'finality',
    isOnChain ? isFinal : 'not-checked',
    isOnChain ? `the chain is at ${head.number}${tag}, final after ${finalityDepth}` : 'it is not on chain',
  )

  const since = proven?.timestamp ?? head.timestamp
  const issuerStatus = await directory.node.statusAt(directory.address, said.issuer, since)
  add('issuer-status', issuerStatus === 'active', `the issuer was ${issuerStatus} at ${utcTime(since)}`)

  const revocation = await revocationOf(chain, said, await heldAt(revocationKey(said.credentialId)))
  if (revocation === null) add('revocation', true, `not revoked up to block ${head.number}`)
  else add('revocation', false, revocation.reason ?? 'revoked; no event was found that gives the reason')

  const times = [secondsOfUtcTime(said.validUntil), Number(await heldAt(expiryKey(said.credentialId)))]
  const expiresAt = Math.min(...times.map((time) => time || Number.POSITIVE_INFINITY))
  const now = Math.max(clock, head.timestamp)
  add('expiry', now < expiresAt, Number.isFinite(expiresAt) ? `until ${textOf(expiresAt)}` : 'no expiry')

  return {
    held,
    tier,
    isOnChain,
    isInBlock,
    isFinal,
    issuerStatus,
    revocation,
    expiresAt: Number.isFinite(expiresAt) ? expiresAt : null,
    now,
    askedAt: { blockNumber: head.number, timestamp: head.timestamp },
  }
}

async function isPartOfChain(
  chain: CredentialChainReader,
  { blockNumber, blockHash }: RecordedCredential,
  add: AddCheck,
): Promise<boolean> {
  const block = await chain.block(blockNumber)
  const isPart = block?.hash === blockHash
  const other = `, the receipt says ${blockHash}`
  add('block', isPart, `block ${blockNumber} is ${block?.hash ?? 'not there'}${isPart ? '' : other}`)
  return isPart
}

/** What the book holds at a block; zero also where there is no book. */
async function digestAt(
  chain: CredentialChainReader,
  { registry, issuer }: ReadCredential,
  key: Bytes32,
  atBlock: number,
): Promise<Bytes32> {
  try {
    return await chain.digestOf(registry, issuer, key, atBlock)
  } catch (error) {
    if (isCountersignError(error, 'CHAIN_CONTRADICTS')) return ZERO_BYTES32
    throw error
  }
}

/**
 * A revocation counts from the moment that any node has it, whatever its block comes to: of two errors this is the smaller.
 * @param reasonHash what the registry holds at the block that was asked
 */
async function revocationOf(
  chain: CredentialChainReader,
  { registry, issuer, credentialId }: ReadCredential,
  reasonHash: Bytes32,
): Promise<CredentialStanding['revocation']> {
  if (reasonHash === ZERO_BYTES32)
    return (await chain.isRecorded(registry, issuer, revocationKey(credentialId))) ? { reason: null } : null
  const told = await chain.revocationReasons(registry, issuer, credentialKey(credentialId))
  return { reason: told.find((reason) => keccak256Hex(utf8ToBytes(reason)) === reasonHash) ?? null }
}

/** A contract takes times past those that there is a calendar for. */
const textOf = (seconds: number): string => (seconds < LAST_SECOND ? utcTime(seconds) : `second ${seconds}`)
const LAST_SECOND = 253_402_300_800
