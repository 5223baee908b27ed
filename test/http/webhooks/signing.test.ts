import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { newWebhookSecret, signedHeaders } from '../../../http/webhooks/signing.ts'

describe('signedHeaders', () => {
  it('makes the signature of the reference vector of Standard Webhooks', () => {
    const now = new Date(1_614_265_330_000)
    const headers = signedHeaders(
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      '{"test": 2432232314}',
      now,
    )
    expect(headers).to.deep.equal({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  it('is verified by the library, and not with another body, id, time or secret', () => {
    const secret = newWebhookSecret()
    const body = JSON.stringify({ type: 'record.added', name: 'žluťoučký' })
    const headers = signedHeaders(secret, 'record-1-aa-0-0-added-5', body)
    const verify =
      (changed: object, text = body, key = secret) =>
      () =>
        new Webhook(key).verify(text, { ...headers, ...changed })
    expect(verify({})()).to.deep.equal(JSON.parse(body))
    expect(verify({}, `${body} `)).to.throw('No matching signature')
    expect(verify({ 'webhook-id': 'record-1-aa-0-0-added-6' })).to.throw('No matching signature')
    expect(verify({ 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 1) })).to.throw()
    expect(verify({}, body, newWebhookSecret())).to.throw('No matching signature')
  })

  it('has secrets of 32 bytes, each another', () => {
    const [one, two] = [newWebhookSecret(), newWebhookSecret()]
    expect(one).to.match(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(one).to.not.equal(two)
  })
})
