import type { Address } from '../hex.ts'
import type { Registry } from '../registry-domain.ts'

/** Where a payment is recorded: the chain, its registry, and under whose address there. */
export interface PaymentPlace extends Registry {
  /** The tax office that records it. */
  office: Address
}
