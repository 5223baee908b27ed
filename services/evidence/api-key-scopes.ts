/** `store`: hands evidence in; `read`: gets it back; `verify`: has it checked, and learns what rechecks found; `revoke`: revokes and erases. */
export const EVIDENCE_SCOPES = ['store', 'read', 'verify', 'revoke'] as const
export type EvidenceScope = (typeof EVIDENCE_SCOPES)[number]
