import { useLayoutEffect } from 'preact/hooks'

/** Calls `onRestored` when somebody goes back to the page and the browser has kept it as it was left. */
export function useRestored(onRestored: () => void): void {
  useLayoutEffect(() => {
    const onPageShow = ({ persisted }: PageTransitionEvent) => persisted && onRestored()
    window.addEventListener('pageshow', onPageShow)
    return () => window.removeEventListener('pageshow', onPageShow)
  }, [])
}
