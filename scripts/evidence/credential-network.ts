import type { AddressBook } from '../../protocol/address-book.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'

interface Choice {
  /** Whether the book's own nodes are asked. */
  isNamingNodes: boolean
  /** Blocks, instead of what the book says. */
  finalityDepth: number | undefined
}

/** The chains on which credentials are recorded, and that of the directory, in the form that nodes are asked by. */
export const credentialNetworkOf = (
  { directory, chains }: AddressBook,
  { isNamingNodes, finalityDepth }: Choice,
): PaymentNetwork => ({
  directory,
  chains: chains
    .map((chain) => ({
      chainId: chain.chainId,
      name: chain.name,
      registry: chain.contracts.CredentialRegistry?.address ?? null,
      finalityDepth: finalityDepth ?? chain.finalityDepth,
      finalizedTag: chain.finalizedTag === true,
      ...(chain.maxHeadAge === undefined ? {} : { maxHeadAge: chain.maxHeadAge }),
      rpcUrls: isNamingNodes ? chain.rpcUrls : [],
    }))
    .filter(({ chainId, registry }) => registry !== null || chainId === directory.chainId),
})
