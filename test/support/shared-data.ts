import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Context } from 'mocha'

// Beside the project unless said otherwise; read in place, no part of this repository.
const FOLDER = process.env.COUNTERSIGN_DATA ?? path.resolve(import.meta.dirname, '../../../shared/data')

/** The path of a shared data set or published test suite. Where it is absent the test reports itself as skipped. */
export function sharedData(test: Context, ...parts: string[]): string {
  const folder = path.join(FOLDER, ...parts)
  if (!existsSync(folder)) test.skip()
  return folder
}
