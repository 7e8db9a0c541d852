/** Where a part of a view was scrolled to: on the way back it is there again. */
import { useEffect } from 'preact/hooks'

/** By the part's name and the address. */
const places = new Map<string, number>()

/** How long a part may take until it is as long as it was, in milliseconds. */
const PATIENCE = 2_000

let isBack = false
addEventListener('popstate', () => {
  isBack = true
})
for (const kind of ['click', 'keydown'] as const) addEventListener(kind, () => (isBack = false), true)

/** Keeps the place of what scrolls, and goes back to it where the browser has gone back to its address. */
export function useScrollPlace(scroller: { current: HTMLElement | null }, name: string): void {
  useEffect(() => {
    const element = scroller.current
    if (!element) return
    const keyOf = () => `${name} ${location.pathname}${location.search}`
    const wanted = isBack ? places.get(keyOf()) : undefined
    const deadline = performance.now() + PATIENCE
    let isRestoring = wanted !== undefined
    // What it consists of may come a little later; whoever scrolls meanwhile has the last word.
    const restore = () => {
      if (!isRestoring || wanted === undefined) return
      element.scrollTop = wanted
      isRestoring = element.scrollTop < wanted - 1 && performance.now() < deadline
      if (isRestoring) requestAnimationFrame(restore)
    }
    const stop = () => {
      isRestoring = false
    }
    const keep = () => {
      if (!isRestoring) places.set(keyOf(), element.scrollTop)
    }
    restore()
    const listening = new AbortController()
    const options = { passive: true, signal: listening.signal }
    element.addEventListener('scroll', keep, options)
    for (const kind of ['wheel', 'pointerdown', 'keydown']) element.addEventListener(kind, stop, options)
    return () => {
      stop()
      listening.abort()
    }
  }, [scroller, name])
}
