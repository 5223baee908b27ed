import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CountersignError } from '../../protocol/errors.ts'
import type { LookupCode } from '../../protocol/payments/lookup-code.ts'
import { orderKeyOf, readOrderId } from '../../protocol/payments/order-id.ts'
import { type PaymentNetwork, paymentNetworkOf } from '../../protocol/payments/payment-network.ts'
import { askIndexer } from '../../web/order/ask-indexer.ts'
import type { HeadAnswer } from '../../web/order/order-answer.ts'
import { type ReadHistory, readHistory } from '../../web/order/read-history.ts'
import type { ChainAnswer } from '../../web/order/version-steps.ts'
import { type Absence, askAbsence } from '../../web/verification/ask-absence.ts'
import { askChain } from '../../web/verification/ask-chain.ts'
import { findAddressBook } from '../address-book-file.ts'
import { LOCAL_STATE_FILE, type LocalState } from '../cli/connection.ts'

export interface LookupOptions {
  order: string
  indexer?: string
  addressBook?: string
  rpc?: string[]
}

export const withLookupOptions = (command: Command): Command =>
  command
    .requiredOption('--order <id>', 'order id, as on the slip')
    .option(
      '--indexer <url>',
      'the indexer to ask; default COUNTERSIGN_INDEXER_URL, or the one npm start runs',
    )
    .option(
      '--address-book <file>',
      'where registry, directory and nodes are; default COUNTERSIGN_ADDRESS_BOOK or .countersign/address-book.json',
    )
    .option('--rpc <url...>', 'nodes to ask in place of those of the address book; all have to agree')

/** Versions of one office, with what the chain says of each. */
export interface VerifiedHistory extends ReadHistory {
  /** By entry digest. */
  chain: ReadonlyMap<string, ChainAnswer>
}

export interface FoundOrder {
  orderId: string
  /** The page's address, too. */
  indexerUrl: string
  histories: VerifiedHistory[]
  /** Of the offices, when nothing was found. */
  heads: HeadAnswer[]
  /** What the chain itself says then; null when something was found. */
  absence: Absence | null
  /** The indexer has more versions than it shows. */
  truncated: boolean
}

/**
 * Looks an order up as the page of payers does: asks the indexer by the order's key, opens and derives everything here, and holds it
 * against the chain through its nodes.
 * @throws ORDER_ID_MALFORMED, INDEXER_UNREACHABLE, CONNECTION_UNKNOWN, and for what was not found CHAIN_UNREACHABLE
 */
export async function lookUpOrder(options: LookupOptions, code?: LookupCode): Promise<FoundOrder> {
  const orderId = readOrderId(options.order)
  const indexerUrl = indexerUrlOf(options)
  const network = networkOf(options)
  const answer = await askIndexer(indexerUrl, orderKeyOf(orderId))
  if (answer.outcome === 'not-found') {
    const { heads } = answer
    const absence = await askAbsence(heads, orderKeyOf(orderId), network, options.rpc)
    return { orderId, indexerUrl, histories: [], heads, absence, truncated: false }
  }
  const histories: VerifiedHistory[] = []
  for (const said of answer.histories) {
    const history = readHistory(said, orderId, code)
    const chain = new Map<string, ChainAnswer>()
    const keep = (entryDigest: string, found: ChainAnswer) => void chain.set(entryDigest, found)
    // Anybody may write any number of records under any order id: a node is asked about those of offices alone.
    if (said.registered)
      await askChain(history, network, keep, options.rpc === undefined ? {} : { ownNodes: options.rpc })
    histories.push({ ...history, chain })
  }
  return { orderId, indexerUrl, histories, heads: [], absence: null, truncated: answer.truncated }
}

function indexerUrlOf({ indexer = process.env.COUNTERSIGN_INDEXER_URL }: LookupOptions): string {
  if (indexer === undefined && existsSync(LOCAL_STATE_FILE))
    return (JSON.parse(readFileSync(LOCAL_STATE_FILE, 'utf8')) as LocalState).indexerUrl
  if (indexer !== undefined && URL.canParse(indexer)) return indexer.replace(/\/+$/, '')
  throw new CountersignError('CONNECTION_UNKNOWN', 'it is not known which indexer to ask', {
    action: 'Give --indexer or COUNTERSIGN_INDEXER_URL, or run npm start in another terminal.',
  })
}

function networkOf({ addressBook, rpc }: LookupOptions): PaymentNetwork {
  const file = addressBook ?? process.env.COUNTERSIGN_ADDRESS_BOOK ?? '.countersign/address-book.json'
  const book = findAddressBook(file)
  if (book === undefined)
    throw new CountersignError('CONNECTION_UNKNOWN', `there is no address book ${file}`, {
      action: 'Give --address-book: registry and directory have to come from somebody you trust.',
    })
  return paymentNetworkOf(book, ({ rpcUrls }) => (rpc === undefined ? rpcUrls : []))
}
