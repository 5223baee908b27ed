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
type Encoder = (value: unknown, path: string) => Uint8Array

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
  const structs = new Map<string, (value: unknown, path: string) => Uint8Array>()

  function referredTypes(type: string, found = new Set<string>()): Set<string> {
    const base = type.replace(/(\[\d*\])+$/, '')
    const fields = types[base]
    if (fields === undefined || found.has(base)) return found
    found.add(base)
    for (const field of fields) referredTypes(field.type, found)
    return found
  }

  function encodeType(type: string): string {
    if (types[type] === undefined) invalid(type, 'is not among the types')
    const others = [...referredTypes(type)].filter((name) => name !== type).sort()
    return [type, ...others]
      .map((name) => `${name}(${types[name]!.map((field) => `${field.type} ${field.name}`).join(',')})`)
      .join('')
  }

  function structHasher(type: string): (value: unknown, path: string) => Uint8Array {
    const known = structs.get(type)
    if (known !== undefined) return known
    const typeHash = keccak256(utf8ToBytes(encodeType(type)))
    let members: [string, Encoder][] | undefined
    const hasher = (value: unknown, path: string): Uint8Array => {
      if (typeof value !== 'object' || value === null) return invalid(path, `is not a ${type}`)
      // Lazily, because a struct may refer to itself.
      members ??= types[type]!.map((field) => [field.name, encoderOf(field.type)])
      const words = members.map(([name, encode]) =>
        encode((value as Record<string, unknown>)[name], `${path}.${name}`),
      )
      return keccak256(concatBytes(typeHash, ...words))
    }
    structs.set(type, hasher)
    return hasher
  }

  function encoderOf(type: string): Encoder {
    const known = encoders.get(type)
    if (known !== undefined) return known
    const encoder = arrayEncoder(type) ?? (types[type] ? structHasher(type) : atomicEncoder(type))
    encoders.set(type, encoder)
    return encoder
  }

  function arrayEncoder(type: string): Encoder | undefined {
    const match = /^(.*)\[(\d*)\]$/.exec(type)
    if (match === null) return undefined
    const element = encoderOf(match[1]!)
    const length = match[2] === '' ? undefined : Number(match[2])
    return (value, path) => {
      if (!Array.isArray(value) || (length !== undefined && value.length !== length))
        return invalid(path, `is not a ${type}`)
      return keccak256(concatBytes(...value.map((item, i) => element(item, `${path}[${i}]`))))
    }
  }

  return { encodeType, hashStruct: (type, value) => structHasher(type)(value, type) }
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
    return (value, path) =>
      typeof value === 'string' ? keccak256(utf8ToBytes(value)) : invalid(path, 'is not a string')
  if (type === 'bytes') return (value, path) => keccak256(toBytes(value, path))
  if (type === 'bool')
    return (value, path) =>
      typeof value === 'boolean' ? word(BigInt(value)) : invalid(path, 'is not a boolean')
  if (type === 'address')
    return (value, path) =>
      leftPad(toBytes(typeof value === 'string' ? value.toLowerCase() : value, path, 20))
  const fixed = /^bytes([1-9]|[12]\d|3[0-2])$/.exec(type)
  if (fixed !== null) return (value, path) => rightPad(toBytes(value, path, Number(fixed[1])))
  const integer = /^(u?)int(\d*)$/.exec(type)
  if (integer !== null) return integerEncoder(integer[1] === 'u', Number(integer[2] || 256), type)
  return invalid(type, 'is neither an EIP-712 type nor among the types')
}

function integerEncoder(unsigned: boolean, bits: number, type: string): Encoder {
  if (bits === 0 || bits > 256 || bits % 8 !== 0) return invalid(type, 'is not an integer type')
  const min = unsigned ? 0n : -(1n << BigInt(bits - 1))
  const max = (1n << BigInt(unsigned ? bits : bits - 1)) - 1n
  return (value, path) => {
    const number = toBigInt(value, path)
    if (number < min || number > max) return invalid(path, `is out of the range of ${type}`)
    return word(BigInt.asUintN(256, number))
  }
}

function toBigInt(value: unknown, path: string): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (typeof value === 'string' && /^(-?\d+|-?0x[0-9a-fA-F]+)$/.test(value))
    return value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value)
  return invalid(path, 'is not an integer')
}

function toBytes(value: unknown, path: string, length?: number): Uint8Array {
  if (typeof value !== 'string') return invalid(path, 'is not hexadecimal data')
  try {
    return hexToBytes(value, length)
  } catch (cause) {
    throw new CountersignError('TYPED_DATA_INVALID', `${path}: ${(cause as Error).message}`, { cause })
  }
}

const word = (value: bigint): Uint8Array => hexToBytes(`0x${value.toString(16).padStart(WORD * 2, '0')}`)

function leftPad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(WORD)
  padded.set(bytes, WORD - bytes.length)
  return padded
}

function rightPad(bytes: Uint8Array): Uint8Array {
  if (bytes.length === WORD) return bytes
  const padded = new Uint8Array(WORD)
  padded.set(bytes)
  return padded
}

function invalid(path: string, what: string): never {
  throw new CountersignError('TYPED_DATA_INVALID', `${path} ${what}`)
}
