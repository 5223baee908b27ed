import {
  CREDENTIAL_ENTRY_KINDS,
  type CredentialEntryKind,
} from '../../../protocol/credentials/credential-key.ts'
import { type Hex, hexToBytes } from '../../../protocol/hex.ts'
import { entryKeyOf } from '../../projections/credential-registry.ts'
import { MAX_AUTHORS } from '../../store/credential-store.ts'
import type { PlaceInChain } from '../../store/payment-store.ts'
import type { KeyPage, RecordRow, StoreReader } from '../../store/store.ts'
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

/** Rows of one key looked at without asking whose they are and where: of a credential whose issuer means well there is one. */
const ROWS_A_LOOK = 200
/** The same of one issuer for a list, which asks for many credentials, and for no repeated rows. */
const ROWS_IN_LISTS = 4
const MAX_REPEATED = 20
/** Asked for by name: the registered ones, and some of those found. */
const MAX_ISSUERS = 2 * MAX_AUTHORS

type RowsOfKinds = Record<CredentialEntryKind, RecordRow[]>

/** What reads the rows of one key. */
type ReadRows = (key: Uint8Array) => Promise<{ rows: RecordRow[]; isWhole: boolean }>

async function readKinds(
  credentialKey: Uint8Array,
  read: ReadRows,
): Promise<{ rows: RowsOfKinds; isWhole: boolean }> {
  const found = await Promise.all(
    CREDENTIAL_ENTRY_KINDS.map(async (kind) => ({
      kind,
      ...(await read(entryKeyOf(credentialKey, kind))),
    })),
  )
  return {
    rows: Object.fromEntries(found.map(({ kind, rows }) => [kind, rows])) as RowsOfKinds,
    isWhole: found.every(({ isWhole }) => isWhole),
  }
}

/** The first rows there are, of whatever registry: mostly all, and of several lookups read at once. */
const someRows =
  (store: StoreReader, page: KeyPage, bounds: readonly ChainBound[]): ReadRows =>
  async (key) => {
    const { rows, next } = await readRowsOfKey(store, key, page, bounds)
    return { rows, isWhole: next === undefined }
  }

/** The first rows of these issuers in these registries, which nobody's other rows hide, not even their own. */
const firstRows =
  (
    store: StoreReader,
    authors: readonly Uint8Array[],
    perAuthor: number,
    { books, bounds }: Searched,
  ): ReadRows =>
  async (key) => {
    const found = books.map(async ({ contract: { stored } }) => {
      const { contractId, chainId } = stored
      const toBlock = bounds.find((bound) => bound.chainId === chainId)?.number ?? -1
      const rows: RecordRow[] = []
      for (let i = 0; i < authors.length; i += MAX_AUTHORS) {
        const asked = authors.slice(i, i + MAX_AUTHORS)
        rows.push(...(await store.findFirstRecords(key, { contractId, authors: asked, toBlock, perAuthor })))
      }
      return rows
    })
    return { rows: (await Promise.all(found)).flat(), isWhole: true }
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

interface Searched {
  books: readonly Book[]
  bounds: readonly ChainBound[]
}

export interface FindOptions extends Searched {
  /** Of this issuer alone. */
  issuer?: Uint8Array | undefined
  /** Asked for by name where others crowd the id. */
  registered: readonly Hex[]
}

/**
 * What every issuer wrote of a credential id; where there is too much, registered ones and those found first. What is found is whole: an
 * issuer that has an issue here has its expiry and its revocation here too, if there are any.
 */
export async function findCredentials(
  store: StoreReader,
  credentialKey: Uint8Array,
  { issuer, registered, ...searched }: FindOptions,
): Promise<{ found: FoundCredential[]; isTruncated: boolean }> {
  const { books, bounds } = searched
  const page = { limit: ROWS_A_LOOK, ...(issuer && { author: issuer }) }
  const { rows, isWhole } = await readKinds(credentialKey, someRows(store, page, bounds))
  const found = groupRows(rows, books)
  if (isWhole) return { found, isTruncated: false }
  const issuers =
    issuer === undefined
      ? [...new Set([...registered, ...found.map((own) => own.issuer)])].slice(0, MAX_ISSUERS).map(toBytes)
      : [issuer]
  const own = await readKinds(credentialKey, firstRows(store, issuers, 1 + MAX_REPEATED, searched))
  return { found: groupRows(own.rows, books), isTruncated: issuer === undefined }
}

const toBytes = (hex: Hex): Uint8Array => hexToBytes(hex)

/** What one issuer wrote of an id in one registry, but for what it repeated. */
export async function findOwnCredential(
  store: StoreReader,
  credentialKey: Uint8Array,
  issuer: Hex,
  book: Book,
  bound: ChainBound,
): Promise<FoundCredential | undefined> {
  const searched = { books: [book], bounds: [bound] }
  const author = hexToBytes(issuer)
  const some = await readKinds(credentialKey, someRows(store, { author, limit: ROWS_IN_LISTS }, [bound]))
  const { rows } = some.isWhole
    ? some
    : await readKinds(credentialKey, firstRows(store, [author], 1, searched))
  const [own] = groupRows(rows, [book])
  return own && { ...own, repeated: [] }
}

export const isSameRow = (a: PlaceInChain, b: PlaceInChain): boolean =>
  a.blockNumber === b.blockNumber && a.logIndex === b.logIndex && a.entryIndex === b.entryIndex
