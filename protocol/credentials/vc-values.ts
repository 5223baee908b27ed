import { CountersignError } from '../errors.ts'

/** One rule of the data model that a document breaks. Values are never quoted, they may be personal. */
export const documentInvalid = (member: string, reason: string): CountersignError =>
  new CountersignError('CREDENTIAL_INVALID', `${member} ${reason}`, { details: { member } })

export type JsonObject = Record<string, unknown>

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

// RFC 3986: a scheme, and no character that a URL writes with a percent sign.
const ABSOLUTE_URL = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`\p{Cc}]+$/u
export const isAbsoluteUrl = (value: unknown): value is string =>
  typeof value === 'string' && ABSOLUTE_URL.test(value)

/** One value or a list of them, as JSON-LD writes sets. @throws CREDENTIAL_INVALID for an empty list */
export function oneOrMany(value: unknown, member: string): { item: unknown; at: string }[] {
  if (!Array.isArray(value)) return [{ item: value, at: member }]
  if (value.length === 0) throw documentInvalid(member, 'is an empty list')
  return value.map((item, i) => ({ item, at: `${member}[${i}]` }))
}

/** @throws CREDENTIAL_INVALID unless `id` is absent or a URL */
export function checkId(object: JsonObject, at: string): void {
  if (Object.hasOwn(object, 'id') && !isAbsoluteUrl(object.id))
    throw documentInvalid(at === '' ? 'id' : `${at}.id`, 'is not one URL')
}

const DATE_TIME_STAMP =
  /^(-?(?:[1-9]\d{3,}|0\d{3}))-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?|24:00:00(?:\.0+)?)(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))$/

/** Unix milliseconds of an `xsd:dateTimeStamp`, also out of a platform's range (infinite). @throws CREDENTIAL_INVALID */
export function dateTimeStamp(value: unknown, member: string): number {
  const match = typeof value === 'string' ? DATE_TIME_STAMP.exec(value) : null
  if (match === null) throw documentInvalid(member, 'is not a time with a time zone (xsd:dateTimeStamp)')
  const [text, year, month, day] = match
  if (Number(day) > daysOf(Number(year), Number(month))) throw documentInvalid(member, 'is a day that is not')
  const time = Date.parse(text)
  if (!Number.isNaN(time)) return time
  return year!.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

function daysOf(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31
}

const TEXT_MEMBERS = ['@value', '@language', '@direction']

/** `name` and `description`: a text, or language value objects (data model, section 11.1). @throws CREDENTIAL_INVALID */
export function checkTexts(object: JsonObject, at: string): void {
  for (const name of ['name', 'description']) {
    if (!Object.hasOwn(object, name)) continue
    for (const text of oneOrMany(object[name], at === '' ? name : `${at}.${name}`))
      checkText(text.item, text.at)
  }
}

function checkText(value: unknown, at: string): void {
  if (typeof value === 'string') return
  if (!isJsonObject(value)) throw documentInvalid(at, 'is neither a text nor a language value object')
  for (const name of Object.keys(value))
    if (!TEXT_MEMBERS.includes(name))
      throw documentInvalid(at, 'has a member that is none of @value, @language, @direction')
  if (typeof value['@value'] !== 'string') throw documentInvalid(`${at}.@value`, 'is not a text')
  const { '@language': language, '@direction': direction } = value
  if (
    language !== undefined &&
    (typeof language !== 'string' || !/^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$/.test(language))
  )
    throw documentInvalid(`${at}.@language`, 'is not a language tag (BCP 47)')
  if (direction !== undefined && direction !== 'ltr' && direction !== 'rtl')
    throw documentInvalid(`${at}.@direction`, 'is neither ltr nor rtl')
}
