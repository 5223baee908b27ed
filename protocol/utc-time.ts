/** RFC 3339 in UTC with whole seconds: the one spelling of a time in a credential. As a regular expression for schemas. */
export const UTC_TIME_PATTERN = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$'
const UTC_TIME = new RegExp(UTC_TIME_PATTERN)

/** @param seconds unix seconds, up to the year 9999 */
export const utcTime = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`

/** The same for people, also of a second past every calendar, which a made-up block header may carry. */
export const utcTimeText = (seconds: number): string =>
  seconds <= LAST_SECOND ? utcTime(seconds) : `second ${seconds}`

/** Of the year 9999. */
const LAST_SECOND = 253_402_300_799

/** Unix seconds of a `YYYY-MM-DDTHH:MM:SSZ` that exists, from 1970 on; undefined for any other text. */
export function secondsOfUtcTime(text: unknown): number | undefined {
  if (typeof text !== 'string' || !UTC_TIME.test(text)) return undefined
  const seconds = Date.parse(text) / 1000
  // The platform takes 30 February for 2 March, and 24:00 for the next day.
  return seconds >= 0 && utcTime(seconds) === text ? seconds : undefined
}
