import { bytesToHex, hexToBytes, keccak256Hex } from '../../protocol/hex.ts'
import { entryKeyOf, isRevocationKey } from '../projections/credential-registry.ts'
import type { RevocationRow } from '../store/credential-store.ts'
import type { Store } from '../store/store.ts'
import { TABLES } from '../store/tables.ts'
import type { BesideKind } from './stored-beside.ts'

/** Beside a record of a registry of credentials there is one if that record revokes, and none otherwise. */
export const STORED_REVOCATIONS: BesideKind<RevocationRow, Pick<Store, 'listRevocations'>> = {
  read: (store, { contractId, author, to }, after, limit) =>
    store.listRevocations({ contractId, issuer: author, after, toBlock: to, limit }),
  contentOf: ({ credentialKey, reason, transactionHash }) => [credentialKey, reason, transactionHash].join(),
  isRight: ({ credentialKey, reason, transactionHash }, record) =>
    bytesToHex(entryKeyOf(hexToBytes(credentialKey), 'revocation')) === record.key &&
    keccak256Hex(hexToBytes(reason)) === record.digest &&
    transactionHash === record.transactionHash,
  nothing: ({ key }) => ({ content: '', isRight: !isRevocationKey(key) }),
  contentOfDraft: (row) =>
    ['credential_key', 'revocation_reason', 'transaction_hash']
      .map((column) => bytesToHex(row[TABLES.revocations.columns.indexOf(column)] as Uint8Array))
      .join(),
}
