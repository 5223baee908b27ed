import { useLayoutEffect } from 'preact/hooks'

/** A page on a public terminal forgets who went away. */
const IDLE_MS = 5 * 60_000
const ACTIVITIES = ['pointerdown', 'keydown', 'scroll', 'touchstart'] as const

/** Calls `onIdle` when nothing was done for five minutes, as long as there is something to forget. */
export function useIdle(isWatching: boolean, onIdle: () => void): void {
  useLayoutEffect(() => {
    if (!isWatching) return undefined
    let timer = setTimeout(onIdle, IDLE_MS)
    const onActivity = () => {
      clearTimeout(timer)
      timer = setTimeout(onIdle, IDLE_MS)
    }
    for (const activity of ACTIVITIES) window.addEventListener(activity, onActivity, { passive: true })
    return () => {
      clearTimeout(timer)
      for (const activity of ACTIVITIES) window.removeEventListener(activity, onActivity)
    }
  }, [isWatching])
}
