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
  return write(value, largeIntegers, undefined, 0)
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

/** Where a value stands, from the inside out: turned into text only for an error. */
interface Path {
  step: string | number
  above: Path | undefined
}

function write(value: unknown, large: LargeIntegers, path: Path | undefined, depth: number): string {
  if (depth > MAX_DEPTH) refuse(path, `nested deeper than ${MAX_DEPTH}`)
  switch (typeof value) {
    case 'boolean':
      return value ? 'true' : 'false'
    case 'string':
      if (!value.isWellFormed()) refuse(path, 'a string with an unpaired surrogate')
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) refuse(path, 'not a finite number')
      if (large === 'refuse' && Number.isInteger(value) && !Number.isSafeInteger(value))
        refuse(path, 'an integer past 2^53 as a number')
      // ECMAScript's own form of a number is the one that RFC 8785, section 3.2.2.3, asks for.
      return JSON.stringify(value)
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value)
        ? writeArray(value, large, path, depth)
        : writeObject(value, large, path, depth)
    default:
      return refuse(path, `a ${typeof value}`)
  }
}

function writeArray(items: unknown[], large: LargeIntegers, path: Path | undefined, depth: number): string {
  let text = '['
  for (let i = 0; i < items.length; i++)
    text += (i === 0 ? '' : ',') + write(items[i], large, { step: i, above: path }, depth + 1)
  return `${text}]`
}

function writeObject(value: object, large: LargeIntegers, path: Path | undefined, depth: number): string {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) refuse(path, 'not a plain object')
  let text = '{'
  // By UTF-16 code units, as RFC 8785, section 3.2.3, sorts and as `sort` does by itself.
  for (const name of Object.keys(value).sort()) {
    if (!name.isWellFormed()) refuse(path, 'a member name with an unpaired surrogate')
    const member = write(
      (value as Record<string, unknown>)[name],
      large,
      { step: name, above: path },
      depth + 1,
    )
    text += `${text.length === 1 ? '' : ','}${JSON.stringify(name)}:${member}`
  }
  return `${text}}`
}

function toText(path: Path | undefined): string {
  if (path === undefined) return '$'
  return toText(path.above) + (typeof path.step === 'number' ? `[${path.step}]` : `.${path.step}`)
}

function refuse(at: Path | undefined, what: string): never {
  const path = toText(at)
  throw new CountersignError('JSON_NOT_CANONICALISABLE', `${path} is ${what}`, { details: { path } })
}
