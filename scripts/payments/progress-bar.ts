import { SingleBar } from 'cli-progress'
import type { UploadProgress } from './upload.ts'

const FORMAT = '{bar} {percentage}% | {settled} of {total} rows on chain | {rate} rows/s | {rest} left'

/** Rows that need nothing more: on chain, known before, or left out. The rest of the total is guessed from the part of the files read. */
export class ProgressBar {
  readonly #bar: SingleBar | undefined
  readonly #totalBytes: number
  readonly #startedAt = performance.now()

  /** Shows nothing where stderr is no terminal. */
  constructor(totalBytes: number, isShown = process.stderr.isTTY === true) {
    this.#totalBytes = totalBytes
    if (!isShown) return
    this.#bar = new SingleBar({
      format: FORMAT,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
    })
    this.#bar.start(1, 0, { settled: 0, total: '?', rate: 0, rest: '?' })
  }

  show({ counts, bytesRead, state }: UploadProgress): void {
    if (this.#bar === undefined) return
    const rows = counts.reduce((sum, { rows }) => sum + rows, 0)
    const isRead = bytesRead >= this.#totalBytes
    const total = isRead || bytesRead === 0 ? rows : Math.round((rows * this.#totalBytes) / bytesRead)
    const settled = Math.max(0, rows - (state === undefined ? rows : state.queued + state.sent))
    const seconds = (performance.now() - this.#startedAt) / 1000
    const rate = settled / Math.max(seconds, 0.001)
    this.#bar.setTotal(Math.max(1, total))
    this.#bar.update(Math.min(settled, total), {
      settled,
      total: isRead ? total : `about ${total}`,
      rate: Math.round(rate),
      rest: rate > 0 ? duration((total - settled) / rate) : '?',
    })
  }

  stop(): void {
    this.#bar?.stop()
  }
}

/** `1 h 02 min`, `3 min 05 s`, `12 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (value: number): string => String(value).padStart(2, '0')
  if (hours > 0) return `${hours} h ${two(minutes)} min`
  return minutes > 0 ? `${minutes} min ${two(rest)} s` : `${rest} s`
}
