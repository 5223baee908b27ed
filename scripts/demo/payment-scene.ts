import { fileURLToPath } from 'node:url'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import { paymentNetworkOf } from '../../protocol/payments/payment-network.ts'
import { decodeVoucher, encodeVoucher, type PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import type { Reconciliation } from '../../services/tax-office/reconcile/reconcile.ts'
import { connectNodes } from '../../web/verification/nodes.ts'
import { type VerificationVerdict, verifyVoucher } from '../../web/verification/verify-voucher.ts'
import { TaxOfficeClient } from '../cli/tax-office-client.ts'
import type { LocalNetwork } from '../network/local-network.ts'
import { OfficeDatabase } from './office-database.ts'
import { documentOf, type EndedScript, runScript } from './run-script.ts'

const WAIT_MS = 30_000
const POLL_MS = 100

export const SAMPLE_FILE = fileURLToPath(new URL('../../sample/payments/payments.csv', import.meta.url))
export const SAMPLE_MAPPING = fileURLToPath(new URL('../../sample/payments/payments.json', import.meta.url))

/** What those who take part in payments do: the office's clerk, a payer with a slip, whoever is shown a voucher, somebody at the database. */
export class PaymentScene {
  readonly office: TaxOfficeClient
  readonly #network: LocalNetwork

  constructor(network: LocalNetwork) {
    this.#network = network
    this.office = new TaxOfficeClient(network.taxOffice.url, network.taxOffice.apiKey)
  }

  /** Runs a script of the office's. */
  officeScript(name: string, ...args: string[]): Promise<EndedScript> {
    const { url, apiKey, variables } = this.#network.taxOffice
    const office = { COUNTERSIGN_TAX_OFFICE_URL: url, COUNTERSIGN_TAX_OFFICE_API_KEY: apiKey }
    return runScript(name, [...args, '--json'], { variables: { ...variables, ...office } })
  }

  /** Runs a script of the payer's, who types the lookup code. */
  payerScript(name: string, lookupCode: string, ...args: string[]): Promise<EndedScript> {
    const { indexer, addressBookFile } = this.#network
    const where = ['--indexer', indexer.url, '--address-book', addressBookFile]
    return runScript(name, [...where, '--code-stdin', ...args, '--json'], { input: lookupCode })
  }

  /** Waits until the indexer has so many versions of the order. */
  async waitUntilIndexed(orderId: string, versions: number): Promise<void> {
    const url = `${this.#network.indexer.url}/v1/payments/${orderKeyOf(orderId)}`
    for (const deadline = Date.now() + WAIT_MS; Date.now() < deadline; ) {
      const response = await fetch(url)
      const answer = (await response.json()) as { histories?: { versions: unknown[] }[] }
      if (answer.histories?.[0]?.versions.length === versions) return
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    throw new Error(`the indexer has not ${versions} versions of ${orderId} after ${WAIT_MS / 1000} s`)
  }

  /** Asks the indexer, as a terminal would that cannot open records itself: whether the order comes to this amount. The error's code if refused. */
  async confirmation(orderId: string, lookupCode: string, amount: string): Promise<boolean | string> {
    const response = await fetch(`${this.#network.indexer.url}/v1/payment-lookups`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ orderId, lookupCode, confirm: { amount, currency: 'EUR' } }),
    })
    const answer = (await response.json()) as { code?: string; confirmations?: { equal: boolean }[] }
    const equal = answer.confirmations?.[0]?.equal
    return equal ?? answer.code ?? `HTTP status ${response.status}`
  }

  /** Holds a voucher's text against the chain, as the page does that verifies them: asking nodes alone. @throws PAYMENT_VOUCHER_MALFORMED */
  async verdictOf(text: string): Promise<VerificationVerdict> {
    const voucher = decodeVoucher(text)
    const network = paymentNetworkOf(this.#network.addressBook, ({ rpcUrls }) => rpcUrls)
    return (await verifyVoucher(voucher, { network, ...(await connectNodes(network)) })).verdict
  }

  async reconciliation(): Promise<{ exitCode: number | null; result: Reconciliation }> {
    const ended = await this.officeScript('reconcile')
    return { exitCode: ended.exitCode, result: documentOf<Reconciliation>(ended) }
  }

  tamper(change: (database: OfficeDatabase) => void): void {
    const database = new OfficeDatabase(this.#network.taxOffice.variables.TAX_OFFICE_DATABASE)
    try {
      change(database)
    } finally {
      database.close()
    }
  }

  get lookupPlace(): { indexer: string; addressBook: string } {
    return { indexer: this.#network.indexer.url, addressBook: this.#network.addressBookFile }
  }

  /** A file of the demonstration's folder, which goes with it. */
  fileNamed(name: string): string {
    return `${this.#network.folder}/${name}`
  }
}

/** The text with one character in its middle changed. */
export function withOneCharacterChanged(text: string): string {
  const middle = Math.floor(text.length / 2)
  return text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1)
}

/** Another amount, by somebody who knows the format: everything that can be made to fit does. */
export const withAnotherAmount = (voucher: PaymentVoucher, amountMinor: number): string =>
  encodeVoucher({ ...voucher, record: { ...voucher.record, amountMinor } })
