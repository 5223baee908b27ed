import { Webhook as Signer } from 'standardwebhooks'
import { takeRandomBytes } from '../../protocol/random.ts'

const SECRET_BYTES = 32

/** A new signing secret as the Standard Webhooks specification writes it. */
export const newWebhookSecret = (): string =>
  `whsec_${Buffer.from(takeRandomBytes(SECRET_BYTES)).toString('base64')}`

/** The three headers of the Standard Webhooks specification. `id` stays over all attempts, the time is of this one. */
export function signedHeaders(
  secret: string,
  id: string,
  body: string,
  now = new Date(),
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Signer(secret).sign(id, now, body),
  }
}
