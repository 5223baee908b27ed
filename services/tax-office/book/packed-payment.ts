import type { Bytes32 } from '../../../protocol/hex.ts'

/** Order key (32), version (4), digest (32) and payload length (2): what stands before the payload. */
const HEAD_BYTES = 70

export interface PackedParts {
  orderKey: Uint8Array
  version: number
  digest: Uint8Array
  payload: Uint8Array
}

/**
 * A payment as `publishPayments` takes it, and as the outbox keeps it: `orderKey ‖ version ‖ digest ‖ payload length ‖ payload`.
 * Bytes all the way: an upload packs and unpacks every record.
 */
export function packPayment(
  orderKey: Uint8Array,
  version: number,
  digest: Bytes32,
  payload: Uint8Array,
): Buffer {
  const packed = Buffer.alloc(HEAD_BYTES + payload.length)
  packed.set(orderKey)
  packed.writeUInt32BE(version, 32)
  packed.write(digest.slice(2), 36, 'hex')
  packed.writeUInt16BE(payload.length, 68)
  packed.set(payload, HEAD_BYTES)
  return packed
}

export function unpackPayment(packed: Uint8Array): PackedParts {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length)
  return {
    orderKey: bytes.subarray(0, 32),
    version: bytes.readUInt32BE(32),
    digest: bytes.subarray(36, 68),
    payload: bytes.subarray(HEAD_BYTES),
  }
}
