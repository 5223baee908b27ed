import { type Address, type Bytes32, type Hex, ZERO_BYTES32 } from './hex.ts'
import { type Registry, registrySeparator } from './registry-domain.ts'
import { type Serial, serialToKey } from './serial.ts'
import { recoverSigner, signHash } from './signature.ts'
import { compileTypes, typedDataDigest } from './typed-data.ts'

/** What a provider puts its name to when audited: the digests of what it keeps of that serial now, under the same salt. */
export interface AuditStatement extends Registry {
  serial: Serial
  provider: Address
  /** Digest of the answer it keeps. Zero once erased. */
  storedDigest: Bytes32
  /** Digest of the answer it derives anew from the source rows it keeps. Zero once erased. */
  derivedDigest: Bytes32
  /** From the audit request, so that an old statement cannot serve again. */
  nonce: Bytes32
  /** Unix seconds. */
  answeredAt: number
}

const AUDIT_ANSWER = compileTypes({
  AuditAnswer: [
    { name: 'serial', type: 'bytes32' },
    { name: 'provider', type: 'address' },
    { name: 'storedDigest', type: 'bytes32' },
    { name: 'derivedDigest', type: 'bytes32' },
    { name: 'nonce', type: 'bytes32' },
    { name: 'answeredAt', type: 'uint64' },
  ],
})

/** The EIP-712 hash of `AuditAnswer(…)` in the registry's domain. */
export const auditStatementHash = (statement: AuditStatement): Bytes32 =>
  typedDataDigest(
    registrySeparator({ chainId: statement.chainId, registry: statement.registry }),
    AUDIT_ANSWER.hashStruct('AuditAnswer', { ...statement, serial: serialToKey(statement.serial) }),
  )

export const signAuditStatement = (statement: AuditStatement, privateKey: Bytes32): Hex =>
  signHash(auditStatementHash(statement), privateKey)

/** True when the provider named in the statement signed it. @throws SIGNATURE_MALFORMED */
export const isAuditStatementSigned = (statement: AuditStatement, signature: Hex): boolean =>
  recoverSigner(auditStatementHash(statement), signature) === statement.provider

export const isErased = ({
  storedDigest,
  derivedDigest,
}: Pick<AuditStatement, 'storedDigest' | 'derivedDigest'>): boolean =>
  storedDigest === ZERO_BYTES32 && derivedDigest === ZERO_BYTES32
