import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * What nobody who keeps evidence can do without: each document hashed, written under its hash, and synced.
 * @returns documents a second
 */
export async function measureBaseline(documents: readonly Buffer[], atOnce: number): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-baseline-'))
  try {
    for (let i = 0; i < 256; i++) mkdirSync(path.join(folder, i.toString(16).padStart(2, '0')))
    const from = performance.now()
    await forEachAtOnce(documents, atOnce, async (document) => {
      const hash = createHash('sha256').update(document).digest('hex')
      const file = await open(path.join(folder, hash.slice(0, 2), hash.slice(2)), 'wx')
      await file.write(document)
      await file.sync()
      await file.close()
    })
    return documents.length / ((performance.now() - from) / 1000)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Takes each item in turn, `atOnce` of them under way. */
export async function forEachAtOnce<Item>(
  items: readonly Item[],
  atOnce: number,
  take: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next++
      await take(items[index]!, index)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
