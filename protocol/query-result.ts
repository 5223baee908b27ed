import type { Address, Bytes32 } from './hex.ts'
import { type Registry, registrySeparator } from './registry-domain.ts'
import { type Serial, serialToKey } from './serial.ts'
import { compileTypes, typedDataDigest } from './typed-data.ts'

const QUERY_RESULT = compileTypes({
  QueryResult: [
    { name: 'serial', type: 'bytes32' },
    { name: 'provider', type: 'address' },
    { name: 'contentHash', type: 'bytes32' },
    { name: 'salt', type: 'bytes32' },
  ],
})

export interface QueryResult extends Registry {
  serial: Serial
  provider: Address
  /** `keccak256(JCS(result))`, of a result that contains its serial. */
  contentHash: Bytes32
  salt: Bytes32
}

/**
 * The digest that goes on chain: the EIP-712 hash of `QueryResult(bytes32 serial,address provider,bytes32 contentHash,bytes32 salt)`
 * in the registry's domain. One-way, and bound to one chain, one registry, one provider and one serial.
 */
export const queryResultDigest = ({
  serial,
  provider,
  contentHash,
  salt,
  ...registry
}: QueryResult): Bytes32 =>
  typedDataDigest(
    registrySeparator(registry),
    QUERY_RESULT.hashStruct('QueryResult', { serial: serialToKey(serial), provider, contentHash, salt }),
  )
