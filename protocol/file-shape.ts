import { CountersignError } from './errors.ts'
import { isBytes32, toAddress } from './hex.ts'
import { parseSerial } from './serial.ts'

/** Says whether a member of a proof file has the form it must have. */
export type MemberCheck = (value: unknown) => boolean
export type Shape = Record<string, MemberCheck>

const accepts =
  (parse: (text: string) => unknown): MemberCheck =>
  (value) => {
    try {
      return typeof value === 'string' && parse(value) === value
    } catch {
      return false
    }
  }

export const isCount: MemberCheck = (value) => Number.isSafeInteger(value) && (value as number) >= 0
export const isText: MemberCheck = (value) => typeof value === 'string' && value.length <= 1000
export const isTextList: MemberCheck = (value) =>
  Array.isArray(value) && value.length <= 100 && value.every(isText)
export const isHash: MemberCheck = isBytes32
export const isSignature: MemberCheck = (value) =>
  typeof value === 'string' && /^0x[0-9a-f]{130}$/.test(value)
/** With its EIP-55 checksum: one spelling. */
export const isAddress: MemberCheck = accepts(toAddress)
export const isSerial: MemberCheck = accepts(parseSerial)
export const isOneOf =
  (...values: unknown[]): MemberCheck =>
  (value) =>
    values.includes(value)
export const isNullOr =
  (check: MemberCheck): MemberCheck =>
  (value) =>
    value === null || check(value)
/** Checked by a function of its own. */
export const isObject: MemberCheck = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/** Any JSON value, as the file was parsed from JSON. */
export const isJson: MemberCheck = (value) => value !== undefined

/**
 * Checks that `value` has exactly the members of `shape`, each of its form.
 * @throws PROOF_FILE_INVALID naming the member; values are not quoted, they may be personal data.
 */
export function checkShape(value: unknown, shape: Shape, what: string): void {
  if (!isObject(value)) throw new CountersignError('PROOF_FILE_INVALID', `${what} is not an object`)
  const members = value as Record<string, unknown>
  for (const [name, check] of Object.entries(shape)) {
    if (!Object.hasOwn(members, name))
      throw new CountersignError('PROOF_FILE_INVALID', `${what}: ${name} is missing`)
    if (!check(members[name]))
      throw new CountersignError('PROOF_FILE_INVALID', `${what}: ${name} has not the form it must have`)
  }
  for (const name of Object.keys(members))
    if (!Object.hasOwn(shape, name))
      throw new CountersignError(
        'PROOF_FILE_INVALID',
        `${what}: unknown member ${JSON.stringify(name.slice(0, 40))}`,
      )
}

/** A shape as a member of another: the same check, as a predicate. */
export const isShaped =
  (shape: Shape): MemberCheck =>
  (value) => {
    try {
      checkShape(value, shape, 'member')
      return true
    } catch {
      return false
    }
  }
