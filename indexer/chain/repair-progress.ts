import { EMPTY_HEAD_BYTES } from './chain-heads.ts'
import type { Boundary } from './head-bisect.ts'
import type { FoldedHead } from './stored-events.ts'

/** A head after a block, with all it has taken in. */
export type ReachedHead = Boundary & FoldedHead

export const nothingBefore = (block: number): ReachedHead => ({
  block: block - 1,
  head: EMPTY_HEAD_BYTES,
  entryCount: 0,
  lastBlock: -1,
})

/** How far a repair has come: up to where the rows are right, and what the author's heads are to be written anew from. */
export class RepairProgress {
  readonly start: ReachedHead
  readonly #finalNumber: number
  #reached: ReachedHead
  #anchor: ReachedHead

  constructor(start: ReachedHead, finalNumber: number) {
    this.start = start
    this.#finalNumber = finalNumber
    this.#reached = start
    this.#anchor = start
  }

  get reached(): ReachedHead {
    return this.#reached
  }

  /** The newest head reached at or below the final block, or where the repair set out. */
  get anchor(): ReachedHead {
    return this.#anchor
  }

  /** Whether the final block lies within a stretch. */
  isFinalWithin(from: Boundary, to: Boundary): boolean {
    return from.block < this.#finalNumber && this.#finalNumber < to.block
  }

  /** @param added what the stretch that begins where the repair stands has up to the final block */
  noteFinal(added: FoldedHead): void {
    this.#anchor = {
      block: this.#finalNumber,
      head: added.head,
      entryCount: this.#reached.entryCount + added.entryCount,
      lastBlock: added.lastBlock,
    }
  }

  /** @param added what the stretch up to `to` has */
  advance(to: Boundary, added: Omit<FoldedHead, 'head'>): void {
    this.#reached = {
      ...to,
      entryCount: this.#reached.entryCount + added.entryCount,
      lastBlock: Math.max(this.#reached.lastBlock, added.lastBlock),
    }
    if (to.block <= this.#finalNumber) this.#anchor = this.#reached
  }
}
