/** `upload`: hands payments in and sees what became of them; `slips`: gets lookup codes. */
export const OFFICE_SCOPES = ['upload', 'slips'] as const
export type OfficeScope = (typeof OFFICE_SCOPES)[number]
