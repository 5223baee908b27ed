import type { AddressBook, ChainEntry } from '../address-book.ts'
import { type PaymentNetwork, registryNetworkOf } from '../payments/payment-network.ts'

/** As of payments, with the registry of credentials in the registry's place. */
export const credentialNetworkOf = (
  book: AddressBook,
  urlsOf: (chain: ChainEntry) => string[],
): PaymentNetwork => registryNetworkOf('CredentialRegistry', book, urlsOf)
