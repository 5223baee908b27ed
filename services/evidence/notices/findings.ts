import type { Logger } from 'pino'
import type { Serial } from '../../../protocol/serial.ts'
import type { GroupCommit } from '../../party/group-commit.ts'
import type { CheckOutcome, EvidenceStore } from '../store/evidence-store.ts'
import type { NoticeStore } from './notice-store.ts'
import type { WebhookStore } from './webhook-store.ts'

/** What says that what was handed in is no longer there as it was, or can no longer be read. */
const FAILURES: readonly (CheckOutcome | null)[] = ['tampered', 'missing', 'unreadable']
export const isFailure = (outcome: CheckOutcome | null): boolean => FAILURES.includes(outcome)

export interface Finding {
  credentialId: Serial
  verdict: CheckOutcome
}

export interface FindingsDeps {
  commits: GroupCommit
  evidence: EvidenceStore
  notices: NoticeStore
  webhooks: WebhookStore
  logger: Logger
  /** Told when there is something to deliver. */
  onNotice?: () => void
}

/** Notes what came of reading evidence again, and makes a notice of what changed for the worse or back. */
export class Findings {
  readonly #deps: FindingsDeps

  constructor(deps: FindingsDeps) {
    this.#deps = deps
  }

  /**
   * Resolves once finding, notice and what has to be delivered of it are on disk, in one transaction.
   * @param alongside written in the same transaction
   */
  async note({ credentialId, verdict }: Finding, alongside?: () => void): Promise<void> {
    const { commits, evidence, notices, webhooks, logger, onNotice } = this.#deps
    const isNoticed = await commits.write(() => {
      alongside?.()
      const known = evidence.find(credentialId)
      if (known?.state !== 'kept') return false
      const now = Date.now()
      evidence.noteCheck(credentialId, verdict, now)
      // The same failure again is no news.
      if (verdict === known.lastVerdict || !(isFailure(verdict) || isFailure(known.lastVerdict))) return false
      const notice = notices.insert(known.client, { credentialId, verdict, foundAt: now })
      webhooks.enqueue(known.client, notice, now)
      return true
    })
    if (!isNoticed) return
    if (isFailure(verdict)) logger.error({ credentialId, verdict }, 'evidence failed its check')
    else logger.warn({ credentialId, verdict }, 'evidence that had failed its check passes it again')
    onNotice?.()
  }
}
