import type { Json } from '../../../protocol/canonical-json.ts'
import {
  checkEvidenceMetadata,
  type EvidenceMetadata,
} from '../../../protocol/credentials/evidence-metadata.ts'
import { CountersignError } from '../../../protocol/errors.ts'

/** Metadata as a client gives it: what it leaves out is known otherwise. */
export type MetadataDraft = Partial<EvidenceMetadata>

/** Size and media type stand in for those that only the content tells. @throws EVIDENCE_METADATA_INVALID */
export function readMetadataDraft(value: Json): MetadataDraft {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CountersignError('EVIDENCE_METADATA_INVALID', 'metadata is not a JSON object')
  checkEvidenceMetadata({ mediaType: 'application/octet-stream', size: 0, ...value })
  return value as MetadataDraft
}

/** @param size bytes of the content @throws EVIDENCE_METADATA_INVALID, also when it has ceased to be valid already */
export function wholeMetadata(draft: MetadataDraft, size: number): EvidenceMetadata {
  const metadata = checkEvidenceMetadata({ mediaType: 'application/octet-stream', ...draft, size })
  if (metadata.validUntil !== undefined && Date.parse(metadata.validUntil) <= Date.now())
    throw new CountersignError('EVIDENCE_METADATA_INVALID', 'validUntil lies in the past', {
      details: { member: 'validUntil' },
    })
  return metadata
}
