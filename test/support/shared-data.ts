import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Context } from 'mocha'

/** Folder of the shared data sets and test suites; `COUNTERSIGN_DATA`, by default beside the project. */
export const sharedDataFolder = path.resolve(process.env.COUNTERSIGN_DATA ?? '../shared/data')

/** The path of a shared set. Where it is absent the test reports itself as skipped. */
export function sharedData(test: Context, ...parts: string[]): string {
  const folder = path.join(sharedDataFolder, ...parts)
  if (!existsSync(folder)) test.skip()
  return folder
}
