import type { StoreReader } from '../../store/store.ts'

/**
 * The newest kept block up to `upTo` that is before a time; -1 when there is none. Timestamps ascend with the numbers, and between two kept
 * blocks there are no rows.
 * @param time unix seconds
 */
export async function lastBlockBefore(
  store: Pick<StoreReader, 'findLastBlock'>,
  chainId: number,
  upTo: number,
  time: number,
): Promise<number> {
  let found = -1
  let low = 0
  let high = upTo
  while (low <= high) {
    const middle = Math.floor((low + high) / 2)
    const block = await store.findLastBlock(chainId, middle)
    if (block === undefined || block.timestamp < time) {
      found = block?.number ?? found
      low = middle + 1
    } else high = block.number - 1
  }
  return found
}
