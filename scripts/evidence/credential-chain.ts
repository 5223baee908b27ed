import type { AddressBook } from '../../protocol/address-book.ts'
import { credentialNetworkOf } from '../../protocol/credentials/credential-network.ts'
import type { EvidenceCredential } from '../../protocol/credentials/evidence-credential.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import { DEFAULT_ADDRESS_BOOK } from '../../services/party/address-book-file.ts'
import { NodesDisagree } from '../../web/verification/agreeing-nodes.ts'
import { type ConnectedNodes, connectNodes } from '../../web/verification/nodes.ts'
import { type EvidenceVerification, verifyEvidence } from '../../web/verification/verify-evidence.ts'
import { findAddressBook } from '../address-book-file.ts'
import type { Found } from './credential-verifier.ts'

export interface ChainOptions {
  /** Nodes to ask instead of those that the address book names. */
  rpc: readonly string[]
  addressBook: string | undefined
  /** Instead of the address book's. */
  finalityDepth: number | undefined
  /** Whether to complain where no address book is. */
  isWanted: boolean
}

/** Nodes of the chains that the address book knows, asked about credentials. */
export class CredentialChain {
  readonly #network: PaymentNetwork
  readonly #nodes: ConnectedNodes

  constructor(network: PaymentNetwork, nodes: ConnectedNodes) {
    this.#network = network
    this.#nodes = nodes
  }

  /** Holds a credential, and a content where its hash is given, against the chain. @throws CHAIN_UNREACHABLE, CHAIN_UNKNOWN, CHAIN_MISMATCH */
  async check(credential: EvidenceCredential, contentHash: Bytes32 | undefined): Promise<Found> {
    const { nodeOf } = this.#nodes
    try {
      return foundBy(await verifyEvidence(credential, { network: this.#network, nodeOf, contentHash }))
    } catch (error) {
      if (!(error instanceof NodesDisagree)) throw error
      throw new CountersignError('CHAIN_UNREACHABLE', error.message, {
        cause: error,
        action: 'Name the node that you trust with --rpc.',
      })
    }
  }
}

function foundBy({ verdict, rule, checks, standing }: EvidenceVerification): Found {
  const reason = standing?.revocation?.reason ?? undefined
  const because = reason === undefined ? {} : { reason }
  if (verdict !== null) return { verdict, rule, checks, ...because }
  return { verdict: rule === 'content-not-checked' ? 'recorded' : 'refused', rule, checks }
}

/** Undefined where no address book says which registry and directory are genuine. @throws CONNECTION_UNKNOWN where it is wanted, CHAIN_UNREACHABLE */
export async function connectCredentialChain(options: ChainOptions): Promise<CredentialChain | undefined> {
  const { rpc, finalityDepth, isWanted } = options
  const file = options.addressBook ?? process.env.COUNTERSIGN_ADDRESS_BOOK ?? DEFAULT_ADDRESS_BOOK
  const book = findAddressBook(file)
  if (book === undefined) {
    if (!isWanted && options.addressBook === undefined) return undefined
    throw new CountersignError('CONNECTION_UNKNOWN', `there is no address book ${file}`, {
      action: 'Give --address-book: registry and directory have to come from somebody you trust.',
    })
  }
  const network = credentialNetworkOf(withDepth(book, finalityDepth), ({ rpcUrls }) =>
    rpc.length === 0 ? rpcUrls : [],
  )
  return new CredentialChain(network, await connectNodes(network, rpc))
}

const withDepth = (book: AddressBook, finalityDepth: number | undefined): AddressBook => ({
  ...book,
  ...(finalityDepth !== undefined && { chains: book.chains.map((chain) => ({ ...chain, finalityDepth })) }),
})
