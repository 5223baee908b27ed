import { canonicalBytes, type Json } from './canonical-json.ts'
import { type Bytes32, keccak256Hex } from './hex.ts'

/** `keccak256(JCS(result))`. @throws JSON_NOT_CANONICALISABLE */
export const contentHashOf = (result: Json): Bytes32 => keccak256Hex(canonicalBytes(result))
