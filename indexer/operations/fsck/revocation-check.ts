import { bytesToHex, type Hex, hexToBytes, keccak256Hex } from '../../../protocol/hex.ts'
import { entryKeyOf, isRevocationKey } from '../../projections/credential-registry.ts'
import type { CheckedBeside } from './beside-check.ts'
import type { DumpedRow } from './dump-line.ts'

/** What record and revocation must have in common: the issuer, the credential, and the reason that the digest is the hash of. */
export const REVOCATIONS_BESIDE: CheckedBeside = {
  table: 'revocations',
  kind: 'CredentialRegistry',
  isDue: (record) => isRevocationKey(columnsOf(record)[1] as Hex),
  whenMissing: 'it revokes a credential, and has no reason',
  faultOf(row, record) {
    const [issuer, credentialKey, reason] = columnsOf(row)
    const [author, key, digest] = columnsOf(record)
    if (issuer !== author) return 'it is of another issuer than its record'
    if (bytesToHex(entryKeyOf(hexToBytes(credentialKey as Hex), 'revocation')) !== key)
      return 'it is of another credential than its record'
    return keccak256Hex(hexToBytes(reason as Hex)) === digest
      ? undefined
      : 'its reason is not that of its record'
  },
}

/** After table, position and contract. */
const columnsOf = ({ line }: DumpedRow): string[] => line.split(' ', 9).slice(6)
