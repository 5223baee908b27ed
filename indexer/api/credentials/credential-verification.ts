import { problemResponse } from '../../../http/problem.ts'
import { Type } from '../../../http/schema.ts'
import type { HttpServer } from '../../../http/server.ts'
import { credentialKey } from '../../../protocol/credentials/credential-key.ts'
import { EVIDENCE_VERDICTS } from '../../../protocol/credentials/evidence-verdict.ts'
import { type Address, type Bytes32, hexToBytes } from '../../../protocol/hex.ts'
import { PARTICIPANT_STATUSES } from '../../../protocol/roles.ts'
import { answer } from '../answer-schema.ts'
import { boundsNow } from '../cursor.ts'
import { answerHeads, type Book, booksOf, CREDENTIAL_BOOK_KIND } from '../records.ts'
import {
  AddressSchema,
  BlockSchema,
  Bytes32Schema,
  HeadRef,
  nullableString,
  PROBLEM_RESPONSES,
  StandingsSchema,
} from '../schemas.ts'
import { atOneStanding } from '../standing.ts'
import type { CredentialDeps } from './add-credentials.ts'
import { answerCredential } from './credential-answers.ts'
import { findCredentials } from './credential-reading.ts'
import { CredentialIdSchema, CredentialRef } from './credential-schemas.ts'
import { clockOf } from './state-clock.ts'

const VerificationRequest = Type.Object(
  {
    credential: Type.Optional(
      Type.Object(
        {},
        { additionalProperties: true, description: 'A whole evidence credential, as its file has it' },
      ),
    ),
    credentialId: Type.Optional(CredentialIdSchema),
    issuer: Type.Optional(AddressSchema),
    digest: Type.Optional(Bytes32Schema),
    contentHash: Type.Optional({ ...Bytes32Schema, description: "SHA-256 of the content's bytes" }),
    metadataHash: Type.Optional(Bytes32Schema),
    metadata: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: 'In place of its hash' }),
    ),
    salt: Type.Optional(Bytes32Schema),
  },
  {
    additionalProperties: false,
    description:
      'Either `credential`; or `credentialId` and `issuer` with `digest`, or with `contentHash`, `metadataHash` or `metadata`, and `salt`.',
  },
)

const VerificationAnswer = Type.Object({
  credentialId: Type.String(),
  issuer: Type.String(),
  verdict: Type.Enum([...EVIDENCE_VERDICTS], {
    type: 'string',
    description:
      'Of what is presented: intact, where the chain has its digest. Whether the account that wrote it there is an issuer is another matter: see `registered`, `authorStatus` and `findings`. Content that is kept elsewhere is not looked at: missing and erased are never said.',
  }),
  rule: Type.String({ description: 'The rule that decided' }),
  findings: Type.Array(Type.String(), {
    description:
      'Every rule that holds; after those of the verdict `unknown-issuer` and `issuer-not-active`, whatever the verdict',
  }),
  name: nullableString('Of the issuer, in the directory; null when it is not there'),
  registered: Type.Boolean({ description: 'The directory has it as an issuer of credentials' }),
  authorStatus: Type.Union([Type.Enum([...PARTICIPANT_STATUSES], { type: 'string' }), Type.Null()], {
    description:
      "The issuer's status in the directory at the time of the issue or the anchor, of a revocation without either; null when nothing is on chain",
  }),
  suspended: Type.Boolean({ description: 'Written while the issuer was suspended' }),
  presentedDigest: Type.Union([Bytes32Schema, Type.Null()], {
    description: 'Null where it depends on the registry, and none has the credential',
  }),
  checks: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        outcome: Type.Enum(['passed', 'failed', 'not-checked'], { type: 'string' }),
        detail: Type.String(),
      }),
      { description: 'Of a whole credential: what could be verified of it without asking anybody' },
    ),
  ),
  credential: Type.Union([CredentialRef, Type.Null()], { description: 'What the index has of it' }),
  anchor: Type.Union(
    [
      Type.Object({
        root: Bytes32Schema,
        leafCount: Type.String({ description: 'Decimal: up to 64 bits, as its issuer says' }),
        transactionHash: Bytes32Schema,
        block: BlockSchema,
        logIndex: Type.Integer(),
        finality: Type.Enum(['pending', 'final'], { type: 'string' }),
      }),
      Type.Null(),
    ],
    {
      description:
        "Of a whole credential whose receipt is of the anchored tier: the indexed root that its own Merkle proof leads to. The index has roots only, and takes the leaf from the credential's receipt.",
    },
  ),
  otherCredentials: Type.Array(CredentialRef, {
    description: 'Of the same issuer and id in other registries; 20 at most',
  }),
  proof: Type.Union([Type.String(), Type.Null()], { description: 'Where to get the proof of the entries' }),
  heads: Type.Array(HeadRef, { description: "The issuer's heads that the verdict stands on" }),
  standings: StandingsSchema,
})

const MAX_OTHERS = 20

/**
 * Compares what is presented with the chain. A verdict is an answer, whatever it says: never an HTTP error. Tries need no limit of their
 * own: a digest takes in a salt of 32 random bytes, so that nobody guesses a content by asking whether it is the one.
 */
export function addCredentialVerification(server: HttpServer, deps: CredentialDeps): void {
  const { store, views, directory } = deps

  server.post(
    '/v1/credentials/verify',
    {
      schema: {
        tags: ['credentials'],
        operationId: 'verifyCredential',
        summary: 'Hold a credential, a digest, or what it is made of against the index',
        description:
          'Nothing of the body is kept or logged. Of a whole credential its form, digest, signature and receipt are verified first, as anybody can do without asking (protocol/credentials); an anchored one is verified by its own receipt, whose root must be indexed. Content is never sent: its hash is.',
        body: VerificationRequest,
        response: {
          ...answer('The verdict, whatever it says.', VerificationAnswer),
          413: problemResponse('The body is larger than a megabyte'),
          415: problemResponse('The body is not application/json'),
          422: problemResponse(
            'The document is no evidence credential, or the metadata has no canonical form',
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async ({ body }, reply) => {
      reply.header('cache-control', 'no-store')
      // Signatures and proofs are verified here alone.
      const { booksSearched, readPresented } = await import('./presented-credential.ts')
      const { credentialThatCounts, issuerOfPresented, verdictOfPresented } = await import(
        './presented-verdict.ts'
      )
      const presented = await readPresented(body)
      const { credentialId, issuer } = presented
      const key = hexToBytes(credentialKey(credentialId))
      const all = booksOf(views.values(), CREDENTIAL_BOOK_KIND)
      const books = booksSearched(presented, all)
      const { found, standings } = await atOneStanding(views, async (standings) => {
        const bounds = boundsNow(views.values())
        const searched = { issuer: hexToBytes(issuer), registered: [], books: all, bounds }
        const [{ found, isTruncated }, anchor, participants] = await Promise.all([
          findCredentials(store, key, searched),
          presented.root && findAnchor(presented.root, issuer, books[0]),
          directory.participants(),
        ])
        const clock = clockOf(standings.map(({ chainId, block }) => [chainId, block.timestamp]))
        const credentials = await Promise.all(
          found.map((own) => answerCredential(own, key, { store, participants, clock })),
        )
        const participant = participants.get(issuer)
        const credential = credentialThatCounts(credentials, presented.place, participant)
        const heads = answerHeads(issuer, books)
        const indexed = { credential, books, heads, isTruncated, anchor }
        const verdict = verdictOfPresented(presented, indexed)
        const standing = issuerOfPresented(participant, indexed)
        return {
          ...{ ...verdict, ...standing, findings: [...verdict.findings, ...standing.findings] },
          ...(presented.checks === undefined ? {} : { checks: presented.checks }),
          credential: credential ?? null,
          anchor: anchor ?? null,
          otherCredentials: credentials.filter((other) => other !== credential).slice(0, MAX_OTHERS),
          proof:
            credential === undefined ? null : `/v1/credentials/${credentialId}?issuer=${issuer}&proof=event`,
          heads,
        }
      })
      return { credentialId, issuer, ...found, standings }
    },
  )

  async function findAnchor(root: Bytes32, issuer: Address, book: Book | undefined) {
    if (book === undefined) return undefined
    const { contract, view } = book
    const { contractId } = contract.stored
    const asked = { contractId, author: hexToBytes(issuer), root: hexToBytes(root) }
    const row = await store.findAnchor(asked)
    const { number = -1, finalNumber = -1 } = view.checkpoint ?? {}
    if (row === undefined || row.blockNumber > number) return undefined
    return {
      root,
      leafCount: row.leafCount.toString(),
      transactionHash: row.transactionHash,
      block: { number: row.blockNumber, hash: row.blockHash, timestamp: row.blockTime },
      logIndex: row.logIndex,
      finality: row.blockNumber <= finalNumber ? ('final' as const) : ('pending' as const),
    }
  }
}
