import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { StoreReader } from '../store/store.ts'

/** The block up to which a list is read; later pages of it stand at the same. */
export interface BlockBound {
  chainId: number
  number: number
  hash: string
}

export const boundOf = (view: ChainView): BlockBound => ({
  chainId: view.config.chainId,
  number: view.checkpoint!.number,
  hash: bytesToHex(view.checkpoint!.hash),
})

export const encodeCursor = (state: unknown): string =>
  Buffer.from(JSON.stringify(state)).toString('base64url')

/** @throws CURSOR_INVALID unless `isState` holds of what was encoded */
export function decodeCursor<State>(text: string, isState: (value: unknown) => value is State): State {
  try {
    const state: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (isState(state)) return state
  } catch {
    // Answered below, like any other text that is no cursor.
  }
  throw new CountersignError('CURSOR_INVALID', 'the cursor is not one of this list')
}

/** @throws CURSOR_ORPHANED when the chain no longer has the block */
export async function checkBound(bound: BlockBound, view: ChainView, store: StoreReader): Promise<void> {
  const checkpoint = view.checkpoint
  const isFinal = checkpoint !== undefined && bound.number <= checkpoint.finalNumber
  if (isFinal) return
  const hash =
    bound.number === checkpoint?.number
      ? checkpoint.hash
      : (await store.findBlock(bound.chainId, bound.number))?.hash
  if (hash === undefined || bytesToHex(hash) !== bound.hash)
    throw new CountersignError(
      'CURSOR_ORPHANED',
      `chain ${bound.chainId} no longer has block ${bound.number} (${bound.hash})`,
    )
}

export const isBound = (value: unknown): value is BlockBound => {
  const bound = value as BlockBound
  return (
    typeof value === 'object' &&
    value !== null &&
    Number.isSafeInteger(bound.chainId) &&
    Number.isSafeInteger(bound.number) &&
    typeof bound.hash === 'string'
  )
}
