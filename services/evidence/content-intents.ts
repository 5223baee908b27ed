import type { DatabaseSync } from 'node:sqlite'
import type { Logger } from 'pino'
import { type Bytes32, bytesToHex, hexToBytes } from '../../protocol/hex.ts'
import type { GroupCommit } from '../party/group-commit.ts'
import type { KeyedLocks } from '../party/keyed-locks.ts'
import type { ContentStore } from './content-store/content-store.ts'
import type { EvidenceStore } from './store/evidence-store.ts'

export interface ContentIntentsOptions {
  db: DatabaseSync
  commits: GroupCommit
  contents: ContentStore
  evidence: EvidenceStore
  contentLocks: KeyedLocks
  logger: Logger
}

/**
 * Remembers which contents are about to enter the content store, so that none stays there without a row of evidence: whatever ends an
 * upload in between, the content is taken out again.
 */
export class ContentIntents {
  readonly #options: ContentIntentsOptions
  readonly #add
  readonly #remove
  readonly #forget
  readonly #find
  readonly #all

  constructor(options: ContentIntentsOptions) {
    this.#options = options
    const { db } = options
    this.#add = db.prepare(
      'INSERT INTO content_intents VALUES (?, ?) ON CONFLICT DO UPDATE SET since = excluded.since',
    )
    this.#remove = db.prepare('DELETE FROM content_intents WHERE content_hash = ?')
    this.#forget = db.prepare('DELETE FROM content_intents WHERE content_hash = ? AND since <= ?')
    this.#find = db.prepare('SELECT 1 FROM content_intents WHERE content_hash = ?')
    this.#all = db.prepare('SELECT content_hash AS hash FROM content_intents ORDER BY since')
  }

  /** Before the content enters the store. On disk once it resolves. */
  async begin(contentHash: Bytes32): Promise<void> {
    const { commits } = this.#options
    await commits.write(() => this.#add.run(hexToBytes(contentHash, 32), Date.now()))
  }

  /** In the transaction that makes the row of evidence. */
  fulfil(contentHash: Bytes32): void {
    this.#remove.run(hexToBytes(contentHash, 32))
  }

  /**
   * Takes the content out again unless other evidence has the same. Call it with the content's lock held. Where the store may still get
   * to it later, the intent stays until it cannot any more.
   */
  async undo(contentHash: Bytes32): Promise<void> {
    const { commits, contents, evidence } = this.#options
    if (evidence.countWithContent(contentHash) === 0) await contents.remove(contentHash)
    const notAfter = Date.now() - contents.lateMs
    await commits.write(() => this.#forget.run(hexToBytes(contentHash, 32), notAfter))
  }

  /** Undoes what was begun and is not under way any more; returns how many. What fails is tried again at the next call. */
  async settle(): Promise<number> {
    const { contentLocks, logger } = this.#options
    const left = this.#all.all().map(({ hash }) => bytesToHex(hash as Uint8Array))
    let settled = 0
    for (const contentHash of left)
      await contentLocks
        .run([contentHash], async () => {
          // Whoever held the lock may have fulfilled it.
          if (this.#find.get(hexToBytes(contentHash, 32)) === undefined) return
          await this.undo(contentHash)
          settled++
        })
        .catch((err) =>
          logger.warn({ err }, 'a content without evidence could not be taken out of the store'),
        )
    return settled
  }
}
