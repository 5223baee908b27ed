import { eventTopic } from '../event-topic.ts'
import type { Bytes32 } from '../hex.ts'

export const CREDENTIAL_ISSUED_TOPIC: Bytes32 = eventTopic('CredentialIssued(bytes32,address,bytes32)')
export const CREDENTIAL_EXPIRY_SET_TOPIC: Bytes32 = eventTopic('CredentialExpirySet(bytes32,address,uint64)')
export const CREDENTIAL_REVOKED_TOPIC: Bytes32 = eventTopic('CredentialRevoked(bytes32,address,string)')
export const PUBLISHED_TOPIC: Bytes32 = eventTopic('Published(bytes32,address,(bytes32,bytes32)[])')
export const ANCHORED_TOPIC: Bytes32 = eventTopic('Anchored(bytes32,address,uint64,string)')

/** How a credential came onto the chain: with a slot of its own, in an event, or as a leaf under a root. */
export const CREDENTIAL_TIERS = ['recorded', 'published', 'anchored'] as const
export type CredentialTier = (typeof CREDENTIAL_TIERS)[number]
