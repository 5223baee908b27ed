import type { Checkpoint } from '../store/store.ts'
import type { ChainHeads } from './chain-heads.ts'
import { CommitDraft } from './commit-draft.ts'
import type { Completeness } from './completeness.ts'
import type { SyncContext } from './sync-context.ts'

export interface ChainWriterDeps extends SyncContext {
  completeness: Completeness
  /** Called after rows were written, with the tables that have new ones. */
  onCommit: (tables: readonly string[]) => void
}

/** Beside the rows: undo everything above a block first; note how far a contract was caught up, null for all the way. */
export interface CommitOptions {
  rollbackTo?: number
  caughtUp?: { contractId: number; block: number | null }
}

/** Writes rows, heads and checkpoint together, and then shows them in the view. */
export class ChainWriter {
  readonly #deps: ChainWriterDeps

  constructor(deps: ChainWriterDeps) {
    this.#deps = deps
  }

  /** @param heads where the authors stand before the draft */
  newDraft(finalNumber: number, heads: ChainHeads): CommitDraft {
    return new CommitDraft({
      chainId: this.#deps.config.chainId,
      finalNumber,
      baseOf: (contractId, author) => heads.find(contractId, author),
    })
  }

  /** So that whoever leaves logs out can be named. */
  noteServed(from: number, to: number, endpoint: string): void {
    this.#deps.completeness.served.note(from, to, endpoint)
  }

  /** Nothing announces what may be missing of long stretches: everybody is to be compared. */
  noteUncompared(): void {
    this.#deps.completeness.beginAnew()
  }

  async commit(draft: CommitDraft, checkpoint: Checkpoint, options: CommitOptions = {}): Promise<void> {
    if (options.rollbackTo === undefined) return this.#commit(draft, checkpoint, options)
    const { view } = this.#deps
    const { promise, resolve } = Promise.withResolvers<void>()
    view.changing = promise
    try {
      await this.#commit(draft, checkpoint, options)
    } finally {
      view.changing = undefined
      resolve()
    }
  }

  async #commit(draft: CommitDraft, checkpoint: Checkpoint, options: CommitOptions): Promise<void> {
    const { config, store, view, completeness, metrics, log, onCommit } = this.#deps
    const { chainId } = config
    const rows = draft.rows()
    const heads = draft.heads()
    const isRollback = options.rollbackTo !== undefined
    // What was verified is written with the next rows: a write of its own would cost a flush of the disk.
    const verified = completeness.takeVerified()
    await store.commit({
      chainId,
      base: view.checkpoint!.hash,
      blocks: [...draft.blocks.values()],
      rows,
      heads,
      checkpoint,
      verified,
      ...options,
    })
    const rolledBack = isRollback ? await store.listHeads(chainId, checkpoint.number) : undefined
    // From here to the end nothing is awaited: whoever reads the view sees all of it or nothing.
    if (rolledBack !== undefined) view.heads.reload(rolledBack)
    else for (const head of heads) view.heads.update(head)
    view.checkpoint = checkpoint
    if (options.rollbackTo !== undefined) {
      completeness.noteRollback(options.rollbackTo)
      for (const { stored } of view.contracts)
        if (stored.caughtUpTo !== null) stored.caughtUpTo = Math.min(stored.caughtUpTo, options.rollbackTo)
    }
    if ((heads.length > 0 || isRollback) && view.completeness === 'complete') view.completeness = 'unverified'
    metrics.committed(chainId, checkpoint.number, draft.eventCount)
    const tables = rows.map(({ table }) => table as string)
    if (tables.length > 0 || isRollback) onCommit(tables)
    if (draft.eventCount > 0)
      log.debug({ block: checkpoint.number, events: draft.eventCount }, 'events indexed')
  }
}
