import type { Address } from '../../protocol/hex.ts'
import { utf8ToBytes } from '../../protocol/hex.ts'
import { newSerial } from '../../protocol/serial.ts'
import { signRequest } from '../../protocol/signed-request.ts'
import { developmentKey } from '../../services/party/development-keys.ts'

const STRANGER = 30

/** Asks a provider as a proxy would, with a good signature of an account that the directory does not know. Returns the HTTP status. */
export async function unregisteredRequest(providerUrl: string, recipient: Address): Promise<number> {
  const { address: sender, privateKey } = developmentKey(STRANGER)
  const path = '/v1/answers'
  const body = JSON.stringify({ serial: newSerial(), type: 'loan', subject: 'any', disclosure: 'result' })
  const expiresAt = Math.floor(Date.now() / 1000) + 30
  const headers = signRequest({
    method: 'POST',
    path,
    body: utf8ToBytes(body),
    recipient,
    sender,
    privateKey,
    expiresAt,
  })
  const response = await fetch(`${providerUrl}${path}`, {
    method: 'POST',
    body,
    headers: { ...headers, 'content-type': 'application/json' },
  })
  return response.status
}
