import { CountersignError } from '../errors.ts'
import { bytesToHex, type Hex, hexToBytes } from '../hex.ts'
import { isVersion, MAX_PAYLOAD_BYTES, type PaymentOnChain } from './payment-entry.ts'

/** Order key, version, digest and payload length: what stands before each payload. */
const HEAD_BYTES = 32 + 4 + 32 + 2

/**
 * Payments as `publishPayments` takes them and `PaymentsPublished` carries them: for each
 * `orderKey (32) ‖ version (4, big endian) ‖ digest (32) ‖ payload length (2) ‖ payload`.
 * @throws PAYMENT_PUBLICATION_MALFORMED for a version or payload out of bounds; BATCH_EMPTY
 */
export function packPayments(payments: readonly PaymentOnChain[]): Hex {
  if (payments.length === 0)
    throw new CountersignError('BATCH_EMPTY', 'a publication has at least one payment')
  const payloads = payments.map(({ payload }) => hexToBytes(payload))
  const packed = new Uint8Array(payloads.reduce((sum, { length }) => sum + HEAD_BYTES + length, 0))
  const view = new DataView(packed.buffer)
  let at = 0
  payments.forEach(({ orderKey, version, digest }, i) => {
    const payload = payloads[i]!
    checkBounds(version, payload.length, i)
    packed.set(hexToBytes(orderKey, 32), at)
    view.setUint32(at + 32, version)
    packed.set(hexToBytes(digest, 32), at + 36)
    view.setUint16(at + 68, payload.length)
    packed.set(payload, at + HEAD_BYTES)
    at += HEAD_BYTES + payload.length
  })
  return bytesToHex(packed)
}

/** @throws PAYMENT_PUBLICATION_MALFORMED unless `packed` is at least one payment and nothing else */
export function unpackPayments(packed: Hex): PaymentOnChain[] {
  const bytes = hexToBytes(packed)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const payments: PaymentOnChain[] = []
  let at = 0
  while (at < bytes.length || payments.length === 0) {
    if (at + HEAD_BYTES > bytes.length) throw malformed(payments.length, 'ends too early')
    const version = view.getUint32(at + 32)
    const end = at + HEAD_BYTES + view.getUint16(at + 68)
    checkBounds(version, end - at - HEAD_BYTES, payments.length)
    if (end > bytes.length) throw malformed(payments.length, 'ends too early')
    payments.push({
      orderKey: bytesToHex(bytes.subarray(at, at + 32)),
      version,
      digest: bytesToHex(bytes.subarray(at + 36, at + 68)),
      payload: bytesToHex(bytes.subarray(at + HEAD_BYTES, end)),
    })
    at = end
  }
  return payments
}

function checkBounds(version: number, payloadBytes: number, index: number): void {
  if (!isVersion(version)) throw malformed(index, 'has a version that is no uint32 from 1')
  if (payloadBytes === 0 || payloadBytes > MAX_PAYLOAD_BYTES)
    throw malformed(index, `has a payload of ${payloadBytes} bytes; it may have 1 to ${MAX_PAYLOAD_BYTES}`)
}

const malformed = (index: number, what: string): CountersignError =>
  new CountersignError('PAYMENT_PUBLICATION_MALFORMED', `payment ${index} ${what}`)
