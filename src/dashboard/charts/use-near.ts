/** Whether an element is in sight, or soon will be. */
import type { RefObject } from 'preact'
import { useEffect, useState } from 'preact/hooks'

export function useNear(element: RefObject<HTMLElement | null>): boolean {
  const [isNear, set] = useState(false)
  useEffect(() => {
    if (!element.current) return
    const observer = new IntersectionObserver((entries) => set(entries.at(-1)?.isIntersecting ?? false), {
      rootMargin: '300px',
    })
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [element])
  return isNear
}
