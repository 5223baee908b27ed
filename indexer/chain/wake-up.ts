import { setTimeout as sleep } from 'node:timers/promises'

/** When to look at a chain again. Whatever it says or misses, the cursor decides what is read: it only saves waiting. */
export interface WakeUp {
  /** Time between two looks when nothing wakes earlier. */
  readonly intervalMs: number
  /** Resolves when it is time to look. */
  wait(signal: AbortSignal): Promise<void>
}

export const pollingWakeUp = (intervalMs: number): WakeUp => ({
  intervalMs,
  wait: (signal) => sleep(intervalMs, undefined, { signal }).catch(() => {}),
})
