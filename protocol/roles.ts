/** Role bits of the participant directory, by number. */
export const ROLES = {
  provider: 0,
  proxy: 1,
  taxOffice: 2,
  credentialIssuer: 3,
  client: 4,
  endorser: 5,
  computeNode: 6,
  dataOwner: 7,
  dataDemander: 8,
} as const
export type Role = keyof typeof ROLES

export const roleMask = (roles: readonly Role[]): bigint =>
  roles.reduce((mask, role) => mask | (1n << BigInt(ROLES[role])), 0n)

export const rolesOf = (mask: bigint): Role[] =>
  (Object.keys(ROLES) as Role[]).filter((role) => (mask >> BigInt(ROLES[role])) & 1n)

/** By the number that the contract's `Status` has. */
export const PARTICIPANT_STATUSES = ['none', 'active', 'suspended', 'retired'] as const
export type ParticipantStatus = (typeof PARTICIPANT_STATUSES)[number]
