import { RECORD_BOOK_ABI } from './record-book.ts'

/** Human-readable ABI (ethers); tested equal to the compiled contract. */
export const PAYMENT_RECORD_REGISTRY_ABI = [
  ...RECORD_BOOK_ABI,
  'function recordPayment(bytes32 orderKey, uint32 version, bytes32 digest, bytes payload)',
  'function recordPayments((bytes32 orderKey, uint32 version, bytes32 digest, bytes payload)[] payments)',
  'function recordPaymentsFor(address office, (bytes32 orderKey, uint32 version, bytes32 digest, bytes payload)[] payments, uint256 deadline, bytes signature)',
  'function publishPayments(bytes payments) returns (bytes32 root)',
  'function latestVersionOf(address office, bytes32 orderKey) view returns (uint32)',
  'function paymentKey(bytes32 orderKey, uint32 version) pure returns (bytes32)',
  'function paymentEntryDigest(bytes32 digest, bytes payload) pure returns (bytes32)',
  'event PaymentRecorded(bytes32 indexed orderKey, address indexed office, uint32 version, bytes32 digest, bytes payload)',
  'event PaymentsPublished(bytes32 indexed root, address indexed office, bytes payments)',
  'error RawEntryRefused()',
  'error PaymentVersionZero(uint256 position)',
  'error PaymentVersionSkipped(address office, bytes32 orderKey, uint32 version)',
  'error PaymentPayloadEmpty(uint256 position)',
  'error PaymentPayloadTooLong(uint256 position, uint256 length)',
  'error PackedPaymentIncomplete(uint256 offset, uint256 length)',
] as const
