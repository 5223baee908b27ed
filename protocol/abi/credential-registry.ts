import { RECORD_BOOK_ABI } from './record-book.ts'

/** Human-readable ABI (ethers); tested equal to the compiled contract. */
export const CREDENTIAL_REGISTRY_ABI = [
  ...RECORD_BOOK_ABI,
  'function issue(bytes32 credentialId, bytes32 digest, uint64 expiresAt)',
  'function issueBatch((bytes32 credentialId, bytes32 digest, uint64 expiresAt)[] credentials)',
  'function issueFor(address issuer, (bytes32 credentialId, bytes32 digest, uint64 expiresAt)[] credentials, uint256 deadline, bytes signature)',
  'function revoke(bytes32 credentialId, string reason)',
  'function revokeBatch((bytes32 credentialId, string reason)[] revocations)',
  'function revokeFor(address issuer, (bytes32 credentialId, string reason)[] revocations, uint256 deadline, bytes signature)',
  'function stateOf(address issuer, bytes32 credentialId) view returns (uint8)',
  'function expiresAtOf(address issuer, bytes32 credentialId) view returns (uint64)',
  'function revocationOf(address issuer, bytes32 credentialId) view returns (bytes32)',
  'event CredentialIssued(bytes32 indexed credentialId, address indexed issuer, bytes32 digest)',
  'event CredentialExpirySet(bytes32 indexed credentialId, address indexed issuer, uint64 expiresAt)',
  'event CredentialRevoked(bytes32 indexed credentialId, address indexed issuer, string reason)',
  'error CredentialIdInvalid(bytes32 credentialId)',
  'error CredentialExpiryPast(bytes32 credentialId, uint64 expiresAt, uint256 blockTimestamp)',
  'error CredentialAlreadyRevoked(address issuer, bytes32 credentialId, bytes32 reasonHash)',
  'error RevocationReasonInvalid(bytes32 credentialId, uint256 length)',
] as const
