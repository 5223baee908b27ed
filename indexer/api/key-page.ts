import type { KeyPage, RecordRow, StoreReader } from '../store/store.ts'

export type KeyPosition = NonNullable<KeyPage['after']>

/** Up to which block a chain is answered for. */
interface Bound {
  chainId: number
  number: number
}

export interface RowsOfKey {
  rows: RecordRow[]
  /** Where the next page goes on; undefined after the last. */
  next: KeyPosition | undefined
}

/** One page of the records of a key, up to the bounds of their chains when there are any. */
export async function readRowsOfKey(
  store: StoreReader,
  key: Uint8Array,
  { author, after, limit }: KeyPage,
  bounds: readonly Bound[] | undefined,
): Promise<RowsOfKey> {
  const rows: RecordRow[] = []
  let from = after
  for (;;) {
    const asked = limit + 1 - rows.length
    const found = await store.findRecords(key, {
      ...(author === undefined ? {} : { author }),
      ...(from === undefined ? {} : { after: from }),
      limit: asked,
    })
    const past = bounds === undefined ? -1 : found.findIndex((row) => !isWithin(row, bounds))
    if (past < 0) {
      rows.push(...found)
      break
    }
    rows.push(...found.slice(0, past))
    if (rows.length > limit) break
    // The rest of this chain is past its bound: the next chain follows.
    from = { chainId: found[past]!.chainId, ...END_OF_CHAIN }
  }
  const page = rows.slice(0, limit)
  return { rows: page, next: rows.length > limit ? positionOf(page.at(-1)!) : undefined }
}

const END_OF_CHAIN = { blockNumber: Number.MAX_SAFE_INTEGER, logIndex: 0, entryIndex: 0 }

export const isWithin = (
  { chainId, blockNumber }: { chainId: number; blockNumber: number },
  bounds: readonly Bound[],
): boolean => bounds.some((bound) => bound.chainId === chainId && blockNumber <= bound.number)

const positionOf = ({ chainId, blockNumber, logIndex, entryIndex }: RecordRow): KeyPosition => ({
  chainId,
  blockNumber,
  logIndex,
  entryIndex,
})
