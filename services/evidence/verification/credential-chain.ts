import { credentialKey, expiryKey, revocationKey } from '../../../protocol/credentials/credential-key.ts'
import { verifyCredentialRecorded } from '../../../protocol/credentials/credential-record.ts'
import type { VerdictEvidence } from '../../../protocol/credentials/evidence-verdict.ts'
import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import { type Address, type Bytes32, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import type { Serial } from '../../../protocol/serial.ts'
import type { BookWriter } from '../../party/book-writer/book-writer.ts'
import type { RecordReceipts } from '../chain/record-receipts.ts'
import type { BlockRange, IssuerEvents } from './issuer-events.ts'
import type { SlotReader } from './slot-reader.ts'

/** What the chain says of a credential as of one block, the newest. */
export type ChainStanding = Pick<VerdictEvidence, 'recorded' | 'revocation' | 'searchedTo'> & {
  /** Unix seconds, where an expiry is on chain. */
  expiresAt: number | null
}

export interface CredentialChainDeps {
  registry: Registry
  issuer: Address
  /** Block of the registry's deployment. */
  startBlock: number
  slots: SlotReader
  receipts: Pick<RecordReceipts, 'build'>
  events: IssuerEvents
  /** Knows where the server's own entries went; what it says is held against the chain. */
  writer: Pick<BookWriter, 'find'>
}

type Recorded = NonNullable<VerdictEvidence['recorded']>

/** Reads the standing of credentials from the chain, and remembers none. */
export class CredentialChain {
  readonly #deps: CredentialChainDeps

  constructor(deps: CredentialChainDeps) {
    this.#deps = deps
  }

  /**
   * @throws CHAIN_UNREACHABLE, NOT_READY; PROOF_UNBUILDABLE or RECORD_NOT_LOCATED when the node contradicts itself, or denies what was
   * final on this chain
   */
  async read(credentialId: Serial): Promise<ChainStanding> {
    const { slots, startBlock } = this.#deps
    const { head, digests } = await slots.read([
      credentialKey(credentialId),
      revocationKey(credentialId),
      expiryKey(credentialId),
    ])
    const [digest, reasonHash, expiry] = digests as [Bytes32, Bytes32, Bytes32]
    const range = { from: startBlock, to: head.number }
    return {
      recorded: await this.#readIssue(credentialId, digest, range),
      revocation: await this.#readRevocation(credentialId, reasonHash, range),
      expiresAt: expiry === ZERO_BYTES32 ? null : Number(BigInt(expiry)),
      searchedTo: { blockNumber: head.number, timestamp: head.timestamp },
    }
  }

  /** @param slot what the book keeps for the credential; zero where it keeps none */
  async #readIssue(credentialId: Serial, slot: Bytes32, range: BlockRange): Promise<Recorded | null> {
    const { writer, events } = this.#deps
    const key = credentialKey(credentialId)
    const entry = writer.find(key)
    const own = entry?.location == null ? null : await this.#readReceipt(credentialId)
    if (slot === ZERO_BYTES32) {
      // A node that lags behind the block that has it does not deny it: what it has is not final.
      const isDenied = own === null ? entry?.state === 'final' : own.tier === 'recorded'
      if (isDenied && (own?.blockNumber ?? 0) <= range.to) throw denied(credentialId)
      return own
    }
    if (own?.digest === slot) return own
    return { digest: slot, blockNumber: await events.findIssue(key, slot, range), tier: 'recorded' }
  }

  /** What the block has in which the server saw the credential recorded; null when that block was replaced. */
  async #readReceipt(credentialId: Serial): Promise<Recorded | null> {
    const { registry, issuer, receipts, writer } = this.#deps
    const { digest: expected, location } = writer.find(credentialKey(credentialId))!
    try {
      const { tier, event, leafProof } = await receipts.build(credentialId, location!)
      const { transactionHash: _hash, ...proven } = event
      const { digest, blockNumber } = await verifyCredentialRecorded(
        { type: 'RecordReceipt', tier, event: proven, ...(leafProof && { leafProof }) },
        { registry: registry.registry, issuer, credentialId, digest: expected },
      )
      return { digest, blockNumber, tier }
    } catch (error) {
      if (isCountersignError(error, 'RECORD_NOT_LOCATED')) return null
      if (!isCountersignError(error, 'PROOF_INVALID')) throw error
      throw new CountersignError('PROOF_UNBUILDABLE', error.message, { cause: error })
    }
  }

  async #readRevocation(credentialId: Serial, reasonHash: Bytes32, range: BlockRange) {
    const { writer, events } = this.#deps
    const entry = writer.find(revocationKey(credentialId))
    if (reasonHash === ZERO_BYTES32) {
      if (entry?.state === 'final') throw denied(credentialId)
      // Seen in a block that this node does not have yet: it cannot say that there is none.
      const block = entry?.location?.blockNumber
      if (block !== undefined && block > range.to)
        throw new CountersignError('NOT_READY', `the node is at block ${range.to}, a revocation in ${block}`)
      return null
    }
    const key = credentialKey(credentialId)
    const known = entry?.location?.blockNumber
    if (known !== undefined && known <= range.to)
      try {
        return await events.findRevocation(key, reasonHash, { from: known, to: known })
      } catch (error) {
        if (!isCountersignError(error, 'RECORD_NOT_LOCATED')) throw error
      }
    return events.findRevocation(key, reasonHash, range)
  }
}

const denied = (credentialId: Serial): CountersignError =>
  new CountersignError(
    'RECORD_NOT_LOCATED',
    `the node denies what the chain has, or finally had, of ${credentialId}`,
  )
