import type { EvidenceMetadata } from '../../../protocol/credentials/evidence-metadata.ts'
import type { StagedContent, Staging } from '../content-store/staging.ts'
import type { UploadQuota } from '../quotas.ts'

/** What receives a content, and how much of it. */
export interface Intake {
  staging: Staging
  maxBytes: number
  quota: UploadQuota
  /** Aborted with the reason for which nothing more is waited for. */
  signal: AbortSignal
}

/** A content that was received whole. */
export interface Received {
  staged: StagedContent
  metadata: EvidenceMetadata
}
