import { type Bytes32, bytesToHex, ZERO_BYTES32 as EMPTY, hexToBytes } from '../../../protocol/hex.ts'
import {
  type PaymentOnChain,
  paymentEntry,
  paymentEntryDigest,
  paymentKey,
} from '../../../protocol/payments/payment-entry.ts'
import type { PaymentPlace } from '../../../protocol/payments/payment-place.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import { EMPTY_HEAD, merkleRootOf } from '../../../protocol/record-book.ts'
import { decodeDigests, encodeDigestsOf } from '../../party/book-writer/call-data.ts'
import type { JsonRpc } from '../../party/book-writer/chain-access.ts'
import type { OfficeSecrets } from '../office-secrets.ts'
import { sealRecord } from '../seal-record.ts'
import type { AnchorStore } from '../store/anchor-store.ts'
import type { PaymentStore, StoredPayment } from '../store/payment-store.ts'
import { type Difference, differencesOf } from './compare-payment.ts'
import { headAt, type OfficeEvent, officeEvents } from './office-events.ts'
import { storedRecord } from './stored-record.ts'
import { isStored, UnlikeVersions } from './unlike-versions.ts'

export interface ReconcileOptions {
  rpc: JsonRpc
  place: PaymentPlace
  /** Block of the registry's deployment. */
  startBlock: number
  /** Whether the chain's state has each version, as it has what is recorded one by one; of others there are events alone. */
  keepsSlots: boolean
  payments: PaymentStore
  anchors: AnchorStore
  secrets: OfficeSecrets
  /** Whether a version that is not on chain at `block` is still on its way there, or got there after it. */
  isOnItsWay: (entryKey: Bytes32, block: number) => boolean
}

export interface FoundPayment {
  orderKey: Bytes32
  version: number
  /** As the database has it; not of an extra one. */
  orderId?: string
}
export interface AlteredPayment extends FoundPayment {
  differences: Difference[]
}
export interface ExtraPayment extends FoundPayment {
  transactionHash: Bytes32
  blockNumber: number
}

/** What differs between the office's database and its book on chain. Of each kind the first thousand are listed. */
export interface Reconciliation {
  /** The last block compared. */
  block: number
  head: Bytes32
  /** Whether the events make the head that the chain has: then there are no others. */
  isComplete: boolean
  /** Versions in the database. */
  checked: number
  same: number
  /** Put on chain again as they were, which changes nothing; an attempt that was thought lost, say. */
  repeated: number
  /** Not on chain yet, and on their way there. */
  waiting: number
  counts: { missing: number; altered: number; extra: number; unread: number }
  /** In the database, not on chain. */
  missing: FoundPayment[]
  altered: AlteredPayment[]
  /** On chain, not in the database: unknown versions, and second ones with other content than the first. */
  extra: ExtraPayment[]
  /** In the database, and in no event that the node gave, while it left some out: on chain or not. */
  unread: FoundPayment[]
  /** Anchored roots that the office cannot give the payments of. */
  unknownRoots: Bytes32[]
}

const LISTED = 1_000
const PAGE = 500

/** Holds the office's database against its book on chain: each version's columns against what is recorded, and the other way round. */
export class Reconciler {
  readonly #options: ReconcileOptions
  /** One bit for each payment of the database, by its number. */
  readonly #seen: Uint8Array
  /** The latest payment of the database when this began; what came later is not compared. */
  readonly #lastId: number
  readonly #unlike = new UnlikeVersions()
  readonly #result: Reconciliation

  constructor(options: ReconcileOptions) {
    this.#options = options
    this.#lastId = options.payments.lastId()
    this.#seen = new Uint8Array((this.#lastId >> 3) + 1)
    this.#result = {
      block: 0,
      head: EMPTY_HEAD,
      isComplete: false,
      checked: 0,
      same: 0,
      repeated: 0,
      waiting: 0,
      counts: { missing: 0, altered: 0, extra: 0, unread: 0 },
      missing: [],
      altered: [],
      extra: [],
      unread: [],
      unknownRoots: [],
    }
  }

  /** @throws CHAIN_UNREACHABLE, CHAIN_MISMATCH, CHAIN_CONTRADICTS */
  async run(): Promise<Reconciliation> {
    const { rpc, place, startBlock } = this.#options
    const result = this.#result
    result.block = Number(await rpc.send('eth_blockNumber', []))
    result.head = await headAt(rpc, place, result.block)
    let head = EMPTY_HEAD
    for await (const event of officeEvents(rpc, place, startBlock, result.block)) {
      head = event.fold(head)
      this.#compare(event)
    }
    result.isComplete = head === result.head
    await this.#findUnseen()
    return result
  }

  #compare(event: OfficeEvent): void {
    for (const payment of event.payments) this.#comparePayment(payment, event)
    if (event.anchored !== undefined) this.#compareAnchor(event.anchored, event)
  }

  #compareAnchor({ root, leafCount }: NonNullable<OfficeEvent['anchored']>, event: OfficeEvent): void {
    const payments = this.#options.anchors.paymentsUnder(root)
    if (payments.length === leafCount && merkleRootOf(payments.map(paymentEntry)) === root)
      for (const payment of payments) this.#comparePayment(payment, event)
    else if (this.#result.unknownRoots.length < LISTED) this.#result.unknownRoots.push(root)
  }

  #comparePayment(onChain: PaymentOnChain, { transactionHash, blockNumber }: OfficeEvent): void {
    const { orderKey, version } = onChain
    const row = this.#options.payments.find(hexToBytes(orderKey, 32), version)
    if (row !== undefined && row.id > this.#lastId) return
    if (row !== undefined && !this.#wasSeen(row.id)) this.#compareFirst(row, onChain)
    else if (row !== undefined && this.#unlike.isFirst(onChain, row)) this.#result.repeated++
    else {
      if (row === undefined) this.#unlike.note(onChain)
      this.#note('extra', { orderKey, version, transactionHash, blockNumber })
    }
  }

  /** Of versions written twice the first counts. */
  #compareFirst(row: StoredPayment, onChain: PaymentOnChain): void {
    this.#markSeen(row.id)
    if (!isStored(onChain, row)) this.#unlike.note(onChain)
    const differences = differencesOf(row, onChain, this.#previousDigest(row), this.#options)
    const { orderKey, version } = onChain
    if (differences.length === 0) this.#result.same++
    else this.#note('altered', { orderId: row.orderId, orderKey, version, differences })
  }

  /** As the chain has it: a version is as it was, whatever somebody did to the row of the one before. */
  #previousDigest({ orderKey, version }: StoredPayment): Bytes32 | undefined {
    if (version === 1) return undefined
    const onChain = this.#unlike.digestOf(bytesToHex(orderKey), version - 1)
    if (onChain !== undefined) return onChain
    const before = this.#options.payments.find(orderKey, version - 1)
    return before && bytesToHex(before.digest)
  }

  async #findUnseen(): Promise<void> {
    const { payments } = this.#options
    let last = 0
    for (;;) {
      const page = payments.paymentsAfter(last, PAGE)
      if (page.length === 0) return
      last = page.at(-1)!.id
      const known = page.filter(({ id }) => id <= this.#lastId)
      this.#result.checked += known.length
      const unseen = known.filter(({ id }) => !this.#wasSeen(id))
      if (unseen.length > 0) await this.#noteUnseen(unseen)
    }
  }

  async #noteUnseen(rows: readonly StoredPayment[]): Promise<void> {
    const { isComplete } = this.#result
    const { keepsSlots } = this.#options
    const digests = isComplete || !keepsSlots ? rows.map(() => EMPTY) : await this.#slotsOf(rows)
    for (const [i, row] of rows.entries()) {
      const { orderId, version } = row
      const found = { orderId, orderKey: bytesToHex(row.orderKey), version }
      if (digests[i] === EMPTY) {
        if (this.#options.isOnItsWay(row.entryKey, this.#result.block)) this.#result.waiting++
        else this.#note(isComplete || keepsSlots ? 'missing' : 'unread', found)
      } else if (digests[i] === this.#expectedDigest(row)) this.#result.same++
      else this.#note('altered', { ...found, differences: [{ member: 'content' }] })
    }
  }

  /** What their slots have: events that a node did not give leave no other trace. */
  async #slotsOf(rows: readonly StoredPayment[]): Promise<Bytes32[]> {
    const { rpc, place } = this.#options
    const keys = rows.map(({ orderKey, version }) => paymentKey(bytesToHex(orderKey), version))
    const call = { to: place.registry, data: encodeDigestsOf(place.office, keys) }
    return decodeDigests(await rpc.send('eth_call', [call, toQuantity(this.#result.block)]), keys.length)
  }

  /** What the slot of a version has if its columns are as they were; undefined when they make no record. */
  #expectedDigest(row: StoredPayment): Bytes32 | undefined {
    const { secrets, place } = this.#options
    const { visibility, share } = row
    const record = storedRecord(row, secrets)
    if (record === undefined) return undefined
    const orderKey = bytesToHex(row.orderKey)
    const previousDigest = this.#previousDigest(row)
    const { digest, payload } = sealRecord(
      { record, visibility, orderKey, share, previousDigest },
      secrets,
      place,
    )
    return paymentEntryDigest(digest, payload)
  }

  #note<Kind extends keyof Reconciliation['counts']>(kind: Kind, found: Reconciliation[Kind][number]): void {
    this.#result.counts[kind]++
    const list = this.#result[kind] as (typeof found)[]
    if (list.length < LISTED) list.push(found)
  }

  #wasSeen = (id: number): boolean => ((this.#seen[id >> 3] ?? 0) & (1 << (id & 7))) !== 0

  #markSeen(id: number): void {
    this.#seen[id >> 3]! |= 1 << (id & 7)
  }
}
