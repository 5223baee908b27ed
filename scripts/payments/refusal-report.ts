import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { CountersignError } from '../../protocol/errors.ts'
import type { RefusedRow } from './upload.ts'

const SHOWN = 10

/** Refused rows as JSON lines in a file, which is made with the first and removed when there is none. */
export class RefusalReport {
  readonly #file: string
  #descriptor: number | undefined
  readonly #reasons = new Map<string, number>()
  readonly #first: RefusedRow[] = []

  /** @param file a report that is there already is replaced @throws FILE_UNREADABLE */
  constructor(file: string) {
    this.#file = file
    rmSync(file, { force: true })
  }

  add(row: RefusedRow): void {
    this.#descriptor ??= this.#open()
    writeSync(this.#descriptor, `${JSON.stringify(row)}\n`)
    this.#reasons.set(row.code, (this.#reasons.get(row.code) ?? 0) + 1)
    if (this.#first.length < SHOWN) this.#first.push(row)
  }

  /** Undefined when no row was refused. */
  get file(): string | undefined {
    return this.#descriptor === undefined ? undefined : this.#file
  }

  /** The first rows, in order. */
  get first(): readonly RefusedRow[] {
    return this.#first
  }

  /** How often each reason was given, most frequent first; a row may have several. */
  get reasons(): Record<string, number> {
    return Object.fromEntries([...this.#reasons].sort(([, a], [, b]) => b - a))
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
  }

  #open(): number {
    try {
      return openSync(this.#file, 'w', 0o600)
    } catch (cause) {
      throw new CountersignError('FILE_UNREADABLE', `the report ${this.#file} cannot be written`, {
        cause,
        action: 'Give another file with --report.',
      })
    }
  }
}
