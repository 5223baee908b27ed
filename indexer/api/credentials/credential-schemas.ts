import { type Static, Type } from '../../../http/schema.ts'
import { PARTICIPANT_STATUSES } from '../../../protocol/roles.ts'
import { RECORD_TIERS } from '../../store/tables.ts'
import {
  BlockSchema,
  Bytes32Schema,
  CompletenessSchema,
  nullableString,
  OrphanSchema,
  SerialSchema,
} from '../schemas.ts'

const oneOf = <Value extends string>(values: readonly Value[], description?: string) =>
  Type.Enum([...values] as Value[], { type: 'string', ...(description === undefined ? {} : { description }) })

export const CredentialIdSchema = {
  ...SerialSchema,
  description: 'ULID that the issuer gave the credential',
  examples: ['01M7Z5AHHBJK3N86CZZM29XR20'],
}

export const CREDENTIAL_STATES = ['issued', 'expired', 'revoked'] as const
export type CredentialState = (typeof CREDENTIAL_STATES)[number]
export const CredentialStateSchema = oneOf(
  CREDENTIAL_STATES,
  'At the block that the answer stands at, and by its time: a revocation outweighs an expiry, whichever came first',
)

const ENTRY_MEMBERS = {
  key: { ...Bytes32Schema, description: "The book's key" },
  digest: { ...Bytes32Schema, description: 'What the book has under it' },
  tier: oneOf(RECORD_TIERS, 'recorded: with a storage slot; published: in the event only'),
  transactionHash: Bytes32Schema,
  block: BlockSchema,
  logIndex: Type.Integer({ description: 'Position among the logs of the block' }),
  entryIndex: Type.Integer({ description: 'Position in its publication; 0 otherwise' }),
  finality: oneOf(['pending', 'final']),
  proof: Type.Optional(
    Type.Object(
      {},
      { additionalProperties: true, description: 'See protocol/event-proof.ts and storage-proof.ts' },
    ),
  ),
}
const EntrySchema = Type.Object(ENTRY_MEMBERS, { description: "An entry of an issuer's book" })
export type CredentialEntryAnswer = Static<typeof EntrySchema>
const EntryRef = Type.Unsafe<CredentialEntryAnswer>({ $ref: 'CredentialEntry' })

const ExpirySchema = Type.Object({
  ...ENTRY_MEMBERS,
  expiresAt: Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    description:
      'Unix seconds, from which on it is expired; null past 2^53 - 1, which a number cannot carry: the digest is the time',
  }),
})
const RevocationSchema = Type.Object({
  ...ENTRY_MEMBERS,
  reason: nullableString(
    'As the issuer put it; bytes that are not UTF-8 are replaced, the digest is the hash of what was written. Null while the index repairs itself',
  ),
  beforeIssue: Type.Boolean({
    description: 'It was revoked before it was issued, or no issue of it is indexed',
  }),
})

const CredentialSchema = Type.Object(
  {
    chainId: Type.Integer(),
    registry: Type.String(),
    issuer: Type.String(),
    credentialId: Type.String(),
    name: nullableString('Of the issuer, in the directory; null when it is not there'),
    registered: Type.Boolean({ description: 'The directory has it as an issuer of credentials' }),
    state: CredentialStateSchema,
    issue: Type.Union([EntryRef, Type.Null()], {
      description:
        'The first write, which is the one that counts; its digest is that of the evidence. Null where only a revocation is indexed: of an anchored credential the chain has the root alone.',
    }),
    expiry: Type.Union([ExpirySchema, Type.Null()], { description: 'Null: it does not expire on chain' }),
    revocation: Type.Union([RevocationSchema, Type.Null()]),
    repeated: Type.Array(EntryRef, {
      description: 'The issuer wrote the id again, which counts for nothing; 20 at most. Not in lists',
    }),
    completeness: CompletenessSchema,
    authorStatus: oneOf(
      PARTICIPANT_STATUSES,
      "The issuer's status in the directory at the time of its first entry here",
    ),
    suspended: Type.Boolean({ description: 'Written while the issuer was suspended' }),
  },
  { description: 'What one issuer wrote of a credential id in one registry' },
)
export type CredentialAnswer = Static<typeof CredentialSchema>

/** Components of the OpenAPI document. */
export const CREDENTIAL_SCHEMAS = { CredentialEntry: EntrySchema, Credential: CredentialSchema }
export const CredentialRef = Type.Unsafe<CredentialAnswer>({ $ref: 'Credential' })

export const OrphanedEntrySchema = Type.Object({
  ...OrphanSchema.properties,
  kind: oneOf(['issue', 'expiry', 'revocation']),
})
