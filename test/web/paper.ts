import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import jsqr from 'jsqr'

// A CommonJS module, whose function is a member of what an import gives.
const jsQR = jsqr as unknown as typeof jsqr.default

export interface Paper {
  pages: number
  /** In millimetres. */
  size: [width: number, height: number]
  /** Without blanks: where fonts change, readers of PDF put some of their own. */
  text: string
  /** Names of the fonts that are embedded; of one that is not, with a star. */
  fonts: string[]
  /** What the QR code on the first page says; undefined when none is read. */
  qr: string | undefined
}

const MM_PER_POINT = 25.4 / 72
/** What an ordinary office printer does. */
const DOTS_PER_INCH = 300

/** A PDF as it comes out on paper, read back. Needs poppler's programs. */
export function readPaper(pdf: Uint8Array): Paper {
  const folder = mkdtempSync(join(tmpdir(), 'paper-'))
  try {
    const file = join(folder, 'paper.pdf')
    writeFileSync(file, pdf)
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
    const about = run('pdfinfo', file)
    const [, width, height] = /Page size:\s+([\d.]+) x ([\d.]+)/.exec(about)!
    run('pdftoppm', '-r', String(DOTS_PER_INCH), '-gray', '-singlefile', file, join(folder, 'paper'))
    return {
      pages: Number(/Pages:\s+(\d+)/.exec(about)![1]),
      size: [Math.round(Number(width) * MM_PER_POINT), Math.round(Number(height) * MM_PER_POINT)],
      text: run('pdftotext', file, '-').replace(/\s/g, ''),
      fonts: run('pdffonts', file)
        .split('\n')
        .slice(2)
        .filter(Boolean)
        .map(
          (line) =>
            `${line.split(/\s+/)[0]}${/\s(yes|no)\s+(yes|no)\s+(yes|no)\s/.exec(line)?.[1] === 'yes' ? '' : '*'}`,
        ),
      qr: readQr(readFileSync(join(folder, 'paper.pgm'))),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Of a picture in raw PGM. */
function readQr(picture: Buffer): string | undefined {
  const [head, width, height] = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(picture.toString('latin1', 0, 40))!
  const grey = picture.subarray(head.length)
  const pixels = new Uint8ClampedArray(4 * grey.length)
  for (const [i, value] of grey.entries()) pixels.fill(value, 4 * i, 4 * i + 3)
  return jsQR(pixels, Number(width), Number(height))?.data
}
