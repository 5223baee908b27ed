import type { Visibility } from '../../protocol/payments/payment-payload.ts'
import type { PaymentKind } from '../../protocol/payments/payment-record.ts'
import type { RawLog } from '../chain/raw-log.ts'
import type { StoredContract } from '../store/store.ts'
import type { BesideTable, RecordTier } from '../store/tables.ts'

/** A log with what every projection needs of it read already. */
export interface ContractLog {
  raw: RawLog
  contract: StoredContract
  blockNumber: number
  logIndex: number
  transactionHash: Buffer
  /** The endpoint that answered with it, to be named when it does not fit. */
  endpoint: string
}

export interface DraftEntry {
  key: Uint8Array
  digest: Uint8Array
}

/** What can be read of a payment's payload; null where it says nothing, or says it sealed. */
export interface PaymentContentColumns {
  visibility: Visibility | null
  kind: PaymentKind | null
  category: string | null
  period: string | null
  currency: string | null
  amountMinor: number | null
  paidAt: string | null
  authority: string | null
}

export interface DraftPayment {
  orderKey: Uint8Array
  version: number
  /** Of the content. */
  digest: Uint8Array
  payload: Uint8Array
  content: PaymentContentColumns
}

/** Where projections put their rows. Heads are folded here, in the order of the calls. */
export interface RowSink {
  /** A record with an event of its own: one fold of its author's head. */
  addRecord(log: ContractLog, author: string, key: Uint8Array, digest: Uint8Array): void
  /** A publication with all its entries: one fold, of root and count. */
  addPublication(log: ContractLog, author: string, root: Uint8Array, entries: readonly DraftEntry[]): void
  /** What the event of a record, or of a publication, says of its entries beside; in their order. No fold. */
  addPayments(log: ContractLog, office: string, tier: RecordTier, payments: readonly DraftPayment[]): void
  /** Why the record of the same event revokes a credential. No fold. */
  addRevocation(log: ContractLog, issuer: string, credentialKey: Uint8Array, reason: Uint8Array): void
  addAnchor(log: ContractLog, author: string, root: Uint8Array, leafCount: bigint, manifestURI: string): void
  /** One fold of the directory's head, of the log as it came. */
  addParticipantEvent(log: ContractLog, account: Uint8Array, kind: string, details: object): void
}

/** How the events of one kind of contract become rows. */
export interface Projection {
  /** The contract's name in the address book. */
  kind: string
  /**
   * Whose heads there are on chain: one of each author (`headOf`: a record book), or one of the contract itself over all
   * its events (`headOfDirectory`), which is kept under the contract's own address.
   */
  headOwner: 'author' | 'contract'
  /** Where it keeps what its events say beside records. */
  beside?: BesideTable
  /** By first topic. */
  events: ReadonlyMap<string, (log: ContractLog, sink: RowSink) => void>
}
