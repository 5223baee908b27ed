import { canonicalJson } from '../../../protocol/canonical-json.ts'
import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import {
  checkCredentialPlace,
  parseCredential,
  type ReadCredential,
  readCredential,
} from '../../../protocol/credentials/evidence-credential.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Address } from '../../../protocol/hex.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import type { Serial } from '../../../protocol/serial.ts'

/**
 * Checks that a client presents a credential of this issuer, for this id, whole and signed.
 * @param value as it stood in a JSON request: spaces and order do not count there
 * @throws CREDENTIAL_FOREIGN, CREDENTIAL_INVALID, PROOF_FILE_MALFORMED, PROOF_FILE_ALTERED
 */
export async function readPresentedCredential(
  value: unknown,
  expected: Registry & { issuer: Address; credentialId: Serial },
): Promise<ReadCredential> {
  const credential = parseCredential(`${canonicalText(value)}\n`)
  const content = readCredential(credential)
  checkCredentialPlace(content, expected)
  if (content.credentialId !== expected.credentialId)
    throw new CountersignError('CREDENTIAL_INVALID', 'the credential is of another id than the request')
  const { verdict, checks } = await verifyCredential(credential)
  if (verdict === null) {
    const failed = checks.find(({ outcome }) => outcome === 'failed')
    throw new CountersignError('CREDENTIAL_INVALID', failed?.detail ?? 'the credential proves nothing')
  }
  return content
}

function canonicalText(value: unknown): string {
  try {
    return canonicalJson(value)
  } catch {
    throw new CountersignError('CREDENTIAL_INVALID', 'the credential has no canonical JSON form (RFC 8785)')
  }
}
