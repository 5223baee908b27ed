import type { ContractLog, DraftEntry, DraftPayment, RowSink } from '../projections/projection.ts'
import type { BlockRow, HeadRow } from '../store/store.ts'
import {
  RECORD_TIERS,
  type RecordTier,
  ROOT_KINDS,
  type RowBuffer,
  type TableName,
  type Value,
  VISIBILITIES,
} from '../store/tables.ts'
import { EMPTY_HEAD_BYTES } from './chain-heads.ts'
import { foldAnchorBytes, foldLogBytes, foldPublicationBytes, foldRecordBytes } from './head-fold.ts'

/** Where an author stood before the draft. */
export interface DraftBase {
  head: Uint8Array
  entryCount: number
}

interface DraftHead {
  contractId: number
  author: Uint8Array
  head: Uint8Array
  entryCount: number
  blockNumber: number
}

const RECORDED = RECORD_TIERS.indexOf('recorded')
const PUBLISHED = RECORD_TIERS.indexOf('published')
const PUBLICATION = ROOT_KINDS.indexOf('publication')
const ANCHOR = ROOT_KINDS.indexOf('anchor')

/**
 * Collects the rows and folds the heads of one commit, in chain order. Nothing outside is touched, so a draft that
 * fails, or whose commit fails, leaves no trace.
 */
export class CommitDraft implements RowSink {
  readonly blocks = new Map<number, BlockRow>()
  eventCount = 0
  readonly #chainId: number
  readonly #baseOf: (contractId: number, authorHex: string) => DraftBase | undefined
  /** Above this block a head is kept for every block: each may be where a rollback ends. */
  readonly #finalNumber: number
  readonly #rows = new Map<TableName, Value[]>()
  readonly #current = new Map<number, Map<string, DraftHead>>()
  readonly #past: DraftHead[] = []

  constructor(options: {
    chainId: number
    finalNumber: number
    baseOf: (contractId: number, authorHex: string) => DraftBase | undefined
  }) {
    this.#chainId = options.chainId
    this.#finalNumber = options.finalNumber
    this.#baseOf = options.baseOf
  }

  rows(): RowBuffer[] {
    return [...this.#rows].map(([table, values]) => ({ table, values }))
  }

  heads(): HeadRow[] {
    return [...this.#past, ...this.newestHeads()].map((head) => ({ ...head, verified: false }))
  }

  *newestHeads(): Generator<DraftHead> {
    for (const book of this.#current.values()) yield* book.values()
  }

  addRecord(log: ContractLog, author: string, key: Uint8Array, digest: Uint8Array): void {
    const head = this.#headOf(log, author)
    head.head = foldRecordBytes(head.head, key, digest)
    this.#valuesOf('records').push(
      this.#chainId,
      log.blockNumber,
      log.logIndex,
      0,
      log.contract.contractId,
      head.author,
      key,
      digest,
      RECORDED,
      log.transactionHash,
    )
  }

  addPublication(log: ContractLog, author: string, root: Uint8Array, entries: readonly DraftEntry[]): void {
    const head = this.#headOf(log, author)
    head.head = foldPublicationBytes(head.head, root, entries.length)
    this.#addRoot(log, head.author, root, PUBLICATION, String(entries.length), null)
    const values = this.#valuesOf('records')
    entries.forEach(({ key, digest }, entryIndex) => {
      values.push(
        this.#chainId,
        log.blockNumber,
        log.logIndex,
        entryIndex,
        log.contract.contractId,
        head.author,
        key,
        digest,
        PUBLISHED,
        log.transactionHash,
      )
    })
  }

  addPayments(log: ContractLog, office: string, tier: RecordTier, payments: readonly DraftPayment[]): void {
    const { contractId } = log.contract
    // The entry was folded just now.
    const { author } = this.#current.get(contractId)!.get(office)!
    const values = this.#valuesOf('payments')
    payments.forEach(({ orderKey, version, digest, payload, content }, entryIndex) => {
      const { visibility, kind, category, period, currency, amountMinor, paidAt, authority } = content
      values.push(this.#chainId, log.blockNumber, log.logIndex, entryIndex, contractId, author, orderKey)
      values.push(version, digest, payload, RECORD_TIERS.indexOf(tier))
      values.push(visibility === null ? null : VISIBILITIES.indexOf(visibility))
      values.push(kind, category, period, currency, amountMinor, paidAt, authority, log.transactionHash)
    })
  }

  addRevocation(log: ContractLog, issuer: string, credentialKey: Uint8Array, reason: Uint8Array): void {
    const { contractId } = log.contract
    // The entry was folded just now.
    const { author } = this.#current.get(contractId)!.get(issuer)!
    const values = this.#valuesOf('revocations')
    values.push(this.#chainId, log.blockNumber, log.logIndex, 0, contractId, author)
    values.push(credentialKey, reason, log.transactionHash)
  }

  addAnchor(
    log: ContractLog,
    author: string,
    root: Uint8Array,
    leafCount: bigint,
    manifestURI: string,
  ): void {
    const head = this.#headOf(log, author)
    head.head = foldAnchorBytes(head.head, root, leafCount)
    this.#addRoot(log, head.author, root, ANCHOR, String(leafCount), manifestURI)
  }

  addParticipantEvent(log: ContractLog, account: Uint8Array, kind: string, details: object): void {
    const head = this.#headOf(log, Buffer.from(log.contract.address).toString('hex'))
    head.head = foldLogBytes(head.head, log.raw)
    this.#valuesOf('participant_events').push(
      this.#chainId,
      log.blockNumber,
      log.logIndex,
      0,
      log.contract.contractId,
      account,
      kind,
      JSON.stringify(details),
      log.transactionHash,
    )
  }

  #addRoot(
    log: ContractLog,
    author: Uint8Array,
    root: Uint8Array,
    kind: number,
    leafCount: string,
    manifestURI: string | null,
  ): void {
    this.#valuesOf('roots').push(
      this.#chainId,
      log.blockNumber,
      log.logIndex,
      0,
      log.contract.contractId,
      author,
      root,
      kind,
      leafCount,
      manifestURI,
      log.transactionHash,
    )
  }

  #valuesOf(table: TableName): Value[] {
    let values = this.#rows.get(table)
    if (values === undefined) {
      values = []
      this.#rows.set(table, values)
    }
    return values
  }

  /** The author's head, about to take in one more entry. */
  #headOf({ contract: { contractId }, blockNumber }: ContractLog, authorHex: string): DraftHead {
    let book = this.#current.get(contractId)
    if (book === undefined) {
      book = new Map()
      this.#current.set(contractId, book)
    }
    let head = book.get(authorHex)
    if (head === undefined) {
      const base = this.#baseOf(contractId, authorHex)
      head = {
        contractId,
        author: Buffer.from(authorHex, 'hex'),
        head: base?.head ?? EMPTY_HEAD_BYTES,
        entryCount: base?.entryCount ?? 0,
        blockNumber,
      }
      book.set(authorHex, head)
    } else if (head.blockNumber !== blockNumber) {
      // The newest head that a rollback to the last final block needs is kept, and every one above it.
      if (blockNumber > this.#finalNumber) this.#past.push({ ...head })
      head.blockNumber = blockNumber
    }
    head.entryCount++
    return head
  }
}
