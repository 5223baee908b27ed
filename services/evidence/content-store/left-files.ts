import { randomUUID } from 'node:crypto'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'

const NAME = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** A name for a file that is written, then moved away or removed. */
export const newFileName = (): string => randomUUID()

/** Removes the files of such names that an earlier process left in a folder, and nothing else; returns how many. */
export async function removeLeftFiles(folder: string): Promise<number> {
  const found = await readdir(folder, { withFileTypes: true })
  const left = found.filter((entry) => entry.isFile() && NAME.test(entry.name))
  for (const { name } of left) await unlink(join(folder, name))
  return left.length
}
