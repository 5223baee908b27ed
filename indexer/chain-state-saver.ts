import type { Logger } from 'pino'
import type { ChainView } from './chain/chain-view.ts'
import type { Store } from './store/store.ts'

const LOOK_MS = 25
/** A block is told with its commit; that the head moved on beside it may wait, a state may not. */
const TIP_MS = 250
/** Readers take a writer that says nothing for five times as long for one that is gone. */
const REPEAT_MS = 2_000

interface Saved {
  state: string
  tip: number | undefined
  at: number
}

/** Tells readers of the store what the writer knows of its chains: when it changed, and from time to time that it still lives. */
export function saveChainStates(
  store: Pick<Store, 'saveChainState'>,
  views: ReadonlyMap<number, ChainView>,
  log: Logger,
): { close(): Promise<void> } {
  const saved = new Map<number, Saved>()
  let running: Promise<void> | undefined
  let isFailing = false

  async function look(): Promise<void> {
    for (const view of views.values()) {
      // There is no row to belong to before the chain was first read.
      if (view.checkpoint === undefined) continue
      const { config, tip, completeness, alarm, lastError, reorganisations } = view
      // Told with the next row: a write for their sake would make every reader's answers look new.
      const books = [...(view.books ?? [])].map(
        ([contractId, { storageRoot, wholeAt }]) => [contractId, { storageRoot, wholeAt }] as const,
      )
      const state = JSON.stringify([view.state, completeness, alarm, lastError, reorganisations])
      const last = saved.get(config.chainId)
      const age = performance.now() - (last?.at ?? Number.NEGATIVE_INFINITY)
      const isDue = last?.state !== state || age >= REPEAT_MS || (last.tip !== tip?.number && age >= TIP_MS)
      if (!isDue) continue
      await store.saveChainState({
        chainId: config.chainId,
        state: view.state,
        tip: tip ?? null,
        completeness,
        alarm: alarm ?? null,
        lastError: lastError ?? null,
        reorganisations,
        endpoints: view.endpoints(),
        books,
        updatedAt: Date.now(),
      })
      saved.set(config.chainId, { state, tip: tip?.number, at: performance.now() })
    }
  }

  const timer = setInterval(() => {
    running ??= look()
      .then(
        () => {
          isFailing = false
        },
        (error: unknown) => {
          if (!isFailing) log.warn({ err: error }, 'readers cannot be told of the chains')
          isFailing = true
        },
      )
      .finally(() => {
        running = undefined
      })
  }, LOOK_MS)
  return {
    async close() {
      clearInterval(timer)
      await running
    },
  }
}
