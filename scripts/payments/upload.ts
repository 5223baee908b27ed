import { setTimeout as sleep } from 'node:timers/promises'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { countsRows } from '../../services/tax-office/import/order-id-template.ts'
import type { ImportedRow, PaymentDraft } from '../../services/tax-office/import/read-payments.ts'
import type { PaymentOutcome, TaxOfficeClient, UploadState } from '../cli/tax-office-client.ts'
import { type PaymentFile, rowsOf } from './payment-file.ts'

/** Rows of a file, by what became of them. */
export interface FileCounts {
  file: string
  rows: number
  /** Taken by the office now. */
  added: number
  /** The office had them already, with the same content. */
  known: number
  refused: number
  /** Left out by a rule of the mapping. */
  skipped: number
  /** Lines that repeat an earlier one of the same file. */
  repeated: number
  /** Nothing of it was sent: ids of its rows may shift once others are mended. */
  heldBack: boolean
}

export interface RefusedRow {
  file: string
  line: number
  code: string
  reason: string
  column?: string
}

export interface UploadOptions {
  client: TaxOfficeClient
  /** Told of every refused row, in order of the file. */
  onRefused: (row: RefusedRow) => void
  /** Told after every batch, and every time the office was asked how far it is. */
  onProgress: (progress: UploadProgress) => void
  /** Milliseconds without progress after which the upload gives up. */
  patienceMs: number
  /** Sends a file also when its order ids count rows, and some of them cannot be counted. Default false. */
  allowShiftingIds?: boolean
  /** Rows in one request, 1 to 1,000. */
  batchRows?: number
}

export interface UploadProgress {
  counts: readonly FileCounts[]
  /** Of all files. */
  bytesRead: number
  /** Undefined until the office was asked. */
  state: UploadState | undefined
}

interface Batch {
  counts: FileCounts
  rows: { line: number; record: PaymentDraft }[]
}

const DEFAULT_BATCH_ROWS = 500
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 2_000
const LOOK_EVERY_MS = 200

/** Sends files of payments to a tax office, one batch after the other, and waits until they are on chain. */
export class PaymentUpload {
  readonly #options: UploadOptions
  readonly #counts: FileCounts[] = []
  #bytesRead = 0
  #state: UploadState | undefined
  #movedAt = Date.now()
  #lookedAt = 0

  constructor(options: UploadOptions) {
    this.#options = options
  }

  get progress(): UploadProgress {
    return { counts: this.#counts, bytesRead: this.#bytesRead, state: this.#state }
  }

  /**
   * Hands in every row of a file. The next batch is read while one is under way; none is sent before the one before it was answered,
   * so that the office takes rows in the file's order. A file of which nothing may be sent is read to its end, for all that is wrong.
   * @throws PAYMENT_FILE_INVALID, what the office refuses a whole request for, TAX_OFFICE_UNREACHABLE or NOT_READY when out of patience
   */
  async send(file: PaymentFile): Promise<FileCounts> {
    const counts = {
      file: file.file,
      ...{ rows: 0, added: 0, known: 0, refused: 0, skipped: 0, repeated: 0 },
      heldBack: await this.#mayShift(file),
    }
    this.#counts.push(counts)
    const { batchRows = DEFAULT_BATCH_ROWS } = this.#options
    let rows: Batch['rows'] = []
    let underWay: Promise<void> = Promise.resolve()
    const flush = async (): Promise<void> => {
      await underWay
      if (rows.length > 0) underWay = this.#post({ counts, rows })
      // It is awaited above; meanwhile reading may fail first.
      underWay.catch(() => {})
      rows = []
    }
    for await (const row of rowsOf(file, (bytes) => {
      this.#bytesRead += bytes
    })) {
      counts.rows++
      if (!('record' in row)) this.#leaveOut(row, counts)
      else if (!counts.heldBack) rows.push(row)
      if (rows.length >= batchRows) await flush()
    }
    await flush()
    await underWay
    return counts
  }

  /** Waits until nothing is on its way to the chain any more. @throws RECORDING_TIMED_OUT when out of patience */
  async settle(untilFinal: boolean): Promise<UploadState> {
    for (;;) {
      const state = await this.#look()
      const waiting = state.queued + state.sent + (untilFinal ? state.onChain : 0)
      if (waiting === 0) return state
      if (Date.now() - this.#movedAt > this.#options.patienceMs)
        throw new CountersignError(
          'RECORDING_TIMED_OUT',
          `${waiting} payments wait for the chain, and none got there for ${this.#options.patienceMs / 1000} s`,
        )
      await sleep(LOOK_EVERY_MS)
    }
  }

  /** Whether a row that is refused now may take the order id of another once it is mended. */
  async #mayShift(file: PaymentFile): Promise<boolean> {
    if (this.#options.allowShiftingIds || !countsRows(file.mapping.orderId)) return false
    for await (const row of rowsOf(file)) if ('refusals' in row && row.isUncounted) return true
    return false
  }

  #leaveOut(row: Exclude<ImportedRow, { record: PaymentDraft }>, counts: FileCounts): void {
    if ('skipped' in row) counts.skipped++
    else if ('duplicateOf' in row) counts.repeated++
    else {
      counts.refused++
      for (const { code, reason, column } of row.refusals)
        this.#options.onRefused({
          file: counts.file,
          line: row.line,
          code,
          reason,
          ...(column !== undefined && { column }),
        })
    }
  }

  async #post({ counts, rows }: Batch): Promise<void> {
    const { client, onProgress } = this.#options
    const outcomes = await this.#persist(() => client.upload(rows.map(({ record }) => record)))
    if (outcomes.length !== rows.length)
      throw new CountersignError('TAX_OFFICE_UNREACHABLE', 'the answer is not one of a tax office')
    for (const [i, { line }] of rows.entries()) this.#count(counts, line, outcomes[i]!)
    if (Date.now() - this.#lookedAt > LOOK_EVERY_MS) await this.#look()
    else onProgress(this.progress)
  }

  #count(counts: FileCounts, line: number, { outcome, code, detail }: PaymentOutcome): void {
    if (outcome === 'queued') counts.added++
    else if (outcome === 'duplicate') counts.known++
    else {
      counts.refused++
      this.#options.onRefused({ file: counts.file, line, code: code ?? 'INTERNAL', reason: detail ?? '' })
    }
  }

  async #look(): Promise<UploadState> {
    const { client, onProgress } = this.#options
    const before = this.#state
    const state = await this.#persist(() => client.uploads())
    this.#lookedAt = Date.now()
    if (before === undefined || settledIn(state) !== settledIn(before) || state.final !== before.final)
      this.#movedAt = Date.now()
    this.#state = state
    onProgress(this.progress)
    return state
  }

  /** Asks again while the office cannot be reached or has no room: what it took before a failure it knows again. */
  async #persist<T>(ask: () => Promise<T>): Promise<T> {
    let failingSince: number | undefined
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask()
      } catch (error) {
        if (!isCountersignError(error) || !error.retryable) throw error
        failingSince ??= Date.now()
        if (Date.now() - failingSince > this.#options.patienceMs) throw error
        await sleep(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10)))
        if (isCountersignError(error, 'NOT_READY')) failingSince = await this.#hasMovedSince(failingSince)
      }
    }
  }

  /** An office whose queue is full is no failure as long as its queue moves. */
  async #hasMovedSince(failingSince: number): Promise<number> {
    const before = this.#state
    const state = await this.#options.client.uploads().catch(() => before)
    if (state === undefined || state === before) return failingSince
    this.#state = state
    this.#options.onProgress(this.progress)
    return before === undefined || settledIn(state) > settledIn(before) ? Date.now() : failingSince
  }
}

const settledIn = ({ payments, queued, sent }: UploadState): number => payments - queued - sent
