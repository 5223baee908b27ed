import { CountersignError } from './errors.ts'
import { type Bytes32, bytesToHex, concatBytes, hexToBytes, keccak256, utf8ToBytes } from './hex.ts'

/** One member of an EIP-712 struct. */
export interface TypedField {
  name: string
  type: string
}
export type TypedTypes = Record<string, readonly TypedField[]>
export interface TypedDomain {
  name?: string
  version?: string
  chainId?: number | bigint | string
  verifyingContract?: string
  salt?: string
}
/** Writes the 32-byte encoding of a value at `offset`. */
type Encoder = (value: unknown, out: Uint8Array, offset: number, at: Place) => void

/** Where a value stands, from the inside out: turned into text only for an error. */
interface Place {
  step: string | number
  above: Place | undefined
}

const WORD = 32
const DOMAIN_FIELDS: readonly TypedField[] = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
  { name: 'salt', type: 'bytes32' },
]

/** A set of EIP-712 types made ready once, so that hashing a message costs its keccak256 calls and little else. */
export interface CompiledTypes {
  /** `encodeType` of EIP-712: the primary type, then those it refers to in alphabetical order. */
  encodeType(type: string): string
  /** `keccak256(typeHash ‖ encodeData(value))`. @throws TYPED_DATA_INVALID naming the member */
  hashStruct(type: string, value: unknown): Uint8Array
}

export function compileTypes(types: TypedTypes): CompiledTypes {
  const encoders = new Map<string, Encoder>()
  const structs = new Map<string, (value: unknown, at: Place) => Uint8Array>()

  function referredTypes(type: string, found = new Set<string>()): Set<string> {
    const base = type.replace(/(\[\d*\])+$/, '')
    const fields = types[base]
    if (fields === undefined || found.has(base)) return found
    found.add(base)
    for (const field of fields) referredTypes(field.type, found)
    return found
  }

  function encodeType(type: string): string {
    if (types[type] === undefined) return unknownType(type, 'is not among the types')
    const others = [...referredTypes(type)].filter((name) => name !== type).sort()
    return [type, ...others]
      .map((name) => `${name}(${types[name]!.map((field) => `${field.type} ${field.name}`).join(',')})`)
      .join('')
  }

  function structHasher(type: string): (value: unknown, at: Place) => Uint8Array {
    const known = structs.get(type)
    if (known !== undefined) return known
    const typeHash = keccak256(utf8ToBytes(encodeType(type)))
    let members: [string, Encoder][] | undefined
    const hasher = (value: unknown, at: Place): Uint8Array => {
      if (typeof value !== 'object' || value === null) return invalid(at, `is not a ${type}`)
      // Lazily, because a struct may refer to itself.
      members ??= types[type]!.map((field) => [field.name, encoderOf(field.type)])
      const encoded = new Uint8Array(WORD * (members.length + 1))
      encoded.set(typeHash)
      let offset = WORD
      for (const [name, encode] of members) {
        encode((value as Record<string, unknown>)[name], encoded, offset, { step: name, above: at })
        offset += WORD
      }
      return keccak256(encoded)
    }
    structs.set(type, hasher)
    return hasher
  }

  function encoderOf(type: string): Encoder {
    const known = encoders.get(type)
    if (known !== undefined) return known
    const encoder = arrayEncoder(type) ?? (types[type] ? structEncoder(type) : atomicEncoder(type))
    encoders.set(type, encoder)
    return encoder
  }

  function structEncoder(type: string): Encoder {
    const hasher = structHasher(type)
    return (value, out, offset, at) => out.set(hasher(value, at), offset)
  }

  function arrayEncoder(type: string): Encoder | undefined {
    const match = /^(.*)\[(\d*)\]$/.exec(type)
    if (match === null) return undefined
    const element = encoderOf(match[1]!)
    const length = match[2] === '' ? undefined : Number(match[2])
    return (value, out, offset, at) => {
      if (!Array.isArray(value) || (length !== undefined && value.length !== length))
        return invalid(at, `is not a ${type}`)
      const encoded = new Uint8Array(WORD * value.length)
      value.forEach((item, i) => {
        element(item, encoded, WORD * i, { step: i, above: at })
      })
      out.set(keccak256(encoded), offset)
    }
  }

  return {
    encodeType,
    hashStruct: (type, value) => structHasher(type)(value, { step: type, above: undefined }),
  }
}

/** The domain separator. Only the members present take part, in the order EIP-712 gives. */
export function domainSeparator(domain: TypedDomain): Uint8Array {
  const fields = DOMAIN_FIELDS.filter((field) => domain[field.name as keyof TypedDomain] !== undefined)
  return compileTypes({ EIP712Domain: fields }).hashStruct('EIP712Domain', domain)
}

/** `keccak256(0x1901 ‖ domainSeparator ‖ structHash)`: what is signed. */
export const typedDataDigest = (separator: Uint8Array, structHash: Uint8Array): Bytes32 =>
  bytesToHex(keccak256(concatBytes(PREFIX, separator, structHash)))

const PREFIX = new Uint8Array([0x19, 0x01])

/** One-off form of the above. @throws TYPED_DATA_INVALID */
export const hashTypedData = (
  domain: TypedDomain,
  types: TypedTypes,
  primaryType: string,
  message: unknown,
): Bytes32 => typedDataDigest(domainSeparator(domain), compileTypes(types).hashStruct(primaryType, message))

function atomicEncoder(type: string): Encoder {
  if (type === 'string')
    return (value, out, offset, at) =>
      typeof value === 'string' ? out.set(hashOfText(value), offset) : invalid(at, 'is not a string')
  if (type === 'bytes') return (value, out, offset, at) => out.set(keccak256(toBytes(value, at)), offset)
  if (type === 'bool')
    return (value, out, offset, at) => {
      if (typeof value !== 'boolean') return invalid(at, 'is not a boolean')
      out[offset + WORD - 1] = value ? 1 : 0
    }
  if (type === 'address')
    return (value, out, offset, at) => out.set(toBytes(value, at, 20), offset + WORD - 20)
  const fixed = /^bytes([1-9]|[12]\d|3[0-2])$/.exec(type)
  if (fixed !== null) {
    const length = Number(fixed[1])
    return (value, out, offset, at) => out.set(toBytes(value, at, length), offset)
  }
  const integer = /^(u?)int(\d*)$/.exec(type)
  if (integer !== null) return integerEncoder(integer[1] === 'u', Number(integer[2] || 256), type)
  return unknownType(type, 'is neither an EIP-712 type nor among the types')
}

/** Methods, paths and names come back in every message; only short ones are kept, and few. */
function hashOfText(text: string): Uint8Array {
  let hash = textHashes.get(text)
  if (hash !== undefined) return hash
  hash = keccak256(utf8ToBytes(text))
  if (text.length <= MAX_KEPT_TEXT) {
    if (textHashes.size >= MAX_TEXT_HASHES) textHashes.clear()
    textHashes.set(text, hash)
  }
  return hash
}

const MAX_KEPT_TEXT = 64
const MAX_TEXT_HASHES = 256
const textHashes = new Map<string, Uint8Array>()

function integerEncoder(unsigned: boolean, bits: number, type: string): Encoder {
  if (bits === 0 || bits > 256 || bits % 8 !== 0) return unknownType(type, 'is not an integer type')
  const min = unsigned ? 0n : -(1n << BigInt(bits - 1))
  const max = (1n << BigInt(unsigned ? bits : bits - 1)) - 1n
  return (value, out, offset, at) => {
    const number = toBigInt(value, at)
    if (number < min || number > max) return invalid(at, `is out of the range of ${type}`)
    let rest = BigInt.asUintN(256, number)
    for (let i = offset + WORD - 1; rest > 0n; i--, rest >>= 8n) out[i] = Number(rest & 0xffn)
  }
}

function toBigInt(value: unknown, at: Place): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (typeof value === 'string' && /^(-?\d+|-?0x[0-9a-fA-F]+)$/.test(value))
    return value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value)
  return invalid(at, 'is not an integer')
}

function toBytes(value: unknown, at: Place, length?: number): Uint8Array {
  if (typeof value !== 'string') return invalid(at, 'is not hexadecimal data')
  try {
    return hexToBytes(value, length)
  } catch (cause) {
    return invalid(at, (cause as Error).message, cause)
  }
}

const toText = ({ step, above }: Place): string => {
  if (above === undefined) return String(step)
  return toText(above) + (typeof step === 'number' ? `[${step}]` : `.${step}`)
}

function invalid(at: Place, what: string, cause?: unknown): never {
  throw new CountersignError('TYPED_DATA_INVALID', `${toText(at)} ${what}`, { cause })
}

function unknownType(type: string, what: string): never {
  throw new CountersignError('TYPED_DATA_INVALID', `type ${type} ${what}`)
}
