import { type Address, type Bytes32, bytesToHex, isSameAddress } from '../hex.ts'
import { rawData, rawObject } from '../raw-rpc.ts'
import { CREDENTIAL_REVOKED_TOPIC } from './credential-event.ts'
import { MAX_REASON_BYTES } from './revocation-reason.ts'

/** The registry takes one revocation; a node that gives more is not believed for their number. */
const LOGS_AT_MOST = 8

/** The parameter of `eth_getLogs` that asks for the revocation of one credential of one issuer. @param key see `credentialKey` */
export const revocationFilter = (registry: Address, issuer: Address, key: Bytes32) => ({
  address: registry,
  fromBlock: '0x0',
  toBlock: 'latest',
  topics: [CREDENTIAL_REVOKED_TOPIC, key, `0x${'0'.repeat(24)}${issuer.slice(2).toLowerCase()}`],
})

/** The reasons in what a node answered to {@link revocationFilter}. What is not of the form is passed over: the book has the hash. */
export function reasonsIn(answer: unknown, registry: Address): string[] {
  if (!Array.isArray(answer)) return []
  return answer.slice(0, LOGS_AT_MOST).flatMap((item) => {
    try {
      const log = rawObject(item, 'log')
      if (!isSameAddress(bytesToHex(rawData(log, 'address', 'log', 20)), registry)) return []
      return [decodeString(rawData(log, 'data', 'log'))]
    } catch {
      return []
    }
  })
}

/** `abi.encode(string)`. @throws anything, where it is none */
function decodeString(data: Uint8Array): string {
  const length = Number(bytesToHex(data.subarray(32, 64)))
  if (data[31] !== 32 || !(length <= MAX_REASON_BYTES) || data.length < 64 + length)
    throw new Error('no string')
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data.subarray(64, 64 + length))
}
