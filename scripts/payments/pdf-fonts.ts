import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export type Weight = 400 | 700

const require = createRequire(import.meta.url)
const FONT = '@fontsource/noto-sans-sc'

/** The parts of the font, each a file of its own: latin first, as the others repeat some of it. */
interface FontPart {
  name: string
  /** Code points, both inclusive. */
  ranges: [number, number][]
}

let parts: FontPart[] | undefined

/** The file of Noto Sans SC that has a character; undefined when none has. */
export function fontFileOf(codePoint: number, weight: Weight): string | undefined {
  parts ??= readParts()
  const part = parts.find(({ ranges }) => ranges.some(([from, to]) => codePoint >= from && codePoint <= to))
  return part && require.resolve(`${FONT}/files/noto-sans-sc-${part.name}-${weight}-normal.woff`)
}

function readParts(): FontPart[] {
  const byPart: Record<string, string> = JSON.parse(
    readFileSync(require.resolve(`${FONT}/unicode.json`), 'utf8'),
  )
  return Object.entries(byPart)
    .map(([name, ranges]) => ({ name: name.replace(/[[\]]/g, ''), ranges: ranges.split(',').map(toRange) }))
    .sort((a, b) => Number(b.name === 'latin') - Number(a.name === 'latin'))
}

/** `U+4E00-9FFF` or `U+20AC`. */
function toRange(text: string): [number, number] {
  const [from = '', to = from] = text.slice(2).split('-')
  return [Number.parseInt(from, 16), Number.parseInt(to, 16)]
}
