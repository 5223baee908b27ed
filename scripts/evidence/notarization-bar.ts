import { SingleBar } from 'cli-progress'
import { duration } from '../payments/progress-bar.ts'

const FORMAT = '{bar} {percentage}% | {documents} of {total} documents | {rate} MB/s | {rest} left'
const MIN_STEP_MS = 100

/** How far a notarization is: by bytes, each of which is read once to be hashed and once to be sent. Shows nothing where stderr is no terminal. */
export class NotarizationBar {
  readonly #bar: SingleBar | undefined
  readonly #bytes: number
  readonly #documents: number
  readonly #startedAt = performance.now()
  #done = 0
  #doneDocuments = 0
  #shownAt = 0

  constructor(documents: number, bytes: number, isShown = process.stderr.isTTY === true) {
    this.#documents = documents
    this.#bytes = Math.max(1, 2 * bytes)
    if (!isShown) return
    this.#bar = new SingleBar({
      format: FORMAT,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
    })
    this.#bar.start(this.#bytes, 0, { documents: 0, total: documents, rate: 0, rest: '?' })
  }

  readonly addBytes = (bytes: number): void => {
    this.#done += bytes
    this.#show()
  }

  addDocument(): void {
    this.#doneDocuments++
    this.#show()
  }

  stop(): void {
    this.#bar?.stop()
  }

  #show(): void {
    if (this.#bar === undefined || performance.now() - this.#shownAt < MIN_STEP_MS) return
    this.#shownAt = performance.now()
    // What is sent again after a failure counts twice.
    const done = Math.min(this.#done, this.#bytes)
    const seconds = (performance.now() - this.#startedAt) / 1000
    const rate = done / Math.max(seconds, 0.001)
    this.#bar.update(done, {
      documents: this.#doneDocuments,
      total: this.#documents,
      rate: (rate / 1e6).toFixed(1),
      rest: rate > 0 ? duration((this.#bytes - done) / rate) : '?',
    })
  }
}
