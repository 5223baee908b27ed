import {
  CREDENTIAL_ENTRY_KINDS,
  type CredentialEntryKind,
} from '../../../protocol/credentials/credential-key.ts'
import { type Hex, hexToBytes } from '../../../protocol/hex.ts'
import { entryKeyOf } from '../../projections/credential-registry.ts'
import type { PlaceInChain } from '../../store/payment-store.ts'
import type { RecordRow, StoreReader } from '../../store/store.ts'
import { readRowsOfKey } from '../key-page.ts'
import type { Book } from '../records.ts'

/** Up to which block a chain is answered for. */
export interface ChainBound {
  chainId: number
  number: number
}

/** What one issuer wrote of a credential id in one registry. The first write of each counts. */
export interface FoundCredential {
  book: Book
  /** Lower case. */
  issuer: Hex
  issue: RecordRow | undefined
  expiry: RecordRow | undefined
  revocation: RecordRow | undefined
  repeated: RecordRow[]
}

/** Rows of one key looked at at once: of a credential whose issuer means well there is one. */
const ROWS_A_LOOK = 200
/** Looks of that many: anybody may write any number of rows under any key, in other registries too. */
const MAX_LOOKS = 5
export const MAX_REPEATED = 20

type RowsOfKinds = Record<CredentialEntryKind, RecordRow[]>

/** The rows of each kind, as far as they are looked at. */
async function readKinds(
  store: StoreReader,
  credentialKey: Uint8Array,
  author: Uint8Array | undefined,
  bounds: readonly ChainBound[],
  looks: number,
): Promise<{ rows: RowsOfKinds; isWhole: boolean }> {
  const found = await Promise.all(
    CREDENTIAL_ENTRY_KINDS.map(async (kind) => {
      const rows: RecordRow[] = []
      let after: Parameters<typeof readRowsOfKey>[2]['after']
      for (let look = 0; look < looks; look++) {
        const asked = { limit: ROWS_A_LOOK, ...(author && { author }), ...(after && { after }) }
        const page = await readRowsOfKey(store, entryKeyOf(credentialKey, kind), asked, bounds)
        rows.push(...page.rows)
        after = page.next
        if (after === undefined) break
      }
      return { kind, rows, isWhole: after === undefined }
    }),
  )
  return {
    rows: Object.fromEntries(found.map(({ kind, rows }) => [kind, rows])) as RowsOfKinds,
    isWhole: found.every(({ isWhole }) => isWhole),
  }
}

/** Rows of one credential id by issuer and registry; those of other registries are left out. */
function groupRows(rows: RowsOfKinds, books: readonly Book[]): FoundCredential[] {
  const found = new Map<string, FoundCredential>()
  for (const kind of CREDENTIAL_ENTRY_KINDS)
    for (const row of rows[kind]) {
      const book = books.find(({ contract }) => contract.stored.contractId === row.contractId)
      if (book === undefined) continue
      const name = `${row.contractId}:${row.author}`
      let own = found.get(name)
      if (own === undefined) {
        own = { book, issuer: row.author, ...NO_ENTRIES, repeated: [] }
        found.set(name, own)
      }
      if (own[kind] === undefined) own[kind] = row
      else if (own.repeated.length < MAX_REPEATED) own.repeated.push(row)
    }
  // An expiry comes with an issue, and says nothing without it.
  return [...found.values()].filter(
    ({ issue, revocation }) => issue !== undefined || revocation !== undefined,
  )
}

const NO_ENTRIES = { issue: undefined, expiry: undefined, revocation: undefined }

export interface FindOptions {
  /** Of this issuer alone. */
  issuer?: Uint8Array | undefined
  /** Asked for one by one where others crowd the id. */
  registered: readonly Hex[]
  books: readonly Book[]
  bounds: readonly ChainBound[]
}

/** What every issuer wrote of a credential id; where there are too many, registered ones and those found first. */
export async function findCredentials(
  store: StoreReader,
  credentialKey: Uint8Array,
  { issuer, registered, books, bounds }: FindOptions,
): Promise<{ found: FoundCredential[]; isTruncated: boolean }> {
  const { rows, isWhole } = await readKinds(store, credentialKey, issuer, bounds, issuer ? MAX_LOOKS : 1)
  const found = groupRows(rows, books)
  if (isWhole || issuer !== undefined) return { found, isTruncated: !isWhole }
  // What one kind has of an issuer another may have behind others: each is read by itself.
  const issuers = new Set([...registered, ...found.map((own) => own.issuer)])
  const own: FoundCredential[] = []
  for (const account of issuers) {
    const read = await readKinds(store, credentialKey, hexToBytes(account), bounds, 1)
    own.push(...groupRows(read.rows, books))
    if (own.length >= ROWS_A_LOOK) break
  }
  return { found: own, isTruncated: true }
}

/** What one issuer wrote of an id in one registry. */
export async function findOwnCredential(
  store: StoreReader,
  credentialKey: Uint8Array,
  issuer: Hex,
  book: Book,
  bound: ChainBound,
): Promise<FoundCredential | undefined> {
  const { rows } = await readKinds(store, credentialKey, hexToBytes(issuer), [bound], MAX_LOOKS)
  return groupRows(rows, [book])[0]
}

export const isSameRow = (a: PlaceInChain, b: PlaceInChain): boolean =>
  a.blockNumber === b.blockNumber && a.logIndex === b.logIndex && a.entryIndex === b.entryIndex
