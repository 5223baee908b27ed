// PostgreSQL takes any text but U+0000, which whoever writes to the chain may put into theirs.
const NUL = '\u0000'
const ESCAPE = '\uFFFE'

/** @returns text without U+0000, from which `unescapeText` makes what it was */
export function escapeText(text: string): string {
  if (!text.includes(NUL) && !text.includes(ESCAPE)) return text
  return text.replaceAll(ESCAPE, `${ESCAPE}1`).replaceAll(NUL, `${ESCAPE}0`)
}

export function unescapeText(text: string): string {
  if (!text.includes(ESCAPE)) return text
  return text.replaceAll(`${ESCAPE}0`, NUL).replaceAll(`${ESCAPE}1`, ESCAPE)
}
