import { fontFileOf, type Weight } from './pdf-fonts.ts'

type Document = PDFKit.PDFDocument

export interface TextStyle {
  /** In points, as everything here. */
  size: number
  weight?: Weight
  color?: string
}

interface Run {
  file: string
  text: string
}

const LINE_HEIGHT = 1.45
/** Ideographs and their punctuation may end a line anywhere, other text between words only. */
const TOKENS =
  /[\p{Script=Han}\u3000-\u303f\uff00-\uffef]|[^\s\p{Script=Han}\u3000-\u303f\uff00-\uffef]+|\s+/gu

/** Writes text of several scripts, with the part of the font that each character needs; what no part has is written as `U+1F600`. */
export class PdfText {
  readonly #document: Document

  constructor(document: Document) {
    this.#document = document
  }

  /** @returns the height that it took */
  write(text: string, x: number, y: number, width: number, style: TextStyle): number {
    const lines = this.#lines(text, width, style)
    this.#document.fillColor(style.color ?? '#1b2124')
    lines.forEach((line, i) => {
      let at = x
      for (const { file, text: part } of this.#runs(line, style.weight ?? 400)) {
        this.#document
          .font(file)
          .fontSize(style.size)
          .text(part, at, y + i * style.size * LINE_HEIGHT, { lineBreak: false })
        at += this.#document.widthOfString(part)
      }
    })
    return lines.length * style.size * LINE_HEIGHT
  }

  width(text: string, { size, weight = 400 }: TextStyle): number {
    let width = 0
    for (const { file, text: part } of this.#runs(text, weight))
      width += this.#document.font(file).fontSize(size).widthOfString(part)
    return width
  }

  #lines(text: string, width: number, style: TextStyle): string[] {
    const lines = ['']
    const add = (token: string): void => {
      const line = lines.at(-1)!
      if (this.width(line + token, style) <= width) lines[lines.length - 1] = line + token
      else if (token.trim() !== '') {
        if (line !== '') lines.push('')
        const characters = [...token]
        if (characters.length > 1 && this.width(token, style) > width) characters.forEach(add)
        else lines[lines.length - 1] += token
      }
    }
    for (const [token] of text.matchAll(TOKENS)) add(token)
    return lines
  }

  #runs(text: string, weight: Weight): Run[] {
    const runs: Run[] = []
    const add = (file: string, part: string): void => {
      const last = runs.at(-1)
      if (last?.file === file) last.text += part
      else runs.push({ file, text: part })
    }
    const latin = fontFileOf(65, weight)!
    for (const character of text) {
      const codePoint = character.codePointAt(0)!
      const file = fontFileOf(codePoint, weight)
      if (file === undefined || !this.#has(file, codePoint))
        add(latin, `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`)
      else add(file, character)
    }
    return runs
  }

  readonly #known = new Map<string, boolean>()

  /** The files do not have all that their list says; a box in a character's place would say something else. */
  #has(file: string, codePoint: number): boolean {
    const key = `${file}:${codePoint}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const { _font } = this.#document.font(file) as unknown as {
      _font: { font: { hasGlyphForCodePoint(codePoint: number): boolean } }
    }
    const has = _font.font.hasGlyphForCodePoint(codePoint)
    this.#known.set(key, has)
    return has
  }
}
