import type { PaymentNetwork } from '../protocol/payments/payment-network.ts'

/** What the server puts into each page, as JSON in the element of this id. */
export interface PageSettings {
  network: PaymentNetwork
}

export const SETTINGS_ELEMENT = 'settings'

export const readSettings = (): PageSettings =>
  JSON.parse(document.getElementById(SETTINGS_ELEMENT)!.textContent!)
