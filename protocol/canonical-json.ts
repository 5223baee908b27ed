import canonicalize from 'canonicalize'
import { CountersignError } from './errors.ts'
import { utf8ToBytes } from './hex.ts'

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json }

type LargeIntegers = NonNullable<CanonicalJsonOptions['largeIntegers']>

/** Deeper than any answer a person reads, shallow enough that no walk over it exhausts the stack. */
const MAX_DEPTH = 64

export interface CanonicalJsonOptions {
  /** RFC 8785 itself carries 1e30; here an integer that a double cannot tell from its neighbour is refused unless accepted. */
  largeIntegers?: 'refuse' | 'accept'
}

/**
 * Canonical JSON by RFC 8785 (JCS).
 * @throws JSON_NOT_CANONICALISABLE, naming the path, for values JCS cannot carry without loss or doubt: NaN, infinities, integers
 * past 2^53 as numbers, unpaired surrogates, undefined, functions, bigints, class instances, nesting past 64.
 */
export function canonicalJson(
  value: unknown,
  { largeIntegers = 'refuse' }: CanonicalJsonOptions = {},
): string {
  assertCanonicalisable(value, '$', 0, largeIntegers)
  return canonicalize(value) as string
}

/** The UTF-8 bytes of {@link canonicalJson}. */
export const canonicalBytes = (value: unknown): Uint8Array => utf8ToBytes(canonicalJson(value))

/** @throws JSON_MALFORMED. The parser's own message is left out: it quotes the input, which may be personal data. */
export function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new CountersignError('JSON_MALFORMED', `not well-formed JSON (${text.length} characters)`)
  }
}

function assertCanonicalisable(
  value: unknown,
  path: string,
  depth: number,
  largeIntegers: LargeIntegers,
): void {
  if (depth > MAX_DEPTH) refuse(path, `nested deeper than ${MAX_DEPTH}`)
  switch (typeof value) {
    case 'boolean':
      return
    case 'string':
      if (!value.isWellFormed()) refuse(path, 'a string with an unpaired surrogate')
      return
    case 'number':
      if (!Number.isFinite(value)) refuse(path, 'not a finite number')
      if (largeIntegers === 'refuse' && Number.isInteger(value) && !Number.isSafeInteger(value))
        refuse(path, 'an integer past 2^53 as a number')
      return
    case 'object':
      if (value === null) return
      if (Array.isArray(value)) {
        for (let i = 0; i < value.length; i++)
          assertCanonicalisable(value[i], `${path}[${i}]`, depth + 1, largeIntegers)
        return
      }
      assertPlainObject(value, path, depth, largeIntegers)
      return
    default:
      refuse(path, `a ${typeof value}`)
  }
}

function assertPlainObject(value: object, path: string, depth: number, largeIntegers: LargeIntegers): void {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) refuse(path, 'not a plain object')
  for (const [name, member] of Object.entries(value)) {
    if (!name.isWellFormed()) refuse(path, 'a member name with an unpaired surrogate')
    assertCanonicalisable(member, `${path}.${name}`, depth + 1, largeIntegers)
  }
}

function refuse(path: string, what: string): never {
  throw new CountersignError('JSON_NOT_CANONICALISABLE', `${path} is ${what}`, { details: { path } })
}
