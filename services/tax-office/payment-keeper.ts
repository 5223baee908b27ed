import { setImmediate as nextTurn } from 'node:timers/promises'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { type Bytes32, bytesToHex, hexToBytes, randomBytes32 } from '../../protocol/hex.ts'
import { canBeCorrected } from '../../protocol/payments/net-amount.ts'
import { fieldsText } from '../../protocol/payments/payment-digest.ts'
import { paymentEntryDigest, paymentKey } from '../../protocol/payments/payment-entry.ts'
import type { PaymentPlace } from '../../protocol/payments/payment-place.ts'
import type { BookWriter } from '../party/book-writer/book-writer.ts'
import type { OutboxEntry } from '../party/book-writer/outbox.ts'
import type { GroupCommit } from '../party/group-commit.ts'
import { KeyedLocks } from '../party/keyed-locks.ts'
import { packPayment } from './book/packed-payment.ts'
import type { OfficeSecrets } from './office-secrets.ts'
import {
  correctionOfRefund,
  orderConflict,
  type PaymentInput,
  readPaymentInput,
  versionSkipped,
} from './payment-input.ts'
import { payloadBytes, sealRecord } from './seal-record.ts'
import type { KnownVersion, NewPayment, Order, PaymentStore } from './store/payment-store.ts'

export interface KeptPayment {
  /** `duplicate`: it was kept before, with the same content. */
  outcome: 'queued' | 'duplicate'
  orderKey: Bytes32
  version: number
  digest: Bytes32
}

export interface RefusedPayment {
  outcome: 'refused'
  code: string
  detail: string
  /** The member at fault, where one is. */
  member?: string
}

export type PaymentOutcome = KeptPayment | RefusedPayment

export interface PaymentKeeperOptions {
  store: PaymentStore
  commits: GroupCommit
  writer: BookWriter
  secrets: OfficeSecrets
  place: PaymentPlace
}

/** An order as it will be once the payments at hand are kept. */
interface OpenOrder extends Order {
  isNew: boolean
  versions: KnownVersion[]
}

interface Draft {
  newOrder: Order | undefined
  payment: NewPayment
  entry: OutboxEntry
}

/** Payments sealed before other requests get their turn. */
const SEALED_AT_ONCE = 25

/** Takes payments in: each is checked, sealed, and kept together with its entry in the outbox, or refused with a reason. */
export class PaymentKeeper {
  readonly #options: PaymentKeeperOptions
  readonly #locks = new KeyedLocks()

  constructor(options: PaymentKeeperOptions) {
    this.#options = options
  }

  /**
   * Keeps payments in one transaction; resolves once that is on disk. One that is refused keeps none of the others back.
   * @param meanwhile runs in the same transaction
   */
  async keep(
    values: readonly unknown[],
    meanwhile: (outcomes: readonly PaymentOutcome[]) => void = () => {},
  ): Promise<PaymentOutcome[]> {
    const inputs = values.map((value) => orRefusal(() => readPaymentInput(value)))
    const orders = inputs.flatMap((input) => ('outcome' in input ? [] : [input.orderKeyHex]))
    return this.#locks.run(orders, async () => {
      const { outcomes, drafts } = await this.#draft(inputs)
      const { commits, store, writer } = this.#options
      await commits.write(() => {
        const now = Date.now()
        for (const { newOrder, payment, entry } of drafts) {
          if (newOrder !== undefined) store.insertOrder(newOrder)
          store.insertPayment(payment, now)
          writer.add(entry)
        }
        meanwhile(outcomes)
      })
      if (drafts.length > 0) writer.notify(drafts.length)
      return outcomes
    })
  }

  async #draft(
    inputs: readonly (PaymentInput | RefusedPayment)[],
  ): Promise<{ outcomes: PaymentOutcome[]; drafts: Draft[] }> {
    const orders = new Map<Bytes32, OpenOrder>()
    const outcomes: PaymentOutcome[] = []
    const drafts: Draft[] = []
    for (const input of inputs) {
      outcomes.push('outcome' in input ? input : orRefusal(() => this.#take(input, orders, drafts)))
      if (drafts.length % SEALED_AT_ONCE === SEALED_AT_ONCE - 1) await nextTurn()
    }
    return { outcomes, drafts }
  }

  #take(input: PaymentInput, orders: Map<Bytes32, OpenOrder>, drafts: Draft[]): KeptPayment {
    const { record, orderKeyHex } = input
    const order = this.#openOrder(input, orders)
    const fingerprint = this.#options.secrets.fingerprint({ ...record, visibility: input.visibility })
    const known = order.versions[record.version - 1]
    if (known !== undefined) {
      if (!Buffer.from(fingerprint).equals(known.fingerprint)) throw orderConflict(input)
      return { outcome: 'duplicate', orderKey: orderKeyHex, version: record.version, digest: known.digest }
    }
    if (record.version !== order.versions.length + 1) throw versionSkipped(input, order.versions.length)
    if (record.kind === 'correction' && !canBeCorrected(order.versions[0]!)) throw correctionOfRefund()
    this.#requireSound(order)
    const draft = this.#seal(input, order, fingerprint)
    this.#requireFree(draft.entry)
    drafts.push(draft)
    const digest = bytesToHex(draft.payment.digest)
    order.versions.push({ version: record.version, kind: record.kind, fingerprint, digest })
    order.isNew = false
    return { outcome: 'queued', orderKey: orderKeyHex, version: record.version, digest }
  }

  #openOrder({ record, orderKey, orderKeyHex }: PaymentInput, orders: Map<Bytes32, OpenOrder>): OpenOrder {
    let order = orders.get(orderKeyHex)
    if (order === undefined) {
      const { store } = this.#options
      const known = store.findOrder(orderKey)
      const versions = store.knownVersions(orderKey)
      if (known === undefined && versions.length > 0)
        throw new CountersignError(
          'ENTRY_CONFLICT',
          'the office has versions of this order, and not the order',
        )
      order =
        known === undefined
          ? { orderKey, orderId: record.orderId, share: hexToBytes(randomBytes32()), isNew: true, versions }
          : { ...known, isNew: false, versions }
      orders.set(orderKeyHex, order)
    }
    return order
  }

  /** What follows a version that the chain has otherwise could never be read together with it. @throws ENTRY_CONFLICT */
  #requireSound({ orderKey, versions }: OpenOrder): void {
    const latest = versions.at(-1)
    if (latest === undefined) return
    const state = this.#options.writer.find(paymentKey(bytesToHex(orderKey), latest.version))?.state
    if (state === 'conflict')
      throw new CountersignError(
        'ENTRY_CONFLICT',
        `the chain has another version ${latest.version} of this order`,
      )
  }

  /** An outbox that knows more than the tables of payments: somebody took rows out of those. @throws ENTRY_CONFLICT */
  #requireFree({ key, digest }: OutboxEntry): void {
    const known = this.#options.writer.find(key)
    if (known !== undefined && known.digest !== digest)
      throw new CountersignError(
        'ENTRY_CONFLICT',
        'this version was sent to the chain before, with content that the office does not have any more',
      )
  }

  #seal(input: PaymentInput, order: OpenOrder, fingerprint: Uint8Array): Draft {
    const { secrets, place } = this.#options
    const { record, visibility, orderKey, orderKeyHex } = input
    const { version } = record
    const previousDigest = order.versions.at(-1)?.digest
    const sealed = sealRecord(
      { record, visibility, orderKey: orderKeyHex, share: order.share, previousDigest },
      secrets,
      place,
    )
    const payload = payloadBytes(sealed)
    const entryKey = paymentKey(orderKeyHex, version)
    const { payerTag, ...rest } = record
    return {
      newOrder: order.isNew ? { orderKey, orderId: order.orderId, share: order.share } : undefined,
      payment: {
        record: rest,
        visibility,
        orderKey,
        payerTag: payerTag === undefined ? null : secrets.encryptPayerTag(payerTag, orderKey, version),
        fields: fieldsText(record.fields) || null,
        fingerprint,
        digest: hexToBytes(sealed.digest, 32),
        payload,
        entryKey,
      },
      entry: {
        key: entryKey,
        digest: paymentEntryDigest(sealed.digest, sealed.payload),
        recordBy: 0,
        content: packPayment(orderKey, version, sealed.digest, payload),
        ...(version > 1 && { afterKey: paymentKey(orderKeyHex, version - 1) }),
      },
    }
  }
}

/** Refusals that concern one payment are answers; everything else ends the request. */
function orRefusal<T>(make: () => T): T | RefusedPayment {
  try {
    return make()
  } catch (error) {
    if (!isCountersignError(error) || error.httpStatus >= 500) throw error
    const { member } = error.details
    return {
      outcome: 'refused',
      code: error.code,
      detail: error.message,
      ...(typeof member === 'string' && { member }),
    }
  }
}
