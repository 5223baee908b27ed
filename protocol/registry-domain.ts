import type { Address } from './hex.ts'
import { domainSeparator, type TypedDomain } from './typed-data.ts'

/** The EIP-712 domain that binds a digest to one chain and one registry. */
export interface Registry {
  chainId: number
  /** The registry contract. */
  registry: Address
}

const registryDomain = ({ chainId, registry }: Registry): TypedDomain => ({
  name: 'Countersign',
  version: '1',
  chainId,
  verifyingContract: registry,
})

/** The domain separator of a registry, kept: a party meets few registries and hashes in them all day. */
export function registrySeparator(registry: Registry): Uint8Array {
  const name = `${registry.chainId}:${registry.registry}`
  let separator = separators.get(name)
  if (separator === undefined) {
    if (separators.size >= MAX_SEPARATORS) separators.clear()
    separator = domainSeparator(registryDomain(registry))
    separators.set(name, separator)
  }
  return separator
}

const MAX_SEPARATORS = 256
const separators = new Map<string, Uint8Array>()
