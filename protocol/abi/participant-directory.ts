/** Human-readable ABI (ethers); tested equal to the compiled contract. */
export const PARTICIPANT_DIRECTORY_ABI = [
  'function register(address account, uint256 roles, string name, string endpoint, string metadataURI)',
  'function update(address account, uint256 roles, string name, string endpoint, string metadataURI)',
  'function setStatus(address account, uint8 status)',
  'function setBook(address account, uint8 role, uint64 chainId, address registry)',
  'function participantOf(address account) view returns ((uint256 roles, uint8 status, uint64 registeredAt, uint64 changedAt, string name, string endpoint, string metadataURI))',
  'function bookOf(address account, uint8 role) view returns ((uint64 chainId, address registry))',
  'function participantCount() view returns (uint256)',
  'function participants(uint256 offset, uint256 limit) view returns (address[])',
  'function hasRole(address account, uint8 role) view returns (bool)',
  'function statusAt(address account, uint48 timestamp) view returns (uint8)',
  'event ParticipantRegistered(address indexed account, uint256 roles, string name, string endpoint, string metadataURI)',
  'event ParticipantUpdated(address indexed account, uint256 roles, string name, string endpoint, string metadataURI)',
  'event ParticipantStatusChanged(address indexed account, uint8 status)',
  'event ParticipantBookSet(address indexed account, uint8 indexed role, uint64 chainId, address registry)',
] as const
