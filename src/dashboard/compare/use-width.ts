/** How wide an element is: a drawing fits its place. */
import type { RefObject } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

export function useWidth(element: RefObject<HTMLElement | null>, first = 800): number {
  const [width, measure] = useState(first)
  useLayoutEffect(() => {
    const { current } = element
    if (!current) return
    const observer = new ResizeObserver(([entry]) => {
      if (entry) measure(Math.round(entry.contentRect.width))
    })
    measure(Math.round(current.getBoundingClientRect().width))
    observer.observe(current)
    return () => observer.disconnect()
  }, [element])
  return width
}
