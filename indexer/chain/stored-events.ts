import { setImmediate } from 'node:timers/promises'
import { hexToBytes } from '../../protocol/hex.ts'
import type { PlaceInChain } from '../store/payment-store.ts'
import type { Position, RecordRow, RootRow, Store } from '../store/store.ts'
import type { BesideTable } from '../store/tables.ts'
import type { IndexedContract } from './decode-logs.ts'
import { foldAnchorBytes, foldPublicationBytes, foldRecordBytes } from './head-fold.ts'
import { type Beside, type BesideKind, StoredBeside } from './stored-beside.ts'
import { STORED_PAYMENTS } from './stored-payments.ts'
import { STORED_REVOCATIONS } from './stored-revocations.ts'

/** What the store has of one log. */
export interface StoredEvent extends Position {
  /** Everything of it that the author's head vouches for, as text to compare. */
  content: string
  /** Of a registry that says more than its records: what is beside those, which they vouch for. */
  beside?: string
  /** A row that is beside no record. */
  isStray?: true
  /** The head after it; undefined where rows do not say enough to fold them (the directory). */
  fold?: (head: Uint8Array) => Uint8Array
}

/** A head, where it stands, and what it has taken in. */
export interface FoldedHead {
  head: Uint8Array
  entryCount: number
  /** Block of the last entry; -1 when there is none. */
  lastBlock: number
}

type EventStore = Pick<
  Store,
  'listRecords' | 'listAuthorRoots' | 'listParticipantEvents' | 'listPayments' | 'listRevocations'
>

export const BESIDE_KINDS: Record<BesideTable, BesideKind<PlaceInChain, EventStore>> = {
  payments: STORED_PAYMENTS as BesideKind<PlaceInChain, EventStore>,
  revocations: STORED_REVOCATIONS as BesideKind<PlaceInChain, EventStore>,
}

/** Rows read at once: a page takes a few milliseconds, and whoever waits comes in between. */
const PAGE = 500
const FIRST_WINDOW_BLOCKS = 1_024
const TARGET_ROOTS = 500

/**
 * What the store has of an author in the blocks after `after`, up to `to`, in chain order. Read in pages: an author may have
 * millions of records.
 */
export async function* storedEvents(
  store: EventStore,
  contract: IndexedContract,
  author: Uint8Array,
  after: number,
  to: number,
): AsyncGenerator<StoredEvent> {
  const { contractId } = contract.stored
  if (contract.projection.headOwner === 'contract') {
    for (const { blockNumber, logIndex, account, kind, details } of await store.listParticipantEvents(
      contractId,
    ))
      if (blockNumber > after && blockNumber <= to)
        yield { blockNumber, logIndex, content: participantContent(account, kind, details) }
    return
  }
  const kind = contract.projection.beside
  const stretch = { chainId: contract.stored.chainId, contractId, author, after, to }
  const rowsBeside = kind === undefined ? undefined : new StoredBeside(BESIDE_KINDS[kind], store, stretch)
  const roots = rootsOf(store, contractId, author, after, to)
  let nextRoot = (await roots.next()).value
  let publication: { root: RootRow; entries: string[]; beside: Beside[] } | undefined
  const finish = (): StoredEvent | undefined => {
    const done = publication
    publication = undefined
    return done && withBeside(rootEvent(done.root, done.entries), done.beside)
  }
  for await (const row of recordsOf(store, contractId, author, after, to)) {
    if (publication !== undefined && comparePositions(publication.root, row) !== 0) yield finish()!
    while (nextRoot !== undefined && comparePositions(nextRoot, row) <= 0) {
      const isOwn = comparePositions(nextRoot, row) === 0
      if (isOwn) publication = { root: nextRoot, entries: [], beside: [] }
      else yield rootEvent(nextRoot, [])
      nextRoot = (await roots.next()).value
    }
    if (rowsBeside !== undefined) for await (const stray of rowsBeside.strays(row)) yield strayEvent(stray)
    const beside = rowsBeside === undefined ? [] : [await rowsBeside.beside(row)]
    if (publication !== undefined) {
      publication.entries.push(row.key, row.digest)
      publication.beside.push(...beside)
    } else yield withBeside(recordEvent(row), beside)
  }
  const last = finish()
  if (last !== undefined) yield last
  for (; nextRoot !== undefined; nextRoot = (await roots.next()).value) yield rootEvent(nextRoot, [])
  if (rowsBeside !== undefined) for await (const stray of rowsBeside.strays()) yield strayEvent(stray)
}

/** The head that the store's rows after `after`, up to `to`, fold to from `start`; undefined where they cannot be folded. */
export async function foldStored(
  store: EventStore,
  contract: IndexedContract,
  author: Uint8Array,
  start: FoldedHead & { block: number },
  to: number,
  onBlock?: (folded: FoldedHead) => void,
): Promise<FoldedHead | undefined> {
  const folded = { head: start.head, entryCount: start.entryCount, lastBlock: start.lastBlock }
  for await (const { blockNumber, fold } of storedEvents(store, contract, author, start.block, to)) {
    if (fold === undefined) return undefined
    if (blockNumber !== folded.lastBlock && folded.lastBlock > start.block) onBlock?.({ ...folded })
    folded.head = fold(folded.head)
    folded.entryCount++
    folded.lastBlock = blockNumber
  }
  if (folded.lastBlock > start.block) onBlock?.({ ...folded })
  return folded
}

export const participantContent = (account: Uint8Array, kind: string, details: string): string =>
  `${hex(account)},${kind},${details}`

export const recordContent = (key: Uint8Array, digest: Uint8Array): string => `0x${hex(key)},0x${hex(digest)}`

export const rootContent = (
  root: Uint8Array,
  leafCount: bigint | string,
  entries: readonly string[],
): string => [`0x${hex(root)}`, leafCount, ...entries].join()

const recordEvent = ({ blockNumber, logIndex, key, digest }: RecordRow): StoredEvent => ({
  blockNumber,
  logIndex,
  content: `${key},${digest}`,
  fold: (head) => foldRecordBytes(head, hexToBytes(key), hexToBytes(digest)),
})

const rootEvent = (
  { blockNumber, logIndex, root, kind, leafCount }: RootRow,
  entries: readonly string[],
): StoredEvent => ({
  blockNumber,
  logIndex,
  content: rootContent(root, leafCount, entries),
  fold: (head) =>
    kind === 'anchor'
      ? foldAnchorBytes(head, root, leafCount)
      : foldPublicationBytes(head, root, Number(leafCount)),
})

/** No chain has it: rows with something wrong beside them are not to fold to what one has. */
const NO_HEAD = new Uint8Array(32).fill(0xff)
const noHead = (): Uint8Array => NO_HEAD

const strayEvent = ({ blockNumber, logIndex }: Position): StoredEvent => ({
  ...{ blockNumber, logIndex, content: '', isStray: true },
  fold: noHead,
})

/** What is beside the entries of one log, as text; an entry with nothing beside it says nothing. */
export const joinBeside = (contents: readonly string[]): string =>
  contents.filter((content) => content !== '').join()

const withBeside = (event: StoredEvent, beside: readonly Beside[]): StoredEvent =>
  beside.length === 0
    ? event
    : {
        ...event,
        beside: joinBeside(beside.map(({ content }) => content)),
        ...(beside.every(({ isRight }) => isRight) ? {} : { fold: noHead }),
      }

async function* recordsOf(
  store: EventStore,
  contractId: number,
  author: Uint8Array,
  after: number,
  toBlock: number,
): AsyncGenerator<RecordRow> {
  let from = { blockNumber: after + 1, logIndex: -1, entryIndex: -1 }
  for (;;) {
    const page = await store.listRecords({ author, contractId, toBlock, after: from, limit: PAGE })
    yield* page
    if (page.length < PAGE) return
    from = page.at(-1)!
    await setImmediate()
  }
}

/** By windows of blocks that adapt to how many roots there are. */
async function* rootsOf(
  store: EventStore,
  contractId: number,
  author: Uint8Array,
  after: number,
  toBlock: number,
): AsyncGenerator<RootRow, undefined> {
  let window = FIRST_WINDOW_BLOCKS
  for (let from = after + 1; from <= toBlock; ) {
    const end = Math.min(from + window - 1, toBlock)
    const roots = await store.listAuthorRoots(contractId, author, from, end)
    yield* roots
    const factor = Math.min(Math.max(TARGET_ROOTS / Math.max(roots.length, 1), 0.125), 64)
    window = Math.max(Math.floor(window * factor), 1)
    from = end + 1
    await setImmediate()
  }
  return undefined
}

const comparePositions = (a: Position, b: Position): number =>
  a.blockNumber - b.blockNumber || a.logIndex - b.logIndex

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
