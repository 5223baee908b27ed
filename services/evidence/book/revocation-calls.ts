import { Interface } from 'ethers'
import { CREDENTIAL_REVOKED_TOPIC } from '../../../protocol/credentials/credential-event.ts'
import { type Bytes32, bytesToHex, hexToBytes } from '../../../protocol/hex.ts'
import { GAS_OF_RECORDING, type RegistryCalls } from '../../party/book-writer/registry-calls.ts'

/** The book writer's group of revocations: they go in transactions of their own, whatever tier the credentials have. */
export const REVOCATIONS = 'revocations'

const REVOKE_BATCH = new Interface([
  'function revokeBatch((bytes32 credentialId, string reason)[] revocations)',
])
const WORD = 32
/** Id, offset of the tuple, offset, length and hash of the reason. */
const WORDS_AROUND_REASON = 5
/** A slot and an event. */
const GAS_PER_REVOCATION = 30_000
/** Call data, event and memory. */
const GAS_PER_REASON_BYTE = 36

const padded = (length: number): number => Math.ceil(length / WORD) * WORD

/** The key of a revocation ends in 1, that of its credential in 0. */
function credentialKeyOf(key: Bytes32): Bytes32 {
  const bytes = hexToBytes(key, 32)
  bytes[31] = 0
  return bytesToHex(bytes)
}

/** `revokeBatch(Revocation[])`; an entry's content is the reason's UTF-8. */
export const revocationCalls: RegistryCalls = {
  keepsSlots: true,
  checksOrder: false,
  gasOfCall: GAS_OF_RECORDING,
  event: { topic: CREDENTIAL_REVOKED_TOPIC, firstOf: credentialKeyOf },
  encode: (entries) =>
    hexToBytes(
      REVOKE_BATCH.encodeFunctionData('revokeBatch', [
        entries.map(({ key, content }) => ({
          credentialId: credentialKeyOf(key),
          reason: Buffer.from(content!).toString('utf8'),
        })),
      ]),
    ),
  gasOf: ({ content }) => GAS_PER_REVOCATION + GAS_PER_REASON_BYTE * padded(content!.length),
  bytesOf: ({ content }) => WORDS_AROUND_REASON * WORD + padded(content!.length),
}
