import { type Bytes32, keccak256Hex, utf8ToBytes } from './hex.ts'

/** The first topic of a Solidity event, from its signature, e.g. `Transfer(address,address,uint256)`. */
export const eventTopic = (signature: string): Bytes32 => keccak256Hex(utf8ToBytes(signature))
