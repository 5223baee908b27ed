import { expect } from 'chai'
import { ethers } from 'ethers'
import { type Bytes32, toAddress, utf8ToBytes } from '../../protocol/hex.ts'
import { addressOf } from '../../protocol/signature.ts'
import {
  MAX_REQUEST_LIFETIME_S,
  REQUEST_HEADERS,
  type ReceivedRequest,
  signRequest,
  verifyRequest,
} from '../../protocol/signed-request.ts'
import { expectError } from '../support/expect-error.ts'

const privateKey = ethers.id('a proxy') as Bytes32
const sender = addressOf(privateKey)
const recipient = addressOf(ethers.id('a provider') as Bytes32)
const now = 1_800_000_000

function received(changes: Partial<ReceivedRequest> = {}, expiresAt = now + 30): ReceivedRequest {
  const content = { method: 'POST', path: '/v1/answers', body: utf8ToBytes('{"a":1}'), recipient }
  return { ...content, headers: signRequest({ ...content, sender, privateKey, expiresAt }), now, ...changes }
}

describe('signed request', () => {
  it('names its sender', () => {
    const request = received()
    expect(verifyRequest(request)).to.deep.equal({
      sender,
      nonce: request.headers[REQUEST_HEADERS.nonce],
      expiresAt: now + 30,
    })
  })

  it('has a nonce of its own', () => {
    expect(verifyRequest(received()).nonce).to.not.equal(verifyRequest(received()).nonce)
  })

  for (const [what, changes] of Object.entries({
    method: { method: 'PUT' },
    path: { path: '/v1/audit-answers' },
    body: { body: utf8ToBytes('{"a":2}') },
    recipient: { recipient: sender },
  }))
    it(`is bound to its ${what}`, () => {
      expectError(() => verifyRequest(received(changes)), 'REQUEST_SIGNATURE_INVALID')
    })

  const headers = (change: Record<string, string | undefined>) => ({
    headers: { ...received().headers, ...change },
  })
  it('is bound to its sender, expiry and nonce', () => {
    const other = toAddress(`0x${'11'.repeat(20)}`)
    expectError(
      () => verifyRequest(received(headers({ [REQUEST_HEADERS.sender]: other }))),
      'REQUEST_SIGNATURE_INVALID',
    )
    expectError(
      () => verifyRequest(received(headers({ [REQUEST_HEADERS.expires]: String(now + 31) }))),
      'REQUEST_SIGNATURE_INVALID',
    )
    expectError(
      () => verifyRequest(received(headers({ [REQUEST_HEADERS.nonce]: ethers.id('other') }))),
      'REQUEST_SIGNATURE_INVALID',
    )
  })

  it('expires', () => {
    expect(verifyRequest(received({}, now)).expiresAt).to.equal(now)
    expectError(() => verifyRequest(received({}, now - 1)), 'REQUEST_EXPIRED')
  })

  it('lives no longer than the limit', () => {
    expectError(
      () => verifyRequest(received({}, now + MAX_REQUEST_LIFETIME_S + 1)),
      'REQUEST_SIGNATURE_INVALID',
    )
  })

  for (const name of Object.values(REQUEST_HEADERS))
    it(`is refused without ${name}`, () => {
      expectError(() => verifyRequest(received(headers({ [name]: undefined }))), 'REQUEST_SIGNATURE_MISSING')
    })

  it('is refused with malformed headers', () => {
    expectError(
      () => verifyRequest(received(headers({ [REQUEST_HEADERS.signature]: '0x12' }))),
      'REQUEST_SIGNATURE_INVALID',
    )
    expectError(
      () => verifyRequest(received(headers({ [REQUEST_HEADERS.expires]: '1e9' }))),
      'REQUEST_SIGNATURE_INVALID',
    )
    expectError(
      () => verifyRequest(received(headers({ [REQUEST_HEADERS.nonce]: '7' }))),
      'REQUEST_SIGNATURE_INVALID',
    )
    expectError(
      () => verifyRequest(received(headers({ [REQUEST_HEADERS.sender]: 'me' }))),
      'ADDRESS_MALFORMED',
    )
  })
})
