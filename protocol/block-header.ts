import { type Bytes32, bytesToHex, type Hex, keccak256Hex } from './hex.ts'
import { proofInvalid, proofUnbuildable } from './proof-error.ts'
import { type RawBlock, rawData, rawQuantity } from './raw-rpc.ts'
import { decodeRlpList, encodeRlp, rlpBytes, rlpNumber, rlpQuantity } from './rlp.ts'

/** What this project reads from a block header. Times are seconds since 1970. */
export interface BlockHeader {
  hash: Bytes32
  parentHash: Bytes32
  stateRoot: Bytes32
  receiptsRoot: Bytes32
  /** 256 bytes. */
  logsBloom: Hex
  number: number
  timestamp: number
}

/**
 * Header members by their JSON-RPC names, in the order in which they are hashed; with each its length in bytes, or
 * that it is a quantity or bytes of any length.
 */
const HEADER_FIELDS = [
  ['parentHash', 32],
  ['sha3Uncles', 32],
  ['miner', 20],
  ['stateRoot', 32],
  ['transactionsRoot', 32],
  ['receiptsRoot', 32],
  ['logsBloom', 256],
  ['difficulty', 'quantity'],
  ['number', 'quantity'],
  ['gasLimit', 'quantity'],
  ['gasUsed', 'quantity'],
  ['timestamp', 'quantity'],
  ['extraData', 'bytes'],
  ['mixHash', 32],
  ['nonce', 8],
  ['baseFeePerGas', 'quantity'], // London, EIP-1559
  ['withdrawalsRoot', 32], // Shanghai, EIP-4895
  ['blobGasUsed', 'quantity'], // Cancun, EIP-4844
  ['excessBlobGas', 'quantity'],
  ['parentBeaconBlockRoot', 32], // Cancun, EIP-4788
  ['requestsHash', 32], // Prague, EIP-7685; unchanged in Osaka
] as const

type HeaderField = (typeof HEADER_FIELDS)[number][0]

const POSITION = Object.fromEntries(HEADER_FIELDS.map(([name], position) => [name, position])) as Record<
  HeaderField,
  number
>

/** Frontier, London, Shanghai, Cancun, Prague: the forks that added to the header. */
const FIELD_COUNTS: readonly number[] = [15, 16, 17, 20, 21]

/** Mainnet allows 32 bytes of extra data, chains with proof of authority list their signers there. */
const MAX_HEADER_BYTES = 8192

/**
 * RLP of the header of a block as a node answered it. Nothing says yet that the node was right: see `headerOf`.
 * @throws PROOF_UNBUILDABLE when a member is missing or malformed
 */
export function encodeBlockHeader(block: RawBlock): Uint8Array {
  let count = HEADER_FIELDS.length
  while (count > 0 && isAbsent(block[HEADER_FIELDS[count - 1]![0]])) count--
  if (!FIELD_COUNTS.includes(count)) {
    const missing = HEADER_FIELDS.at(count)?.[0] ?? 'none'
    throw proofUnbuildable(
      `block header: ${count} members, which no fork has; the first missing is ${missing}`,
    )
  }
  return encodeRlp(
    HEADER_FIELDS.slice(0, count).map(([name, form]) =>
      form === 'quantity'
        ? rawQuantity(block, name, 'block header')
        : rawData(block, name, 'block header', form === 'bytes' ? undefined : form),
    ),
  )
}

/** keccak256 of a header's RLP: the block hash. */
export const blockHeaderHash = (header: Uint8Array): Bytes32 => keccak256Hex(header)

/**
 * Header of a block as a node answered it, after checking that it hashes to the `hash` in that answer.
 * @throws PROOF_UNBUILDABLE when it does not, as with a lying node or a header of a fork not known here
 */
export function headerOf(block: RawBlock): { rlp: Uint8Array; header: BlockHeader } {
  const rlp = encodeBlockHeader(block)
  const stated = bytesToHex(rawData(block, 'hash', 'block', 32))
  const hash = blockHeaderHash(rlp)
  if (hash !== stated)
    throw proofUnbuildable(`block: the header hashes to ${hash}, the node says the block is ${stated}`)
  return { rlp, header: decodeBlockHeader(rlp) }
}

/**
 * Reads the RLP of a header: canonical, with as many members as some fork has, each of its length.
 * @throws PROOF_INVALID
 */
export function decodeBlockHeader(rlp: Uint8Array): BlockHeader {
  if (rlp.length > MAX_HEADER_BYTES)
    throw proofInvalid(`block header: ${rlp.length} bytes, more than ${MAX_HEADER_BYTES}`)
  const items = decodeRlpList(rlp, 'block header')
  if (!FIELD_COUNTS.includes(items.length))
    throw proofInvalid(`block header: ${items.length} members, which no fork has`)
  items.forEach((item, position) => {
    const [name, form] = HEADER_FIELDS[position]!
    if (form === 'quantity') rlpQuantity(item, `block header: ${name}`)
    else rlpBytes(item, `block header: ${name}`, form === 'bytes' ? undefined : form)
  })
  const data = (name: HeaderField) => bytesToHex(rlpBytes(items[POSITION[name]], `block header: ${name}`))
  return {
    hash: blockHeaderHash(rlp),
    parentHash: data('parentHash'),
    stateRoot: data('stateRoot'),
    receiptsRoot: data('receiptsRoot'),
    logsBloom: data('logsBloom'),
    number: rlpNumber(items[POSITION.number], 'block header: number'),
    timestamp: rlpNumber(items[POSITION.timestamp], 'block header: timestamp'),
  }
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null
