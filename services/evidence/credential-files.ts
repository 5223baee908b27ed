import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { credentialKey } from '../../protocol/credentials/credential-key.ts'
import {
  type EvidenceCredential,
  parseCredential,
  withRecordReceipt,
} from '../../protocol/credentials/evidence-credential.ts'
import { isCountersignError } from '../../protocol/errors.ts'
import type { BookWriter } from '../party/book-writer/book-writer.ts'
import type { RecordLocation } from '../party/book-writer/chain-access.ts'
import type { RecordReceipts } from './chain/record-receipts.ts'
import type { KeptEvidence, StoredEvidence } from './store/evidence-store.ts'

export interface CredentialFilesOptions {
  writer: BookWriter
  receipts: RecordReceipts
  logger: Logger
}

export interface CurrentCredential {
  /** `recorded`: it carries the receipt of its record on chain. */
  state: 'pending' | 'recorded'
  credential: EvidenceCredential
}

/** How far the digest of a credential has got. `conflict`: the chain has another one under its id. */
export interface Recording {
  state: 'pending' | 'recorded' | 'conflict'
  /** Once it is in a block, final or not. */
  location: RecordLocation | null
}

/** Milliseconds between looks whether a block has become final. */
const LOOK_EVERY_MS = 250

/** Credentials as they are given out: with a receipt as soon as their record is final. */
export class CredentialFiles {
  readonly #options: CredentialFilesOptions

  constructor(options: CredentialFilesOptions) {
    this.#options = options
  }

  recordingOf({ credentialId }: StoredEvidence): Recording {
    const entry = this.#options.writer.find(credentialKey(credentialId))
    const location = entry?.location ?? null
    if (entry?.state === 'final') return { state: 'recorded', location }
    return { state: entry?.state === 'conflict' ? 'conflict' : 'pending', location }
  }

  /** Never fails for the chain's sake: without it the credential comes without a receipt, and is as valid. */
  async current(evidence: KeptEvidence): Promise<CurrentCredential> {
    const credential = parseCredential(evidence.credential)
    if (this.recordingOf(evidence).state !== 'recorded') return { state: 'pending', credential }
    try {
      const location = await this.#options.writer.locate(credentialKey(evidence.credentialId))
      if (location === undefined) return { state: 'pending', credential }
      const receipt = await this.#options.receipts.build(evidence.credentialId, location)
      return { state: 'recorded', credential: withRecordReceipt(credential, receipt) }
    } catch (err) {
      if (!isCountersignError(err)) throw err
      const { code, message } = err
      this.#options.logger.warn(
        { credentialId: evidence.credentialId, code, reason: message },
        'a record receipt cannot be built now',
      )
      return { state: 'pending', credential }
    }
  }

  /** Resolves once the record is final, in conflict, or after `timeoutMs`. */
  async whenFinal(evidence: StoredEvidence, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const end = Date.now() + timeoutMs
    const isOpen = (): boolean => this.recordingOf(evidence).state === 'pending' && !signal.aborted
    if (!isOpen()) return
    await this.#options.writer
      .whenRecorded(credentialKey(evidence.credentialId), timeoutMs, signal)
      .catch(() => {})
    while (isOpen() && Date.now() < end) await sleep(Math.min(LOOK_EVERY_MS, end - Date.now()))
  }
}
