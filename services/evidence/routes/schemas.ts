import { Type } from '../../../http/schema.ts'
import {
  MAX_MEDIA_TYPE_CHARACTERS,
  MAX_NAME_BYTES,
  MEDIA_TYPE_PATTERN,
} from '../../../protocol/credentials/evidence-metadata.ts'
import { MAX_REASON_BYTES } from '../../../protocol/credentials/revocation-reason.ts'
import { BYTES32_PATTERN } from '../../../protocol/hex.ts'
import { SERIAL_PATTERN } from '../../../protocol/serial.ts'
import { UTC_TIME_PATTERN } from '../../../protocol/utc-time.ts'
import { RECORDING_TIERS } from '../book/credential-calls.ts'

const Bytes32 = Type.String({ pattern: BYTES32_PATTERN })
const CredentialId = Type.String({ pattern: SERIAL_PATTERN, description: 'A ULID' })
const strict = { additionalProperties: false }

export const MAX_LISTED = 100

/** For readers of the OpenAPI document: metadata is checked by the rules of the protocol. */
const Metadata = Type.Object({
  name: Type.Optional(
    Type.String({
      maxLength: MAX_NAME_BYTES,
      description: 'Default: the file name of the part file. No path',
    }),
  ),
  mediaType: Type.Optional(
    Type.String({
      maxLength: MAX_MEDIA_TYPE_CHARACTERS,
      pattern: MEDIA_TYPE_PATTERN,
      description: 'Default: the content type of the part file',
    }),
  ),
  size: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Bytes; when given, a content of another size is refused' }),
  ),
  validUntil: Type.Optional(
    Type.String({ pattern: UTC_TIME_PATTERN, description: 'When the credential expires; in the future' }),
  ),
  fields: Type.Optional(Type.Any({ description: 'A JSON object of your own' })),
})
export const EvidenceForm = Type.Object(
  {
    metadata: Type.Optional(Metadata),
    file: Type.String({ format: 'binary', description: 'With a file name; the last part' }),
  },
  strict,
)
export const EvidenceDocument = Type.Object(
  {
    content: Type.Any({ description: 'Any JSON; kept as its canonical form (RFC 8785)' }),
    metadata: Type.Optional(Metadata),
  },
  strict,
)
export const WaitQuery = Type.Object({
  wait: Type.Optional(
    Type.Enum(['recorded'], {
      description: 'Answer when the chain has it for good, or after a bounded time',
    }),
  ),
})

const State = Type.Enum(['pending', 'recorded'], {
  description: 'recorded: the credential carries the receipt of its record on chain',
})
export const EvidenceReply = Type.Object({
  credentialId: CredentialId,
  state: State,
  credential: Type.Any({ description: 'A W3C Verifiable Credential 2.0' }),
})

export const EvidenceParams = Type.Object({ credentialId: CredentialId })

const Revocation = Type.Object({
  reason: Type.String(),
  revokedAt: Type.String({ description: 'ISO 8601; when it was asked for' }),
  state: Type.Enum(['pending', 'recorded', 'conflict'], {
    description:
      'recorded: the chain has it for good; conflict: the chain has another reason, which a verification states',
  }),
})
export const EvidenceDescription = Type.Object({
  credentialId: CredentialId,
  state: Type.Enum(['pending', 'recorded', 'conflict'], {
    description: 'recorded: the chain has the digest for good; conflict: it has another one under this id',
  }),
  digest: Bytes32,
  issuedAt: Type.String({ description: 'ISO 8601' }),
  validUntil: Type.Union([Type.String(), Type.Null()]),
  contentHash: Type.Optional(Bytes32),
  size: Type.Optional(Type.Integer()),
  metadata: Type.Optional(Type.Any()),
  transactionHash: Type.Optional(Bytes32),
  blockNumber: Type.Optional(Type.Integer()),
  revocation: Type.Optional(Revocation),
  erasedAt: Type.Optional(Type.String()),
  checkedAt: Type.Optional(Type.String({ description: 'When the content was last read again' })),
  lastVerdict: Type.Optional(
    Type.String({ description: 'What came of it; unreadable when it could not be read' }),
  ),
})
export const EvidenceListQuery = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 32 })),
  limit: Type.Integer({ minimum: 1, maximum: MAX_LISTED, default: 50 }),
})
export const EvidenceList = Type.Object({
  evidence: Type.Array(EvidenceDescription, { description: 'Latest first' }),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

export const RevocationRequest = Type.Object(
  {
    reason: Type.String({
      minLength: 1,
      maxLength: MAX_REASON_BYTES,
      description: `1 to ${MAX_REASON_BYTES} bytes that everybody can read on chain, for ever: nothing personal`,
    }),
  },
  strict,
)
export const RevocationReply = Type.Object({ credentialId: CredentialId, ...Revocation.properties })

export const UsageReply = Type.Object({
  issuer: Type.String(),
  chainId: Type.Integer(),
  registry: Type.String(),
  tier: Type.Enum([...RECORDING_TIERS]),
  bytes: Type.Integer({ description: 'Kept; equal contents count each time' }),
  documents: Type.Integer({ description: 'Kept' }),
  documentsToday: Type.Integer({ description: 'Handed in since midnight (UTC), erased ones too' }),
  maxBytes: Type.Integer(),
  maxDocuments: Type.Integer(),
  maxDocumentsADay: Type.Integer(),
  maxDocumentBytes: Type.Integer(),
})

export const AnchorParams = Type.Object({ root: Bytes32 })
export const AnchorReply = Type.Object({
  root: Bytes32,
  leafCount: Type.Integer(),
  leaves: Type.Array(Type.Object({ key: Bytes32, digest: Bytes32 }), {
    description: 'In the order of the tree',
  }),
})
