import { decodeBlockHeader, headerOf } from './block-header.ts'
import { type Address, type Bytes32, bytesToHex, type Hex, hexToBytes, keccak256, toAddress } from './hex.ts'
import { proofInvalid, proofUnbuildable } from './proof-error.ts'
import { checkMembers, proofBytes, proofIndex, proofNodes } from './proof-members.ts'
import { type RawBlock, type RawObject, rawArray, rawData, rawObject, toData } from './raw-rpc.ts'
import { decodeRlp, decodeRlpList, rlpBytes, rlpList, rlpQuantity } from './rlp.ts'
import { readTrieProof, selectTrieProof } from './trie-proof.ts'

/**
 * Proves the value of one storage slot of a contract after a block (EIP-1186). All data is lower-case hexadecimal text
 * save `address`, which has its EIP-55 checksum. A `value` of zero is proven by the absence of the slot.
 */
export interface StorageProof {
  kind: 'storage'
  blockNumber: number
  blockHash: Bytes32
  /** RLP of the block header. */
  header: Hex
  address: Address
  slot: Bytes32
  value: Bytes32
  /** Nodes of the state trie from the root to the account. */
  accountProof: Hex[]
  /** Nodes of the account's storage trie from its root to the slot. */
  storageProof: Hex[]
}

/** What a `StorageProof` proves, provided that its block is part of the chain. */
export interface ProvenStorage {
  address: Address
  slot: Bytes32
  value: Bytes32
  blockNumber: number
  blockHash: Bytes32
  /** Time of the block, seconds since 1970. */
  timestamp: number
}

const MEMBERS: readonly (keyof StorageProof)[] = [
  'kind',
  'blockNumber',
  'blockHash',
  'header',
  'address',
  'slot',
  'value',
  'accountProof',
  'storageProof',
]

/** Keys of the state trie and of storage tries are hashes. */
const KEY_BYTES = 32

/**
 * Makes a proof from `eth_getProof(address, [slot], block)` and the block, both as a node answered them, and checks it.
 * @throws PROOF_UNBUILDABLE when the answers contradict each other, lack the slot, or there is no account at the address
 */
export async function buildStorageProof(source: {
  block: RawBlock
  proof: RawObject
  slot: Bytes32
}): Promise<StorageProof> {
  const { rlp, header } = headerOf(source.block)
  const what = 'eth_getProof'
  const address = rawData(source.proof, 'address', what, 20)
  const answered = storageOf(source.proof, source.slot)
  const nodesOf = (object: RawObject, name: string) =>
    rawArray(object, name, what).map((node) => toData(node, `${what}: node of ${name}`))
  try {
    const account = selectTrieProof(
      hexToBytes(header.stateRoot),
      keccak256(address),
      nodesOf(source.proof, 'accountProof'),
      'account proof',
    )
    const storage = selectTrieProof(
      storageRootOf(account.value),
      keccak256(hexToBytes(source.slot)),
      nodesOf(answered, 'proof'),
      'storage proof',
    )
    return {
      kind: 'storage',
      blockNumber: header.number,
      blockHash: header.hash,
      header: bytesToHex(rlp),
      address: toAddress(bytesToHex(address)),
      slot: source.slot,
      value: wordOf(storage.value),
      accountProof: account.nodes.map(bytesToHex),
      storageProof: storage.nodes.map(bytesToHex),
    }
  } catch (error) {
    throw proofUnbuildable(`${what}: ${(error as Error).message}`, error)
  }
}

/**
 * Checks a proof without a network: up to the block hash. Whether that block is part of the chain is left to be asked
 * of a node. Nothing in a proof can be changed or spelt otherwise without being refused here.
 * @throws PROOF_INVALID with the reason
 */
export async function verifyStorageProof(proof: StorageProof): Promise<ProvenStorage> {
  checkMembers(proof, MEMBERS, 'storage proof')
  if (proof.kind !== 'storage') throw proofInvalid('storage proof: kind is not "storage"')
  const blockNumber = proofIndex(proof.blockNumber, 'storage proof: blockNumber')
  proofBytes(proof.blockHash, 'storage proof: blockHash', 32)
  const address = addressBytes(proof.address)
  const slot = proofBytes(proof.slot, 'storage proof: slot', 32)
  proofBytes(proof.value, 'storage proof: value', 32)

  const header = decodeBlockHeader(proofBytes(proof.header, 'storage proof: header'))
  if (header.hash !== proof.blockHash)
    throw proofInvalid(
      `storage proof: the header hashes to ${header.hash}, not to the block hash ${proof.blockHash}`,
    )
  if (header.number !== blockNumber)
    throw proofInvalid(`storage proof: the header is of block ${header.number}, not ${blockNumber}`)

  const accountNodes = proofNodes(proof.accountProof, KEY_BYTES, 'account proof')
  const account = readTrieProof(
    hexToBytes(header.stateRoot),
    keccak256(address),
    accountNodes,
    'account proof',
  )
  const storageNodes = proofNodes(proof.storageProof, KEY_BYTES, 'storage proof')
  const value = wordOf(readTrieProof(storageRootOf(account), keccak256(slot), storageNodes, 'storage proof'))
  if (value !== proof.value) throw proofInvalid(`storage proof: the slot holds ${value}, not ${proof.value}`)
  return {
    address: proof.address,
    slot: proof.slot,
    value,
    blockNumber,
    blockHash: header.hash,
    timestamp: header.timestamp,
  }
}

/**
 * The root of a contract's whole storage after a block, from `eth_getProof(address, [], block)` and the block, both as a node
 * answered them: up to the block's hash nothing of it is the node's word.
 * @throws PROOF_UNBUILDABLE when the answers contradict each other, the header's fork is not known here, or there is no account
 */
export function accountStorageRoot({ block, proof }: { block: RawBlock; proof: RawObject }): {
  storageRoot: Bytes32
  blockHash: Bytes32
} {
  const { header } = headerOf(block)
  const what = 'eth_getProof'
  const nodes = rawArray(proof, 'accountProof', what).map((node) => toData(node, `${what}: node`))
  try {
    const key = keccak256(rawData(proof, 'address', what, 20))
    const account = selectTrieProof(hexToBytes(header.stateRoot), key, nodes, 'account proof')
    return { storageRoot: bytesToHex(storageRootOf(account.value)), blockHash: header.hash }
  } catch (error) {
    throw proofUnbuildable(`${what}: ${(error as Error).message}`, error)
  }
}

/** An account is RLP of nonce, balance, storage root, code hash. */
function storageRootOf(account: Uint8Array | undefined): Uint8Array {
  if (account === undefined) throw proofInvalid('account proof: there is no account at the address')
  const items = rlpList(decodeRlpList(account, 'account'), 'account', 4)
  return rlpBytes(items[2], 'account: storage root', 32)
}

/** Storage holds RLP of the value without leading zeros. */
function wordOf(value: Uint8Array | undefined): Bytes32 {
  const digits =
    value === undefined
      ? ''
      : bytesToHex(rlpQuantity(decodeRlp(value, 'storage value'), 'storage value')).slice(2)
  return `0x${digits.padStart(64, '0')}`
}

/** The element of `storageProof` for a slot; nodes spell its key with or without leading zeros. */
function storageOf(proof: RawObject, slot: Bytes32): RawObject {
  for (const element of rawArray(proof, 'storageProof', 'eth_getProof')) {
    const storage = rawObject(element, 'eth_getProof: storageProof')
    const { key } = storage
    if (typeof key === 'string' && /^0x[0-9a-fA-F]{1,64}$/.test(key) && BigInt(key) === BigInt(slot))
      return storage
  }
  throw proofUnbuildable(`eth_getProof: no proof of slot ${slot}`)
}

function addressBytes(text: string): Uint8Array {
  let checksummed: Address
  try {
    checksummed = toAddress(text)
  } catch (error) {
    throw proofInvalid('storage proof: address is not an address', error)
  }
  if (text !== checksummed) throw proofInvalid('storage proof: address is not in its checksummed form')
  return hexToBytes(text)
}
