import { useLayoutEffect } from 'preact/hooks'
import { type Carried, takeCarried } from '../fragment.ts'

/**
 * Hands over what the address bar carries, now and whenever that changes. Listens before the browser can say that the page is loaded:
 * an effect comes after the next frame, and what arrives until then would be lost.
 */
export function useCarried(onCarried: (carried: NonNullable<Carried>) => void): void {
  useLayoutEffect(() => {
    const take = () => {
      const carried = takeCarried()
      if (carried !== undefined) onCarried(carried)
    }
    window.addEventListener('hashchange', take)
    take()
    return () => window.removeEventListener('hashchange', take)
  }, [])
}
