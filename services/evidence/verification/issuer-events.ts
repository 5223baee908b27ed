import { AbiCoder } from 'ethers'
import {
  CREDENTIAL_ISSUED_TOPIC,
  CREDENTIAL_REVOKED_TOPIC,
} from '../../../protocol/credentials/credential-event.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { type Address, type Bytes32, hexToBytes, keccak256Hex } from '../../../protocol/hex.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import type { JsonRpc } from '../../party/book-writer/chain-access.ts'

const LOG_RANGE = 1_000
/** Past it, a node with all logs has to be asked by other means. */
const MAX_RANGES = 2_000

export interface Revocation {
  reason: string
  blockNumber: number
}

/** The blocks that are looked through, both ends included. */
export interface BlockRange {
  from: number
  to: number
}

interface RawLog {
  data: string
  blockNumber: string
}

/** Finds the events behind an issuer's slots. The slot says whether an event is the right one; its block is the node's word. */
export class IssuerEvents {
  readonly #rpc: JsonRpc
  readonly #registry: Registry
  readonly #issuer: Address

  constructor(rpc: JsonRpc, registry: Registry, issuer: Address) {
    this.#rpc = rpc
    this.#registry = registry
    this.#issuer = issuer
  }

  /** Number of the block in which the credential of that key was issued. @throws RECORD_NOT_LOCATED, CHAIN_UNREACHABLE */
  async findIssue(key: Bytes32, digest: Bytes32, range: BlockRange): Promise<number> {
    const { blockNumber } = await this.#find(
      CREDENTIAL_ISSUED_TOPIC,
      key,
      ({ data }) => data === digest,
      range,
    )
    return Number(blockNumber)
  }

  /** @throws RECORD_NOT_LOCATED when no event in the range has the reason of that hash; CHAIN_UNREACHABLE */
  async findRevocation(key: Bytes32, reasonHash: Bytes32, range: BlockRange): Promise<Revocation> {
    const isRight = ({ data }: RawLog): boolean => {
      const reason = reasonIn(data)
      return reason !== undefined && keccak256Hex(reason) === reasonHash
    }
    const { data, blockNumber } = await this.#find(CREDENTIAL_REVOKED_TOPIC, key, isRight, range)
    // Whoever revokes may write any bytes; a statement has text.
    return { reason: new TextDecoder().decode(reasonIn(data)), blockNumber: Number(blockNumber) }
  }

  /** From the end of the range: what is asked for is mostly recent. */
  async #find(
    topic: Bytes32,
    key: Bytes32,
    isRight: (log: RawLog) => boolean,
    { from, to }: BlockRange,
  ): Promise<RawLog> {
    const issuer = `0x${this.#issuer.slice(2).toLowerCase().padStart(64, '0')}`
    for (let end = to, ranges = 0; end >= from && ranges < MAX_RANGES; end -= LOG_RANGE, ranges++) {
      const logs = await this.#rpc.send('eth_getLogs', [
        {
          address: this.#registry.registry,
          topics: [topic, key, issuer],
          fromBlock: toQuantity(Math.max(from, end - LOG_RANGE + 1)),
          toBlock: toQuantity(end),
        },
      ])
      const found = Array.isArray(logs) ? logs.find(isRight) : undefined
      if (found !== undefined) return found
    }
    throw new CountersignError(
      'RECORD_NOT_LOCATED',
      'a slot of the registry is filled, and no event says how',
    )
  }
}

function reasonIn(data: string): Uint8Array | undefined {
  try {
    const [reason] = AbiCoder.defaultAbiCoder().decode(['bytes'], data)
    return hexToBytes(reason)
  } catch {
    return undefined
  }
}
