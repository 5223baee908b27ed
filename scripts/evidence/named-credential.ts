import { readCredential } from '../../protocol/credentials/evidence-credential.ts'
import { SERIAL_PATTERN, type Serial } from '../../protocol/serial.ts'
import { readCredentialFile } from './credential-file.ts'

const SERIAL = new RegExp(SERIAL_PATTERN)

/** The id that an argument names: itself, or that in a credential file. @throws FILE_UNREADABLE, PROOF_FILE_*, CREDENTIAL_INVALID */
export const credentialIdOf = async (argument: string): Promise<Serial> =>
  SERIAL.test(argument) ? argument : readCredential(await readCredentialFile(argument)).credentialId
