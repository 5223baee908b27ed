import { mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { CountersignError } from '../../protocol/errors.ts'
import { reasonOf } from './named-documents.ts'

/**
 * Writes a file that only its owner reads, whole or not at all: whatever ends the process, there is the file from before or the new one.
 * Folders on the way are made. @throws FILE_UNREADABLE
 */
export async function writeDurably(file: string, content: string): Promise<void> {
  const draft = `${file}.${process.pid}.part`
  try {
    await mkdir(path.dirname(file), { recursive: true })
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => {})
    throw new CountersignError('FILE_UNREADABLE', `${file} cannot be written: ${reasonOf(cause)}`, {
      cause,
      action: 'Give a folder that can be written to with --out.',
    })
  }
}
