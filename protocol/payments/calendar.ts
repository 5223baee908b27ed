/** Years that a payment may name: outside of them a digit was mistyped, and a year fits into one byte. */
export const FIRST_YEAR = 1900
export const LAST_YEAR = 2155

const DAY_MS = 86_400_000
const EPOCH_MS = Date.UTC(FIRST_YEAR, 0, 1)
export const DAY_SECONDS = 86_400

/** Days since 1900-01-01 of a `YYYY-MM-DD` that exists and lies in the years above. */
export function dayNumberOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined
  const time = Date.parse(`${text}T00:00:00Z`)
  // The platform takes 30 February for 2 March.
  if (Number.isNaN(time) || dayText((time - EPOCH_MS) / DAY_MS) !== text) return undefined
  return isYear(text.slice(0, 4)) ? (time - EPOCH_MS) / DAY_MS : undefined
}

export const dayText = (dayNumber: number): string =>
  new Date(EPOCH_MS + dayNumber * DAY_MS).toISOString().slice(0, 10)

/** Seconds since midnight of an `HH:MM:SS`. */
export function secondsOf(text: string): number | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d):([0-5]\d)$/.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3])
}

export const timeText = (seconds: number): string =>
  [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':')

/** Four digits between the first and the last year. */
export const isYear = (text: string): boolean =>
  /^\d{4}$/.test(text) && Number(text) >= FIRST_YEAR && Number(text) <= LAST_YEAR
