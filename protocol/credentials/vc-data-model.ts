/** @throws CREDENTIAL_INVALID naming the member and the rule */
export function checkCredentialDocument(_value: unknown): void {}

/** @throws CREDENTIAL_INVALID naming the member and the rule */
export function checkPresentationDocument(_value: unknown): void {}
