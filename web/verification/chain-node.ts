import type { CredentialChainReader } from '../../protocol/credentials/credential-standing.ts'
import type { IssuerDirectoryReader } from '../../protocol/credentials/issuer-check.ts'
import { reasonsIn, revocationFilter } from '../../protocol/credentials/revocation-log.ts'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import {
  type Address,
  bytesToHex,
  concatBytes,
  type Hex,
  hexToBytes,
  keccak256,
  toAddress,
  utf8ToBytes,
  ZERO_ADDRESS,
} from '../../protocol/hex.ts'
import {
  createPaymentChainReader,
  type PaymentChainReader,
  type RpcRequest,
} from '../../protocol/payments/payment-chain-reader.ts'
import { rawNumber, rawObject, toData } from '../../protocol/raw-rpc.ts'
import { uintWord } from '../../protocol/record-slots.ts'
import { PARTICIPANT_STATUSES, ROLES, rolesOf } from '../../protocol/roles.ts'

/** A node of a chain, as a verification asks it. */
export interface ChainNode extends PaymentChainReader, CredentialChainReader, IssuerDirectoryReader {
  /** Number of the newest block that the chain itself calls final; undefined where the node knows no such tag. @throws CHAIN_UNREACHABLE */
  finalizedBlock(): Promise<number | undefined>
}

export function createChainNode(request: RpcRequest): ChainNode {
  const call = async (to: Address, signature: string, ...words: Uint8Array[]): Promise<Uint8Array> => {
    const selector = keccak256(utf8ToBytes(signature)).subarray(0, 4)
    const data = bytesToHex(concatBytes(selector, ...words))
    const answer = toData(await request('eth_call', [{ to, data }, 'latest']), signature)
    if (answer.length === 0 || answer.length % 32 !== 0) throw noDirectory(to)
    return answer
  }
  return {
    ...createPaymentChainReader(request),
    async revocationReasons(registry, issuer, key) {
      const logs = await request('eth_getLogs', [revocationFilter(registry, issuer, key)]).catch(
        nullIfNoAnswer,
      )
      return reasonsIn(logs, registry)
    },
    async finalizedBlock() {
      const block = await request('eth_getBlockByNumber', ['finalized', false]).catch(nullIfNotSupported)
      return block === null ? undefined : rawNumber(rawObject(block, 'block'), 'number', 'block')
    },
    async participant(directory, account) {
      const answer = await call(directory, 'participantOf(address)', addressWord(account))
      const struct = wordOf(answer, 0, directory)
      const name = struct + wordOf(answer, struct + 128, directory)
      const length = wordOf(answer, name, directory)
      const text = answer.subarray(name + 32, name + 32 + length)
      return {
        roles: rolesOf(BigInt(bytesToHex(answer.subarray(struct, struct + 32)))),
        name: new TextDecoder().decode(text),
      }
    },
    async bookOf(directory, account, role) {
      const words = [addressWord(account), uintWord(ROLES[role])]
      const answer = await call(directory, 'bookOf(address,uint8)', ...words)
      if (answer.length !== 64) throw noDirectory(directory)
      const chainId = Number(bytesToHex(answer.subarray(0, 32)))
      const registry = toAddress(bytesToHex(answer.subarray(44)))
      return registry === ZERO_ADDRESS ? null : { chainId, registry }
    },
    async statusAt(directory, account, time) {
      const answer = await call(directory, 'statusAt(address,uint48)', addressWord(account), uintWord(time))
      const status = PARTICIPANT_STATUSES[wordOf(answer, 0, directory)]
      if (status === undefined) throw noDirectory(directory)
      return status
    },
  }
}

const addressWord = (account: Address): Uint8Array => concatBytes(new Uint8Array(12), hexToBytes(account, 20))

/** The number in the word at `offset`, where it may be an offset or a length in `bytes`. */
function wordOf(bytes: Uint8Array, offset: number, directory: Address): number {
  const word: Hex = bytesToHex(bytes.subarray(offset, offset + 32))
  const value = word.length === 66 ? Number(word) : Number.NaN
  if (!(value <= bytes.length)) throw noDirectory(directory)
  return value
}

const noDirectory = (address: Address): CountersignError =>
  new CountersignError('CHAIN_CONTRADICTS', `there is no participant directory at ${address} on this chain`)

function nullIfNotSupported(error: unknown): null {
  if (isCountersignError(error, 'CHAIN_UNREACHABLE') && error.details.isNotSupported === true) return null
  throw error
}

/** Many nodes search few blocks for events, or none: what only adds to an answer is not worth its failing. */
function nullIfNoAnswer(error: unknown): null {
  if (isCountersignError(error, 'CHAIN_UNREACHABLE')) return null
  throw error
}
