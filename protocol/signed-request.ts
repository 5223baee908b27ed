import { CountersignError } from './errors.ts'
import {
  type Address,
  type Bytes32,
  type Hex,
  isBytes32,
  keccak256Hex,
  randomBytes32,
  toAddress,
} from './hex.ts'
import { recoverSigner, signHash } from './signature.ts'
import { compileTypes, domainSeparator, typedDataDigest } from './typed-data.ts'

export const REQUEST_HEADERS = {
  sender: 'countersign-sender',
  expires: 'countersign-expires',
  nonce: 'countersign-nonce',
  signature: 'countersign-signature',
} as const

/** A signed request lives this long at most, in seconds, whatever it asks for: it bounds how long nonces are kept. */
export const MAX_REQUEST_LIFETIME_S = 300

const SEPARATOR = domainSeparator({ name: 'Countersign', version: '1' })
const REQUEST = compileTypes({
  Request: [
    { name: 'sender', type: 'address' },
    { name: 'recipient', type: 'address' },
    { name: 'method', type: 'string' },
    { name: 'path', type: 'string' },
    { name: 'bodyHash', type: 'bytes32' },
    { name: 'expiresAt', type: 'uint64' },
    { name: 'nonce', type: 'bytes32' },
  ],
})

interface RequestContent {
  /** Upper case. */
  method: string
  /** With the query string, as sent. */
  path: string
  /** The raw bytes; empty for none. */
  body: Uint8Array
  recipient: Address
}

export interface RequestToSign extends RequestContent {
  sender: Address
  privateKey: Bytes32
  /** Unix seconds. */
  expiresAt: number
  nonce?: Bytes32
}

/** The four headers that sign a request between parties: EIP-712, bound to sender, recipient, method, path, body, expiry and nonce. */
export function signRequest(request: RequestToSign): Record<string, string> {
  const nonce = request.nonce ?? randomBytes32()
  const hash = requestHash(request, request.sender, request.expiresAt, nonce)
  return {
    [REQUEST_HEADERS.sender]: request.sender,
    [REQUEST_HEADERS.expires]: String(request.expiresAt),
    [REQUEST_HEADERS.nonce]: nonce,
    [REQUEST_HEADERS.signature]: signHash(hash, request.privateKey),
  }
}

export interface ReceivedRequest extends RequestContent {
  headers: Record<string, string | string[] | undefined>
  /** Unix seconds. */
  now: number
}
export interface RequestSender {
  sender: Address
  nonce: Bytes32
  expiresAt: number
}

/**
 * Checks signature and expiry. Whether the nonce was seen before (REQUEST_REPLAYED), and whether the sender may ask, is the server's to check.
 * @throws REQUEST_SIGNATURE_MISSING, REQUEST_EXPIRED, REQUEST_SIGNATURE_INVALID
 */
export function verifyRequest(request: ReceivedRequest): RequestSender {
  const header = (name: string): string => {
    const value = request.headers[name]
    if (typeof value !== 'string')
      throw new CountersignError('REQUEST_SIGNATURE_MISSING', `header ${name} is missing`)
    return value
  }
  const expires = header(REQUEST_HEADERS.expires)
  const nonce = header(REQUEST_HEADERS.nonce)
  const signature = header(REQUEST_HEADERS.signature)
  if (!/^\d{1,12}$/.test(expires) || !isBytes32(nonce))
    throw new CountersignError(
      'REQUEST_SIGNATURE_INVALID',
      'expiry is unix seconds, the nonce 32 bytes in lower-case hex',
    )
  const sender = toAddress(header(REQUEST_HEADERS.sender))
  const expiresAt = Number(expires)
  if (expiresAt < request.now)
    throw new CountersignError('REQUEST_EXPIRED', `the request expired at ${expiresAt}, it is ${request.now}`)
  if (expiresAt > request.now + MAX_REQUEST_LIFETIME_S)
    throw new CountersignError(
      'REQUEST_SIGNATURE_INVALID',
      `the request expires more than ${MAX_REQUEST_LIFETIME_S} s from now`,
    )
  if (recoverOrRefuse(requestHash(request, sender, expiresAt, nonce), signature as Hex) !== sender)
    throw new CountersignError(
      'REQUEST_SIGNATURE_INVALID',
      `the signature is not ${sender}'s over this request to ${request.recipient}`,
    )
  return { sender, nonce, expiresAt }
}

function recoverOrRefuse(hash: Bytes32, signature: Hex): Address {
  try {
    return recoverSigner(hash, signature)
  } catch (cause) {
    throw new CountersignError(
      'REQUEST_SIGNATURE_INVALID',
      `the signature is malformed: ${(cause as Error).message}`,
      { cause },
    )
  }
}

const requestHash = (content: RequestContent, sender: Address, expiresAt: number, nonce: Bytes32): Bytes32 =>
  typedDataDigest(
    SEPARATOR,
    REQUEST.hashStruct('Request', {
      sender,
      recipient: content.recipient,
      method: content.method,
      path: content.path,
      bodyHash: keccak256Hex(content.body),
      expiresAt,
      nonce,
    }),
  )
