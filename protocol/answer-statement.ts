import type { Address, Bytes32, Hex } from './hex.ts'
import { type Registry, registrySeparator } from './registry-domain.ts'
import { type Serial, serialToKey } from './serial.ts'
import { recoverSigner, signHash } from './signature.ts'
import { compileTypes, typedDataDigest } from './typed-data.ts'

/** What a provider puts its name to with every answer: this digest, and by when it will be on chain. */
export interface AnswerStatement extends Registry {
  serial: Serial
  provider: Address
  digest: Bytes32
  /** Unix seconds. */
  answeredAt: number
  /** Unix seconds: the promise of contemporaneous mode. Zero when the digest was on chain before the answer (strict mode). */
  recordBy: number
}

const ANSWER = compileTypes({
  Answer: [
    { name: 'serial', type: 'bytes32' },
    { name: 'provider', type: 'address' },
    { name: 'digest', type: 'bytes32' },
    { name: 'answeredAt', type: 'uint64' },
    { name: 'recordBy', type: 'uint64' },
  ],
})

/** The EIP-712 hash of `Answer(…)` in the registry's domain. */
export const answerStatementHash = ({
  serial,
  provider,
  digest,
  answeredAt,
  recordBy,
  ...registry
}: AnswerStatement): Bytes32 =>
  typedDataDigest(
    registrySeparator({ chainId: registry.chainId, registry: registry.registry }),
    ANSWER.hashStruct('Answer', { serial: serialToKey(serial), provider, digest, answeredAt, recordBy }),
  )

export const signAnswerStatement = (statement: AnswerStatement, privateKey: Bytes32): Hex =>
  signHash(answerStatementHash(statement), privateKey)

/** True when the provider named in the statement signed it. @throws SIGNATURE_MALFORMED */
export const isAnswerStatementSigned = (statement: AnswerStatement, signature: Hex): boolean =>
  recoverSigner(answerStatementHash(statement), signature) === statement.provider
