import { problemResponse } from '../../../http/problem.ts'
import { Type } from '../../../http/schema.ts'
import type { HttpServer } from '../../../http/server.ts'
import { CREDENTIAL_ENTRY_KINDS, credentialKey } from '../../../protocol/credentials/credential-key.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { type Address, type Bytes32, type Hex, hexToBytes, toAddress } from '../../../protocol/hex.ts'
import { entryKeyOf } from '../../projections/credential-registry.ts'
import type { Participants } from '../../projections/participants.ts'
import { TaggedHeaders, taggedAnswer } from '../answer-schema.ts'
import { AsOfSchema, answerAsOf, isFinal, parseAsOf, resolveAsOf } from '../as-of.ts'
import { boundsNow } from '../cursor.ts'
import { isWithin } from '../key-page.ts'
import { answerHeads, type Book, booksOf, CREDENTIAL_BOOK_KIND } from '../records.ts'
import { AddressSchema, AsOfAnswerSchema, PROBLEM_RESPONSES, StandingsSchema } from '../schemas.ts'
import { atOneStanding } from '../standing.ts'
import type { CredentialDeps } from './add-credentials.ts'
import { answerCredential, answerOrphanedEntry } from './credential-answers.ts'
import { findCredentials } from './credential-reading.ts'
import {
  type CredentialAnswer,
  type CredentialEntryAnswer,
  CredentialIdSchema,
  CredentialRef,
  OrphanedEntrySchema,
} from './credential-schemas.ts'
import { clockAsOf, clockOf } from './state-clock.ts'

const MAX_CREDENTIALS = 200
/** Each has up to three proofs, each made of a block's receipts. */
const MAX_PROVEN = 20
/** Issuers asked for one by one, and named when nothing is found. */
const MAX_ISSUERS = 200

const LookupQuery = Type.Object(
  {
    issuer: Type.Optional({ ...AddressSchema, description: 'What this issuer wrote, alone' }),
    proof: Type.Optional(
      Type.Enum(['none', 'event', 'storage'], {
        type: 'string',
        default: 'none',
        description: `event: the log in the receipts trie of its block; storage: the slot by eth_getProof, at the indexed block whatever asOf says. Of ${MAX_PROVEN} issuers at most`,
      }),
    ),
    asOf: Type.Optional(AsOfSchema),
  },
  { additionalProperties: false },
)

/** Credentials by their ids. */
export function addCredentialLookup(server: HttpServer, deps: CredentialDeps): void {
  const { store, views, directory, freshness, proofs, rpcOf } = deps

  server.get(
    '/v1/credentials/:credentialId',
    {
      schema: {
        tags: ['credentials'],
        operationId: 'getCredential',
        summary: 'What every issuer wrote of a credential: its issue, expiry and revocation',
        description:
          'Anybody may issue anything under any id; `registered` tells whether the directory has the issuer, and those come first. Nobody revokes what another issued. An anchored credential is under a root on chain, without its id: it is not found here, only its revocation is; present it to `POST /v1/credentials/verify`. 404 names the heads of the issuers against which nothing was found.',
        params: Type.Object({ credentialId: CredentialIdSchema }),
        headers: TaggedHeaders,
        querystring: LookupQuery,
        response: {
          ...taggedAnswer(
            'The credential.',
            Type.Object({
              credentialId: Type.String(),
              credentials: Type.Array(CredentialRef, {
                description: 'One of each issuer and registry; those of registered issuers first',
              }),
              truncated: Type.Boolean({
                description: 'There are more entries than are looked at; ask with `issuer`',
              }),
              orphaned: Type.Array(OrphanedEntrySchema, {
                description: 'Entries in blocks that their chain took back; 100 of each kind at most',
              }),
              asOf: AsOfAnswerSchema,
              standings: StandingsSchema,
            }),
          ),
          404: problemResponse(
            'Nothing is indexed; names the issuers of the directory (200 at most), and their heads at which nothing was found',
          ),
          409: problemResponse('asOf is past what is indexed'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const { asOf, proof = 'none' } = request.query
      const { credentialId } = request.params
      const issuer = request.query.issuer === undefined ? undefined : toAddress(request.query.issuer)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const key = hexToBytes(credentialKey(credentialId))
      const books = booksOf(views.values(), CREDENTIAL_BOOK_KIND)
      const { found, standings } = await atOneStanding(views, async (standings) => {
        const bounds =
          asOf === undefined ? undefined : await resolveAsOf(parseAsOf(asOf), [...views.values()], store)
        const participants = await directory.participants()
        const searched = {
          issuer: issuer && hexToBytes(issuer),
          registered: issuersOf(participants).map((account) => account.toLowerCase() as Hex),
          ...{ books, bounds: bounds ?? boundsNow(views.values()) },
        }
        const [{ found, isTruncated }, orphans] = await Promise.all([
          findCredentials(store, key, searched),
          findOrphans(key),
        ])
        const clock =
          asOf === undefined || bounds === undefined
            ? clockOf(standings.map(({ chainId, block }) => [chainId, block.timestamp]))
            : clockAsOf(asOf, bounds, rpcOf)
        const shown = byRegistration(found, participants).slice(
          0,
          proof === 'none' ? MAX_CREDENTIALS : MAX_PROVEN,
        )
        const credentials = await Promise.all(
          shown.map((own) => answerCredential(own, key, { store, participants, clock })),
        )
        const orphaned = orphans.flatMap(({ row, kind }) => {
          const book = books.find(({ contract }) => contract.stored.contractId === row.contractId)
          const isAskedFor =
            (bounds === undefined || isWithin(row, bounds)) &&
            (issuer === undefined || row.author === issuer.toLowerCase())
          return book === undefined || !isAskedFor ? [] : [answerOrphanedEntry(row, book.registry, kind)]
        })
        return {
          ...{ credentials, orphaned, truncated: isTruncated || shown.length < found.length },
          asOfPart: bounds === undefined ? {} : { asOf: bounds.map(answerAsOf) },
          isSettled: bounds?.every(isFinal) === true,
          heads: credentials.length > 0 ? [] : headsOf(issuer, books, participants),
        }
      })
      const { credentials, orphaned, truncated, asOfPart, isSettled, heads } = found
      if (credentials.length === 0)
        throw unknownCredential(credentialId, issuer, {
          ...{ hasBooks: books.length > 0, isTruncated: truncated },
          details: { heads, orphaned, ...asOfPart, standings },
        })
      freshness.mark(reply, tag, isSettled && proof !== 'storage')
      return {
        credentialId,
        credentials: proof === 'none' ? credentials : await Promise.all(credentials.map(withProofs(proof))),
        ...{ truncated, orphaned },
        ...asOfPart,
        standings,
      }
    },
  )

  async function findOrphans(key: Uint8Array) {
    const kinds = CREDENTIAL_ENTRY_KINDS.map(async (kind) =>
      (await store.findOrphanedRecords(entryKeyOf(key, kind))).map((row) => ({ row, kind })),
    )
    return (await Promise.all(kinds)).flat()
  }

  const withProofs =
    (proof: string) =>
    async (credential: CredentialAnswer): Promise<CredentialAnswer> => {
      const { chainId, registry, issuer, issue, expiry, revocation } = credential
      const prove = async <Entry extends CredentialEntryAnswer>(entry: Entry): Promise<Entry> => {
        // A published one has no slot.
        const made =
          proof === 'storage' && entry.tier === 'recorded'
            ? await proofs.storage({ chainId, registry, author: issuer }, entry.key as Bytes32)
            : await proofs.event({ ...entry, chainId })
        return { ...entry, proof: made }
      }
      return {
        ...credential,
        issue: issue && (await prove(issue)),
        expiry: expiry && (await prove(expiry)),
        revocation: revocation && (await prove(revocation)),
      }
    }
}

const byRegistration = <Own extends { issuer: Hex }>(
  found: readonly Own[],
  participants: Participants,
): Own[] => {
  const isRegistered = ({ issuer }: Own): boolean =>
    participants.get(toAddress(issuer))?.roles.includes('credentialIssuer') === true
  return found.toSorted((a, b) => Number(isRegistered(b)) - Number(isRegistered(a)))
}

function issuersOf(participants: Participants): Address[] {
  const issuers: Address[] = []
  for (const { account, roles } of participants.values())
    if (roles.includes('credentialIssuer') && issuers.push(account) === MAX_ISSUERS) break
  return issuers
}

/** Of each issuer that may have written something. */
function headsOf(issuer: Address | undefined, books: readonly Book[], participants: Participants) {
  const issuers = issuer === undefined ? issuersOf(participants) : [issuer]
  return issuers.flatMap((account) =>
    answerHeads(account, books).map((head) => ({
      issuer: account,
      name: participants.get(account)?.name ?? null,
      ...head,
    })),
  )
}

/** Nothing is there: said with the head of each issuer that may have written it, which is what proves that. */
function unknownCredential(
  credentialId: string,
  issuer: Address | undefined,
  { hasBooks, isTruncated, details }: { hasBooks: boolean; isTruncated: boolean; details: object },
): CountersignError {
  const by = issuer === undefined ? '' : ` by ${issuer}`
  const message = !hasBooks
    ? 'no registry of credentials is indexed here'
    : isTruncated
      ? `among the entries looked at under ${credentialId}${by} none is of a registry of credentials; name the issuer`
      : `no credential ${credentialId} is indexed${by}; an anchored one is not found by its id`
  return new CountersignError('CREDENTIAL_UNKNOWN', message, { details: { credentialId, ...details } })
}
