import type { Hex } from '../../protocol/hex.ts'
import { HeadSocket } from './wake-up-socket.ts'

/** A new head as a notification named it. A hint only: it says which block to ask for, nothing of it is believed. */
export interface HeadHint {
  number: number
  hash: Hex
  parentHash: Hex
}

export type WakeUpKind = 'websocket' | 'polling'

/** When to look at a chain again. Whatever it says or misses, the cursor decides what is read: it only saves waiting. */
export interface WakeUp {
  /** Time between two looks when nothing wakes earlier and no socket is up. */
  readonly intervalMs: number
  /** Which one is in use just now. */
  readonly kind: WakeUpKind
  /**
   * Resolves when it is time to look: at once when a head was announced since the last look. Nobody is asked to announce
   * heads before the first wait: who reads a chain from its start needs none.
   */
  wait(signal: AbortSignal): Promise<void>
  /** Heads announced since the last call, oldest first. */
  takeHints(): HeadHint[]
  /** A look found the chain's head there, announced or not. */
  noteHead(number: number): void
  close(): void
}

export interface WakeUpOptions {
  pollMs: number
  /** Addresses to try in turn; none: only polling. */
  webSocketUrls: readonly string[]
  onChange?: (kind: WakeUpKind) => void
}

/** Looks while a socket is up: for what it keeps silent about. */
const SLOW_POLL_MS = 1_000
/** A head that a look found and the socket did not announce for so long: it is dead. */
const SILENCE_MS = 1_000
const MAX_HINTS = 64

/** Announcements over WebSocket where an endpoint offers them, polling as long as none does. */
export function createWakeUp({ pollMs, webSocketUrls, onChange }: WakeUpOptions): WakeUp {
  let hints: HeadHint[] = []
  let isPending = false
  let wake: (() => void) | undefined
  let announced = -1
  let unannounced: { number: number; since: number } | undefined

  const ring = () => {
    isPending = true
    wake?.()
  }
  const socket =
    webSocketUrls.length === 0
      ? undefined
      : new HeadSocket(webSocketUrls, {
          onHead(hint) {
            announced = hint.number
            if (unannounced !== undefined && hint.number >= unannounced.number) unannounced = undefined
            hints.push(hint)
            // Who is so far behind reads on by numbers.
            if (hints.length > MAX_HINTS) hints = hints.slice(-MAX_HINTS)
            ring()
          },
          onChange(isUp) {
            unannounced = undefined
            announced = -1
            onChange?.(isUp ? 'websocket' : 'polling')
            // Heads may have come while nobody listened; and the next look is due by another clock.
            ring()
          },
        })
  const isUp = () => socket?.isUp === true

  return {
    intervalMs: pollMs,
    get kind() {
      return isUp() ? 'websocket' : 'polling'
    },
    async wait(signal) {
      socket?.begin()
      if (!isPending && !signal.aborted)
        await new Promise<void>((resolve) => {
          const done = () => {
            clearTimeout(timer)
            signal.removeEventListener('abort', done)
            wake = undefined
            resolve()
          }
          const timer = setTimeout(done, isUp() ? Math.max(pollMs, SLOW_POLL_MS) : pollMs)
          signal.addEventListener('abort', done, { once: true })
          wake = done
        })
      isPending = false
    },
    takeHints() {
      const taken = hints
      hints = []
      return taken
    },
    noteHead(number) {
      if (!isUp() || number <= announced) {
        unannounced = undefined
        return
      }
      const now = performance.now()
      // Until it has announced anything, what is there already is no silence.
      if (announced === -1) announced = number
      else if (unannounced === undefined) unannounced = { number, since: now }
      else if (now - unannounced.since > SILENCE_MS) {
        unannounced = undefined
        socket!.restart()
      }
    },
    close: () => socket?.close(),
  }
}

/** Where an endpoint's own WebSocket would be. */
export function webSocketUrlOf(rpcUrl: string): string {
  const url = new URL(rpcUrl)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
